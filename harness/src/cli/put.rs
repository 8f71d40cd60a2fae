//! `--put`: files of the host that somebody wants in the guest.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::Failure;

/// The files.
#[derive(Args)]
pub(super) struct Put {
    /// Bring a file into the guest before the first command: `HOST:GUEST`, both paths. It may be a program or a kernel module.
    #[arg(long = "put", value_name = "HOST:GUEST", value_parser = paths)]
    pub(super) files: Vec<(PathBuf, String)>,
}

impl Put {
    /// Reads them: before anything boots, which takes longer.
    pub(super) fn read(&self) -> Result<Vec<(&str, Vec<u8>)>, Failure> {
        self.files.iter().map(|(host, guest)| Ok((guest.as_str(), file(host)?))).collect()
    }

    /// The options that name them.
    pub(super) fn options(&self) -> String {
        let put = self.files.iter().map(|(host, guest)| format!("{}:{guest}", host.display()));
        put.map(|files| format!("--put {} ", shell_words::quote(&files))).collect()
    }
}

/// The largest file that is brought into a guest; it lies in the guest's memory there.
const LARGEST: u64 = 128 << 20;

fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |cause: String| Failure::usage(format!("read `{}`: {cause}", path.display()));
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(failed("it is a directory, expected a file".into())),
        Ok(found) if !found.is_file() || found.len() > LARGEST => {
            Err(failed(format!("expected a file of at most {} MiB", LARGEST >> 20)))
        }
        _ => fs::read(path).map_err(|error| failed(error.to_string())),
    }
}

/// Two paths: `HOST:GUEST`. That of the host is made absolute, for the command that does the same.
fn paths(text: &str) -> Result<(PathBuf, String), String> {
    let paths = text.rsplit_once(':').filter(|(host, guest)| !host.is_empty() && guest.starts_with('/'));
    let (host, guest) = paths.ok_or_else(|| format!("expected `HOST:GUEST` such as `tool:/tmp/tool`, got `{text}`"))?;
    let host = std::path::absolute(host).map_err(|error| error.to_string())?;
    Ok((host, guest.to_owned()))
}
