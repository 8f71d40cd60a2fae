//! Modules built against the headers of a kernel that is not installed.
#![allow(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::fs;
use std::process::Command;

use mdlab_vm::{Cache, Headers, Kernel, Suite, plainly};

const HELLO: &str = "#include <linux/module.h>
static int __init hello(void) { pr_info(\"hello\\n\"); return 0; }
module_init(hello);
MODULE_LICENSE(\"GPL\");
";

/// A kernel loads no module whose `vermagic` or whose versions of symbols are another kernel's (`same_magic` and
/// `check_modstruct_version` in kernel/module/).
#[test]
fn a_module_is_built_for_its_kernel() {
    let cache = Cache::open().unwrap();
    for name in ["bullseye", "bookworm"] {
        let suite: Suite = name.parse().unwrap();
        let notice = &mut plainly("test");
        let kernel = Kernel::find(&format!("debian:{name}").parse().unwrap(), &cache, notice).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("hello.c"), HELLO).unwrap();
        fs::write(folder.path().join("Kbuild"), "obj-m := hello.o\n").unwrap();

        Headers::find(&suite, kernel.release(), &cache, notice).unwrap().build(folder.path()).unwrap();

        let module = folder.path().join("hello.ko");
        let output = Command::new("/usr/sbin/modinfo").args(["--field", "vermagic"]).arg(module).output().unwrap();
        let magic = String::from_utf8(output.stdout).unwrap();
        assert!(magic.starts_with(&format!("{} SMP", kernel.release())), "{magic}");
        assert!(magic.contains("modversions"), "{magic}");
    }
}
