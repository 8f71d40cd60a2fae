//! Fetches the source of a Debian suite's kernel, as far as it is missing, and prints where its archive lies.

use std::process::ExitCode;

use mdlab_vm::{Cache, Error, Kernel, KernelSource, Packages, Result, Suite, plainly};

fn fetch(suite: &str) -> Result<()> {
    let suite: Suite = suite.parse().map_err(Error::usage)?;
    let (cache, notice) = (Cache::open()?, &mut plainly("linux_source"));
    let kernel = Kernel::find(&KernelSource::Debian(suite.clone()), &cache, notice)?;
    let series: Vec<&str> = kernel.release().split(['.', '-']).take(2).collect();
    let package = format!("linux-source-{}", series.join("."));
    let source = Packages::alone(&cache, &suite, &package, notice)?;
    println!("{}", source.root().join("usr/src").join(format!("{package}.tar.xz")).display());
    Ok(())
}

fn main() -> ExitCode {
    let Some(suite) = std::env::args().nth(1) else {
        eprintln!("linux_source: name a suite of Debian's: `bookworm`");
        return ExitCode::from(2);
    };
    match fetch(&suite) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("linux_source: {error}");
            ExitCode::FAILURE
        }
    }
}
