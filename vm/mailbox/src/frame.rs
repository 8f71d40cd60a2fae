//! The layout of the mailbox: one frame for each direction.

/// Version of the layout. Both ends are built from one source, so any other version is an error, not a negotiation.
pub const VERSION: u16 = 1;

const MAGIC: u32 = u32::from_le_bytes(*b"mdlb");
const HEADER: usize = 32;
const HALF: usize = crate::SIZE / 2;

/// The most bytes that one frame can carry.
pub const MAX_PAYLOAD: usize = HALF - HEADER;

/// Whose frame it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Written by the guest, read by the host.
    ToHost,
    /// Written by the host, read by the guest.
    ToGuest,
}

/// What a frame asks of the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The payload is a message; the guest's bell rings.
    Message,
    /// The guest asks to be kept: the machine stops instead of ringing. A kernel panic stops it as well, but leaves
    /// the mailbox as it was, which tells the two apart.
    Keep,
}

impl Kind {
    fn encode(self) -> u16 {
        match self {
            Self::Message => 1,
            Self::Keep => 2,
        }
    }
}

/// One frame, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it asks.
    pub kind: Kind,
    /// Counts the frames of its direction from 1; the answer to a frame bears the same number.
    pub sequence: u64,
    /// Time-stamp counter ticks that the guest's ring before this one took, or its being kept; 0 at first. Under a clock
    /// that counts instructions it is always the same, or time passed while the guest was frozen.
    pub ring_ticks: u64,
    /// The bytes.
    pub payload: Vec<u8>,
}

/// Why there is no frame in the mailbox. A guest may write anything there; none of it is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The magic number is not there: nobody wrote a frame, or something else was written over it.
    Magic(u32),
    /// The frame is of another version of the layout.
    Version(u16),
    /// The frame asks for nothing that is known.
    Kind(u16),
    /// The frame claims to be longer than [`MAX_PAYLOAD`].
    Length(u64),
}

impl std::fmt::Display for FrameError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Magic(found) => write!(f, "expected the magic `{MAGIC:#010x}`, found `{found:#010x}`"),
            Self::Version(found) => write!(f, "expected version {VERSION} of the mailbox, found {found}"),
            Self::Kind(found) => write!(f, "expected kind 1 or 2, found {found}"),
            Self::Length(found) => write!(f, "expected at most {MAX_PAYLOAD} bytes, the frame claims {found}"),
        }
    }
}

impl std::error::Error for FrameError {}

/// The mapped mailbox.
///
/// The other end of the memory is another machine, but the two never run at the same time: the bell sees to that, and to
/// the compiler it is an instruction that may change all memory.
pub struct Mailbox {
    base: *mut u8,
}

// SAFETY: the pointer is to a mapping that is not tied to a thread, and `Mailbox` has no shared interior state.
unsafe impl Send for Mailbox {}

impl Mailbox {
    /// Takes over a mapping of [`crate::SIZE`] bytes.
    ///
    /// # Safety
    ///
    /// `base` points to [`crate::SIZE`] readable and writable bytes that stay mapped as long as the value lives.
    pub unsafe fn new(base: *mut u8) -> Self {
        Self { base }
    }

