//! `--disks` and `--size`: the disks of a machine that somebody drives by hand.

use clap::Args;

use crate::failure::Failure;
use crate::session::Session;

/// The disks of a machine.
#[derive(Args)]
pub(super) struct Disks {
    /// Disks to attach as /dev/loop0, /dev/loop1 and so on.
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) disks: u32,
    /// Size of each disk: bytes, or with K, M or G. They lie in the guest's memory: 128 MiB hold all of them together.
    #[arg(long, default_value = "10M", value_parser = size)]
    pub(super) size: u64,
}

/// The most bytes of all disks together. The agent refuses by the memory that is left, which is somewhat more.
const ROOM: u64 = 128 << 20;

/// The most disks (`MOST` of the agent's loops.rs).
const MOST: u32 = 32;

impl Disks {
    /// Refuses what no guest has room for: that takes no boot.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let Self { disks, size } = self;
        match u64::from(*disks).checked_mul(*size) {
            Some(all) if all <= ROOM && *disks <= MOST => Ok(()),
            _ => Err(Failure::usage(format!(
                "attach {disks} disks of {size} bytes: expected at most {MOST}, and {} MiB in all, for they lie in the guest's memory",
                ROOM >> 20
            ))),
        }
    }

    pub(super) fn attach(&self, session: &mut Session) -> Result<(), Failure> {
        if self.disks > 0 {
            session.attach(self.disks, self.size)?;
        }
        Ok(())
    }
}

/// A size: `10M` is ten mebibytes.
fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.chars().last() {
        Some('K' | 'k') => (&text[..text.len() - 1], 10),
        Some('M' | 'm') => (&text[..text.len() - 1], 20),
        Some('G' | 'g') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: Option<u64> = digits.parse().ok();
    let bytes = number.and_then(|number| number.checked_mul(1 << shift)).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| format!("expected a size such as `10M` or `512K`, got `{text}`"))
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_powers_of_two() {
        assert_eq!((size("10M"), size("4k"), size("1G"), size("512")), (Ok(10 << 20), Ok(4096), Ok(1 << 30), Ok(512)));
        for text in ["", "M", "0", "ten", "-1", "99999999999G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
