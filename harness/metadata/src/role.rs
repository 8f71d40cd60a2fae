//! What a device is in its array.

use std::fmt;

use serde::{Deserialize, Serialize};

/// From here on a role is no place in the array: `MD_DISK_ROLE_MAX` in `md_p.h`.
const ROLE_MAX: u16 = 0xff00;
const SPARE: u16 = 0xffff;
const FAULTY: u16 = 0xfffe;
const JOURNAL: u16 = 0xfffd;

/// One entry of `dev_roles`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// In this place of the array; below 0xff00.
    Active(u16),
    /// No place yet; also what unused entries say.
    Spare,
    /// Failed.
    Faulty,
    /// The write journal of a RAID 4, 5 or 6.
    Journal,
    /// 0xff00 and above without a meaning of its own.
    Reserved(u16),
}

impl From<u16> for Role {
    fn from(raw: u16) -> Self {
        match raw {
            SPARE => Role::Spare,
            FAULTY => Role::Faulty,
            JOURNAL => Role::Journal,
            ROLE_MAX.. => Role::Reserved(raw),
            place => Role::Active(place),
        }
    }
}

impl From<Role> for u16 {
    fn from(role: Role) -> Self {
        match role {
            Role::Active(raw) | Role::Reserved(raw) => raw,
            Role::Spare => SPARE,
            Role::Faulty => FAULTY,
            Role::Journal => JOURNAL,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Active(place) => write!(f, "active {place}"),
            Role::Spare => f.write_str("spare"),
            Role::Faulty => f.write_str("faulty"),
            Role::Journal => f.write_str("journal"),
            Role::Reserved(raw) => write!(f, "reserved {raw:#06x}"),
        }
    }
}

/// The whole table on one line, neighbours with the same role together: `0: active 0, 1-127: spare`.
pub(crate) fn write_roles(f: &mut fmt::Formatter<'_>, roles: &[Role]) -> fmt::Result {
    if roles.is_empty() {
        return f.write_str("none");
    }
    let mut first = 0;
    for same in roles.chunk_by(|one, next| one == next) {
        let separator = if first == 0 { "" } else { ", " };
        match same.len() {
            1 => write!(f, "{separator}{first}: {}", same[0])?,
            len => write!(f, "{separator}{first}-{}: {}", first + len - 1, same[0])?,
        }
        first += same.len();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_kept() {
        for raw in 0..=u16::MAX {
            assert_eq!(u16::from(Role::from(raw)), raw);
        }
    }

    #[test]
    fn special_numbers_have_names() {
        let names = [0, 0xfeff, 0xff00, 0xfffd, 0xfffe, 0xffff].map(|raw| Role::from(raw).to_string());
        assert_eq!(names, ["active 0", "active 65279", "reserved 0xff00", "journal", "faulty", "spare"]);
    }
}
