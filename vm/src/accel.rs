//! How a machine is accelerated: emulated, or by KVM where KVM was proven.

use std::fs;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cache::Cache;
use crate::error::{Context, Error, Result};

/// How a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// Emulated, with a clock that counts instructions: deterministic.
    Tcg,
    /// By KVM: faster, in real time, not deterministic.
    Kvm,
}

impl std::fmt::Display for Accel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
        })
    }
}

/// What the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccelChoice {
    /// Emulation: the same bytes on every run. The default, because an answer that never flakes is worth more than a
    /// fast one.
    #[default]
    Tcg,
    /// KVM, or an error.
    Kvm,
    /// KVM where the machine boots under it, else emulation, and a notice.
    Auto,
}

impl FromStr for AccelChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "tcg" => Ok(Self::Tcg),
            "kvm" => Ok(Self::Kvm),
            "auto" => Ok(Self::Auto),
            _ => Err(format!("expected `auto`, `tcg` or `kvm`, got `{text}`")),
        }
    }
}

impl std::fmt::Display for AccelChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tcg => "tcg",
            Self::Kvm => "kvm",
            Self::Auto => "auto",
        })
    }
}

/// That KVM failed on this host since it was booted, so that not every run has to find out again.
///
/// Only failures are remembered: a success is a kept machine. A `/dev/kvm` that exists and opens proves nothing; on some
/// hosts the guest dies with "KVM internal error".
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct KvmRefusal {
    host_boot: String,
    qemu: String,
    reason: String,
}

impl KvmRefusal {
    const FILE: &'static str = "kvm-refusal.json";

    /// The reason why KVM is not worth another try, if there is one.
    pub(crate) fn remembered(cache: &Cache, qemu: &str) -> Option<String> {
        let text = fs::read_to_string(cache.path(Self::FILE)).ok()?;
        let refusal: Self = serde_json::from_str(&text).ok()?;
        (refusal.host_boot == host_boot() && refusal.qemu == qemu).then_some(refusal.reason)
    }

    /// Forgets it: KVM was seen to work.
    pub(crate) fn forget(cache: &Cache) {
        // Mostly there is nothing to forget.
        let _ = fs::remove_file(cache.path(Self::FILE));
    }

    /// Remembers that KVM failed, if it was KVM that failed: QEMU ran, and could open it, and PID 1 had no complaint.
    pub(crate) fn remember(cache: &Cache, qemu: &str, error: &Error) -> Result<()> {
        let opens = fs::File::options().read(true).write(true).open("/dev/kvm").is_ok();
        if !opens || error.console.is_none() || error.refusal.is_some() {
            return Ok(());
        }
        let reason = error.message.clone();
        let refusal = Self { host_boot: host_boot(), qemu: qemu.to_owned(), reason };
        let text = serde_json::to_vec(&refusal).doing("encode the refusal of KVM")?;
        cache.store(Self::FILE, &text)
    }
}

/// Names this boot of the host.
fn host_boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}
