//! What becomes of a kernel in the cache whose headers Debian has no more. It is alone in its program: the environment
//! in which programs are found is a whole process's.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mdlab_vm::{Cache, Headers, Kernel, News, Result};

/// Takes the place of apt's and dpkg's programs, over a mirror that is a folder: its `kernel` is the release of the
/// newest kernel, its `headers` are those releases of which it has headers, and what its `down` names fails.
const DEBIAN: &str = r#"#!/bin/sh
mirror=${0%/*}
echo "$(basename "$0") $*" >> "$mirror/log"
fail() { echo "E: $1" >&2; exit 100; }
case "$(basename "$0") $1" in
'apt-get update')
  ! grep -qx update "$mirror/down" || fail "The repository 'http://mirror.invalid bookworm Release' does not have a Release file." ;;
'apt-cache show')
  for name; do :; done
  case $name in
  linux-image-cloud-amd64) echo "Depends: linux-image-$(cat "$mirror/kernel")" ;;
  linux-headers-*) grep -qx "${name#linux-headers-}" "$mirror/headers" || fail 'No packages found' ;;
  esac ;;
'apt-get download')
  shift
  for name; do
    ! grep -qx "${name%%-[0-9]*}" "$mirror/down" || fail "Failed to fetch $name"
    : > "${name}_1_amd64.deb"
  done ;;
'dpkg-deb -x')
  deb=$(basename "$2" _1_amd64.deb)
  case $deb in
  linux-image-*)
    mkdir -p "$3/boot"
    cp "$mirror/vmlinuz-${deb#linux-image-}" "$3/boot/" ;;
  linux-headers-*)
    mkdir -p "$3/usr/src/$deb"
    echo 'include /usr/src/shared/Makefile' > "$3/usr/src/$deb/Makefile" ;;
  esac ;;
esac
"#;

/// A mirror, and a cache that was filled from it when the kernel was 6.1.0-1.
struct Debian {
    mirror: tempfile::TempDir,
    _folder: tempfile::TempDir,
    cache: Cache,
}

impl Debian {
    fn new() -> Self {
        let (mirror, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for program in ["apt-get", "apt-cache", "apt-config", "dpkg-deb"] {
            let path = mirror.path().join(program);
            fs::write(&path, DEBIAN).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for release in ["6.1.0-1", "6.1.0-2"] {
            fs::write(mirror.path().join(format!("vmlinuz-{release}")), image(release)).unwrap();
        }
        let path = [mirror.path().to_str().unwrap(), ":", &std::env::var("PATH").unwrap()].concat();
        // SAFETY: this program has one test, and it starts no thread that could read the environment meanwhile.
        unsafe {
            std::env::set_var("PATH", path);
            std::env::set_var("MDLAB_DEBIAN_MIRROR", "http://mirror.invalid");
        }
        let debian = Self { mirror, cache: Cache::at(folder.path()).unwrap(), _folder: folder };
        debian.has("6.1.0-1", "6.1.0-1", "");
        Kernel::find(&"debian:bookworm".parse().unwrap(), &debian.cache, &mut |_| {}).unwrap();
        debian
    }

    /// What Debian has from now on, and what of it is out of order.
    fn has(&self, kernel: &str, headers: &str, down: &str) {
        for (name, text) in [("kernel", kernel), ("headers", headers), ("down", down), ("log", "")] {
            fs::write(self.mirror.path().join(name), format!("{text}\n")).unwrap();
        }
    }

    /// Asks for the kernel and its headers; returns the release, and whether the user was told of a newer one.
    fn with_kernel(&self) -> (Result<String>, bool) {
        let mut replacing = false;
        let notice =
            &mut |news: News| replacing |= news.line().is_some_and(|line| line.starts_with("replacing the kernel"));
        let found = Headers::with_kernel(&"bookworm".parse().unwrap(), &self.cache, notice);
        (found.map(|(kernel, _)| kernel.release().to_owned()), replacing)
    }

    /// The kernels in the cache.
    fn cached(&self) -> Vec<String> {
        names(&self.cache.path("packages/bookworm/kernel/root/boot"))
    }

    /// How often it was asked for this.
    fn count(&self, command: &str) -> usize {
        let log = fs::read_to_string(self.mirror.path().join("log")).unwrap();
        log.lines().filter(|line| line.starts_with(command)).count()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// As little of a bzImage as says which kernel it is (Documentation/arch/x86/boot.rst).
fn image(release: &str) -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    bytes[0x202..0x206].copy_from_slice(b"HdrS");
    bytes[0x20e] = 0x10;
    bytes[0x210..0x210 + release.len()].copy_from_slice(release.as_bytes());
    bytes
}

/// Whatever else fails, the kernel may be the only copy, and it works.
fn a_kernel_stays_until_a_newer_one_was_fetched() {
    let debian = Debian::new();
    let no_suite = "'http://mirror.invalid bookworm Release' does not have a Release file";
    for (newest, down, expected, gone) in [
        ("6.1.0-2", "update", no_suite, false),
        ("6.1.0-1", "linux-headers", "Failed to fetch linux-headers-6.1.0-1", false),
        ("6.1.0-2", "linux-image", "Failed to fetch linux-image-6.1.0-2", true),
    ] {
        debian.has(newest, newest, down);
        let (found, replacing) = debian.with_kernel();
        let error = found.unwrap_err();
        assert!(error.message.contains(expected) && !error.message.contains("replaces it"), "{error}");
        assert_eq!((replacing, debian.cached()), (gone, vec!["vmlinuz-6.1.0-1".to_owned()]), "without {down}");
    }
    debian.has("6.1.0-2", "6.1.0-2", "");
    let error = Headers::find(&"bookworm".parse().unwrap(), "6.1.0-1", &debian.cache, &mut |_| {}).unwrap_err();
    assert!(
        error.message.ends_with("`cargo run --package mdlab-vm --example headers -- bookworm` replaces it"),
        "{error}"
    );
    assert_eq!(debian.with_kernel().0.unwrap(), "6.1.0-2");
    assert_eq!(debian.cached(), ["vmlinuz-6.1.0-2"]);
}

/// Both find that the headers are gone before either has replaced the kernel.
fn who_comes_second_takes_the_kernel_of_who_came_first() {
    let debian = Debian::new();
    debian.has("6.1.0-2", "6.1.0-2", "");
    let suite = "bookworm".parse().unwrap();
    let mut first = None;
    // The second has just said what it is about to do.
    let notice = &mut |news: News| {
        if news.line().is_some_and(|line| line.starts_with("replacing")) {
            first = debian.with_kernel().0.ok();
        }
    };
    let (second, _) = Headers::with_kernel(&suite, &debian.cache, notice).unwrap();
    assert_eq!((first.as_deref(), second.release()), (Some("6.1.0-2"), "6.1.0-2"));
    assert_eq!(debian.count("apt-get download linux-image-"), 1);
}

#[test]
fn a_kernel_whose_headers_are_gone_is_replaced() {
    a_kernel_stays_until_a_newer_one_was_fetched();
    who_comes_second_takes_the_kernel_of_who_came_first();
}