    /// Writes a frame; `payload` must be no longer than [`MAX_PAYLOAD`].
    pub fn write(&mut self, direction: Direction, frame: &Frame) -> Result<(), FrameError> {
        if frame.payload.len() > MAX_PAYLOAD {
            return Err(FrameError::Length(frame.payload.len() as u64));
        }
        let mut header = [0; HEADER];
        header[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        header[4..6].copy_from_slice(&VERSION.to_le_bytes());
        header[6..8].copy_from_slice(&frame.kind.encode().to_le_bytes());
        header[8..16].copy_from_slice(&frame.sequence.to_le_bytes());
        header[16..24].copy_from_slice(&frame.ring_ticks.to_le_bytes());
        header[24..32].copy_from_slice(&(frame.payload.len() as u64).to_le_bytes());
        self.store(direction, HEADER, &frame.payload);
        self.store(direction, 0, &header);
        Ok(())
    }

    /// Reads a frame, whatever the other end wrote.
    pub fn read(&self, direction: Direction) -> Result<Frame, FrameError> {
        let header = self.load(direction, 0, HEADER);
        let word = |at: usize, len: usize| {
            header[at..at + len].iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte))
        };
        if word(0, 4) != u64::from(MAGIC) {
            return Err(FrameError::Magic(word(0, 4) as u32));
        }
        if word(4, 2) != u64::from(VERSION) {
            return Err(FrameError::Version(word(4, 2) as u16));
        }
        let kind = match word(6, 2) {
            1 => Kind::Message,
            2 => Kind::Keep,
            other => return Err(FrameError::Kind(other as u16)),
        };
        let length = word(24, 8);
        if length > MAX_PAYLOAD as u64 {
            return Err(FrameError::Length(length));
        }
        let payload = self.load(direction, HEADER, length as usize);
        Ok(Frame { kind, sequence: word(8, 8), ring_ticks: word(16, 8), payload })
    }

    fn half(direction: Direction) -> usize {
        match direction {
            Direction::ToHost => 0,
            Direction::ToGuest => HALF,
        }
    }

    fn store(&mut self, direction: Direction, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= HALF, "frames stay within their half of the mailbox");
        // SAFETY: the assertion above keeps the range within the mapping that `new` was promised.
        unsafe { bytes.as_ptr().copy_to_nonoverlapping(self.base.add(Self::half(direction) + at), bytes.len()) };
    }

    fn load(&self, direction: Direction, at: usize, len: usize) -> Vec<u8> {
        assert!(at + len <= HALF, "frames stay within their half of the mailbox");
        let mut bytes = vec![0; len];
        // SAFETY: as in `store`.
        unsafe { bytes.as_mut_ptr().copy_from_nonoverlapping(self.base.add(Self::half(direction) + at), len) };
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Vec<u8> {
        vec![0; crate::SIZE]
    }

    fn over(memory: &mut [u8]) -> Mailbox {
        // SAFETY: the tests keep `memory` alive longer than the mailbox.
        unsafe { Mailbox::new(memory.as_mut_ptr()) }
    }

    #[test]
    fn a_frame_arrives_as_it_was_sent() {
        let mut memory = memory();
        let mut mailbox = over(&mut memory);
        let frame = Frame { kind: Kind::Keep, sequence: 7, ring_ticks: 9, payload: b"hello".to_vec() };
        mailbox.write(Direction::ToGuest, &frame).unwrap();
        assert_eq!(mailbox.read(Direction::ToGuest).unwrap(), frame);
        assert_eq!(mailbox.read(Direction::ToHost), Err(FrameError::Magic(0)));
    }

    #[test]
    fn the_longest_frame_fits_and_one_byte_more_does_not() {
        let mut memory = memory();
        let mut mailbox = over(&mut memory);
        let mut frame = Frame { kind: Kind::Message, sequence: 1, ring_ticks: 0, payload: vec![0xa5; MAX_PAYLOAD] };
        mailbox.write(Direction::ToHost, &frame).unwrap();
        assert_eq!(mailbox.read(Direction::ToHost).unwrap(), frame);
        frame.payload.push(0);
        assert_eq!(mailbox.write(Direction::ToHost, &frame), Err(FrameError::Length(MAX_PAYLOAD as u64 + 1)));
    }

    #[test]
    fn a_lie_is_named() {
        let mut memory = memory();
        let frame = Frame { kind: Kind::Message, sequence: 1, ring_ticks: 0, payload: vec![] };
        for (at, value, error) in [
            (0, 0, FrameError::Magic(MAGIC & !0xff)),
            (4, 9, FrameError::Version(9)),
            (6, 3, FrameError::Kind(3)),
            (31, 0x80, FrameError::Length(0x80 << 56)),
        ] {
            over(&mut memory).write(Direction::ToHost, &frame).unwrap();
            memory[at] = value;
            assert_eq!(over(&mut memory).read(Direction::ToHost), Err(error));
        }
    }
}
