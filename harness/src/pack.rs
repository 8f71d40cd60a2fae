//! A run in one file: what it was run on, what was said, what came of it.

use std::fmt::Formatter;
use std::io::{Read, Write};
use std::marker::PhantomData;
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// The file's first line: whoever gets one learns what to do with it.
const TITLE: &str = "mdlab pack 1, to be shown by: mdlab replay FILE\n";

/// The most bytes of a pack, and of what is in it.
const LARGEST: u64 = 512 << 20;

/// The most guests of a pack.
const GUESTS: usize = 64;

/// A run in one file.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pack {
    /// The version of mdlab that packed it.
    pub(crate) mdlab: String,
    /// How it went, in JSON.
    outcome: String,
    /// The guest's PID 1.
    pub(crate) agent: Vec<u8>,
    #[serde(deserialize_with = "few::<_, _, GUESTS>")]
    pub(crate) guests: Vec<Packed>,
}

/// A guest.
#[derive(Serialize, Deserialize)]
pub(crate) struct Packed {
    pub(crate) conversation: Conversation,
    /// The mdadm, where it is none of Debian's.
    pub(crate) mdadm: Option<Vec<u8>>,
    /// The kernel's image and the RAM disk, where nobody else could have them.
    pub(crate) whole: Option<(Vec<u8>, Vec<u8>)>,
}

impl Pack {
    pub(crate) fn new(outcome: &Outcome, agent: &[u8], guests: Vec<Packed>) -> Result<Self, Failure> {
        let outcome =
            serde_json::to_string(outcome).map_err(|error| Failure::infra(format!("write a pack: {error}")))?;
        Ok(Self { mdlab: env!("CARGO_PKG_VERSION").to_owned(), outcome, agent: agent.to_vec(), guests })
    }

    pub(crate) fn outcome(&self) -> Result<Outcome, Failure> {
        serde_json::from_str(&self.outcome).map_err(|error| Failure::usage(format!("read how the run went: {error}")))
    }

    /// The file's bytes.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::infra(format!("write a pack: {error}"));
        let content = postcard::to_stdvec(self).map_err(|error| failed(&error))?;
        // Nobody could read it.
        if content.len() as u64 > LARGEST || self.guests.len() > GUESTS {
            let (guests, size) = (self.guests.len(), content.len() >> 20);
            let text =
                format!("pack {guests} guests and {size} MiB: expected at most {GUESTS} and {} MiB", LARGEST >> 20);
            return Err(Failure::usage(text));
        }
        let mut encoder = GzEncoder::new(TITLE.as_bytes().to_vec(), Compression::best());
        encoder.write_all(&content).map_err(|error| failed(&error))?;
        encoder.finish().map_err(|error| failed(&error))
    }

    /// Reads a file, whatever it is.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let refuse = |what: &dyn std::fmt::Display| {
            Failure::usage(format!("read `{}`: {what}; `mdlab pack` writes what is expected", path.display()))
        };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| refuse(&error))?;
        file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| refuse(&error))?;
        let Some(packed) = bytes.strip_prefix(TITLE.as_bytes()) else {
            let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let first = String::from_utf8_lossy(&first[..first.len().min(60)]).into_owned();
            return Err(refuse(&format!("expected `{}`, got `{}`", TITLE.trim_end(), first.escape_default())));
        };
        let mut content = Vec::new();
        let unpacked = GzDecoder::new(packed).take(LARGEST).read_to_end(&mut content);
        let unpacked = unpacked.map_err(|error| refuse(&format!("it is damaged: {error}")))? as u64;
        if unpacked == LARGEST {
            return Err(refuse(&format!("expected at most {} MiB in it, there is more", LARGEST >> 20)));
        }
        postcard::from_bytes(&content).map_err(|error| refuse(&format!("it is damaged: {error}")))
    }
}

/// Reads a list of so many things at the most. The empty ones of a stranger's file would take a byte there, and many in memory.
pub(crate) fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MOST: usize>(
    file: D,
) -> Result<Vec<T>, D::Error> {
    struct Few<T, const MOST: usize>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Few<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut Formatter) -> std::fmt::Result {
            write!(f, "a list of at most {MOST}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = seq.next_element()? {
                if all.len() == MOST {
                    return Err(A::Error::custom(format!("expected at most {MOST} in a list, there are more")));
                }
                all.push(one);
            }
            Ok(all)
        }
    }
    file.deserialize_seq(Few::<T, MOST>(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pack_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let pack = Pack::new(&Outcome::none("scenarios", "mirror"), b"agent", Vec::new()).unwrap().bytes().unwrap();
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Pack::read(&path).map(|pack| pack.agent).map_err(|failure| failure.to_string())
        };
        assert_eq!(read(&pack), Ok(b"agent".to_vec()));
        assert!(read(&pack[..pack.len() - 9]).is_err_and(|why| why.contains("it is damaged: ")));
        let mut altered = pack.clone();
        altered[TITLE.len() + 30] ^= 1;
        assert!(read(&altered).is_err_and(|why| why.contains("it is damaged: ")));
        let newer = [b"mdlab pack 2, ", &pack[14..]].concat();
        assert!(
            read(&newer)
                .is_err_and(|why| why.contains("expected `mdlab pack 1, ") && why.contains("got `mdlab pack 2, "))
        );
        assert!(
            read(b"\x7fELF").is_err_and(|why| why.contains("got `\\u{7f}ELF`; `mdlab pack` writes what is expected"))
        );
    }

    #[test]
    fn a_list_of_nothing_takes_no_memory() {
        #[derive(Deserialize)]
        struct List(#[serde(deserialize_with = "few::<_, _, 3>")] Vec<Vec<u8>>);
        let read =
            |list: &[&[u8]]| postcard::from_bytes::<List>(&postcard::to_stdvec(list).unwrap()).map(|list| list.0);
        assert_eq!(read(&[b"a", b"", b"c"]).unwrap(), [&b"a"[..], b"", b"c"]);
        assert!(read(&[b"", b"", b"", b""]).is_err());
    }

    #[test]
    fn what_never_ends_is_not_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        let mut encoder = GzEncoder::new(TITLE.as_bytes().to_vec(), Compression::fast());
        let zeros = vec![0; 1 << 20];
        (0..=LARGEST >> 20).for_each(|_| encoder.write_all(&zeros).unwrap());
        std::fs::write(&path, encoder.finish().unwrap()).unwrap();
        let refused = Pack::read(&path).err().unwrap().to_string();
        assert!(refused.contains("expected at most 512 MiB in it, there is more"), "{refused}");
    }
}
