//! How long a kernel takes to boot, and its machine to be kept.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, symlink};

use mdlab::{Choice, Failure, Laboratory};
use mdlab_vm::{Cache, Made};

use crate::figure::Figure;

/// Prints how long a boot takes, from the start of QEMU until the guest asks to be kept, and how long it takes from then
/// until memory and device state lie in the cache, hashed.
pub(crate) fn measure(choice: &Choice, times: u32) -> Result<(), Failure> {
    let user = Cache::open()?;
    let made: Vec<Made> = (0..times).map(|_| boot(choice, &user)).collect::<Result<_, _>>()?;
    Figure::durations("boot to the guest's request to be kept", made.iter().map(|made| made.boot)).print();
    Figure::durations("keep: save and store the machine", made.iter().map(|made| made.keep)).print();
    Ok(())
}

/// Boots in an empty cache, which borrows the packages of the user's and lies on the same disk.
fn boot(choice: &Choice, user: &Cache) -> Result<Made, Failure> {
    let failed = |error: std::io::Error| Failure::infra(format!("make a cache for one boot: {error}"));
    // The cache removes what is in this folder once the process whose number leads the name has gone.
    let scratch = user.path("scratch");
    DirBuilder::new().recursive(true).mode(0o700).create(&scratch).map_err(failed)?;
    let prefix = format!("{}.bench-", std::process::id());
    let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(scratch).map_err(failed)?;
    symlink(user.path("packages"), folder.path().join("packages")).map_err(failed)?;
    let laboratory = Laboratory::open_in(&Cache::at(folder.path())?, choice, &mut |_| {})?;
    laboratory.made().ok_or_else(|| Failure::infra("boot in an empty cache: a kept machine was found in it"))
}
