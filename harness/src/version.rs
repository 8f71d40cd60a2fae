//! Versions, as far as snapshots tell them apart.

use std::fmt;
use std::str::FromStr;

/// A major and a minor number: Linux 6.1, mdadm 4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Version {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

impl FromStr for Version {
    type Err = String;

    /// Reads the first two numbers of a version: `6.1.0-50-cloud-amd64`, `4.2-5`, `4.5~rc1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut numbers = text.splitn(3, |c: char| !c.is_ascii_digit());
        let mut number = || numbers.next()?.parse().ok();
        match (number(), number()) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(format!("expected a version such as `6.1`, got `{text}`")),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn the_first_two_numbers_count() {
        for (text, major, minor) in
            [("6.1.0-50-cloud-amd64", 6, 1), ("4.2-5", 4, 2), ("7.3-rc2", 7, 3), ("4.10", 4, 10)]
        {
            assert_eq!(text.parse(), Ok(Version { major, minor }));
        }
        assert!("linux".parse::<Version>().is_err());
        assert!("6".parse::<Version>().is_err());
    }

    #[test]
    fn ten_is_more_than_nine() {
        assert!("5.10".parse::<Version>() > "5.9".parse::<Version>());
    }
}
