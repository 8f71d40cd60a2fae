//! Buffers that O_DIRECT is content with on every device.

use std::ops::{Deref, DerefMut};

/// No device has larger logical blocks than a page.
pub(crate) const ALIGNMENT: usize = 4096;

/// Bytes of a page, where a page begins.
#[derive(Clone, Copy)]
#[repr(C, align(4096))]
struct Page([u8; ALIGNMENT]);

/// Zeros at first. Its length is a whole number of pages.
pub(crate) struct Aligned(Vec<Page>);

impl Aligned {
    /// A buffer of at least `bytes` bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self(vec![Page([0; ALIGNMENT]); bytes.div_ceil(ALIGNMENT)])
    }
}

impl Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let bytes = size_of_val(self.0.as_slice());
        // SAFETY: the pages follow each other without a gap, every byte of them is initialised, and any byte is a u8.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), bytes) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        let bytes = size_of_val(self.0.as_slice());
        // SAFETY: as above; `&mut self` is the only access, and whatever bytes are written make valid pages.
        unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_page_and_has_whole_pages() {
        let mut buffer = Aligned::new(ALIGNMENT + 1);
        assert_eq!(buffer.as_ptr() as usize % ALIGNMENT, 0);
        assert_eq!(buffer.len(), 2 * ALIGNMENT);
        buffer.fill(7);
        assert!(buffer.iter().all(|byte| *byte == 7));
    }
}
