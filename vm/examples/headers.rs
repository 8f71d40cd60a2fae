//! Fetches the kernels of Debian's suites and what modules are built against, as far as they are missing.

use std::process::ExitCode;

use mdlab_vm::{Cache, Error, Headers, Result, Suite, plainly};

fn fetch(suite: &str) -> Result<()> {
    let suite: Suite = suite.parse().map_err(Error::usage)?;
    let (kernel, _) = Headers::with_kernel(&suite, &Cache::open()?, &mut plainly("headers"))?;
    println!("{}: the kernel {} and its headers are in the cache", suite.name(), kernel.release());
    Ok(())
}

fn main() -> ExitCode {
    match std::env::args().skip(1).try_for_each(|suite| fetch(&suite)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("headers: {error}");
            ExitCode::FAILURE
        }
    }
}
