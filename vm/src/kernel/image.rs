//! Images of kernels: bzImage files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Larger than any kernel; an initial RAM disk may be built into one.
const LARGEST: u64 = 256 << 20;

/// The release of a bzImage, from its boot header (Documentation/arch/x86/boot.rst): `HdrS` at 0x202, and at 0x20e where
/// its version string lies, less 0x200.
pub(super) fn release(image: &Path) -> Result<String> {
    let no_kernel = |cause: &str| Error::usage(format!("`{}` is no x86 bzImage: {cause}", image.display()));
    // A device would be read for ever.
    if !fs::metadata(image).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= LARGEST) && image.exists() {
        return Err(no_kernel("it is no file, or larger than 256 MiB"));
    }
    let bytes =
        fs::read(image).map_err(|error| Error::usage(format!("read the kernel `{}`: {error}", image.display())))?;
    if bytes.get(0x202..0x206) != Some(b"HdrS") {
        return Err(no_kernel("it has no boot header"));
    }
    let pointer = match bytes.get(0x20e..0x210) {
        Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])) + 0x200,
        _ => return Err(no_kernel("its boot header ends early")),
    };
    let rest = bytes.get(pointer..).ok_or_else(|| no_kernel("its version lies beyond its end"))?;
    let version: String =
        rest.iter().take(256).take_while(|byte| byte.is_ascii_graphic()).map(|b| char::from(*b)).collect();
    if version.is_empty() { Err(no_kernel("it bears no version")) } else { Ok(version) }
}

/// The kernel among unpacked packages: `boot/vmlinuz-RELEASE`, and since 7.x `usr/lib/modules/RELEASE/vmlinuz`.
pub(super) fn among_packages(root: &Path) -> Option<PathBuf> {
    let list = |folder: &str| root.join(folder).read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"));
    let inside = |folder: PathBuf| Some(folder.join("vmlinuz")).filter(|path| path.is_file());
    list("boot").find(named).or_else(|| list("usr/lib/modules").find_map(inside))
}

/// The kernel of a release below the root of a system that runs it: Debian's and Ubuntu's, then Fedora's and Arch's place.
pub(super) fn installed(root: &Path, release: &str) -> Result<PathBuf> {
    let places = [format!("boot/vmlinuz-{release}"), format!("lib/modules/{release}/vmlinuz")];
    let places = places.map(|place| root.join(place));
    let Some(image) = places.iter().find(|place| place.exists()) else {
        let [boot, modules] = places.map(|place| place.display().to_string());
        return Err(Error::usage(format!(
            "find the image of this host's kernel, {release}: neither `{boot}` nor `{modules}` is there (a container has \
             none): name one by `file:PATH,modules:DIR`"
        )));
    };
    if let Err(error) = fs::File::open(image) {
        let path = image.display();
        // Ubuntu's are root's alone.
        return Err(Error::usage(format!(
            "read this host's kernel `{path}`: {error}: `sudo install -m 0644 {path} .` copies it for \
             `file:vmlinuz-{release},modules:/lib/modules/{release}`"
        )));
    }
    Ok(image.clone())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Makes a file that has the boot header of a kernel, and nothing else.
    pub(in crate::kernel) fn header(path: &Path, release: &str) {
        let mut bytes = vec![0; 0x400];
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        bytes[0x20e] = 0x10;
        bytes[0x210..0x210 + release.len()].copy_from_slice(release.as_bytes());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn what_is_no_kernel_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bzImage");
        let mut bytes = vec![0; 0x400];
        for (text, expected) in [("", "it has no boot header"), ("HdrS", "it bears no version")] {
            bytes[0x202..0x202 + text.len()].copy_from_slice(text.as_bytes());
            fs::write(&path, &bytes).unwrap();
            let error = release(&path).unwrap_err();
            assert!(error.message.ends_with(expected), "{error}");
        }
        header(&path, "6.1.0-test x");
        assert_eq!(release(&path).unwrap(), "6.1.0-test");
    }

    #[test]
    fn a_host_keeps_its_kernel_in_one_of_two_places() {
        let root = tempfile::tempdir().unwrap();
        let error = installed(root.path(), "6.1.0").unwrap_err();
        assert!(error.message.contains("boot/vmlinuz-6.1.0` nor"), "{error}");
        for place in ["lib/modules/6.1.0/vmlinuz", "boot/vmlinuz-6.1.0"] {
            let path = root.path().join(place);
            header(&path, "6.1.0");
            assert_eq!(installed(root.path(), "6.1.0").unwrap(), path);
        }
    }
}
