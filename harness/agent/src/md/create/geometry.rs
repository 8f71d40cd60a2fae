//! Where things lie on a member, and how large they are. Sectors have 512 bytes.

use mdlab_metadata::Format;

use super::level::{Level, raid10_copies};

/// What the partial parity log takes: MULTIPLE_PPL_AREA_SIZE_SUPER1 of mdadm's super1.c.
pub(super) const PPL_SECTORS: u64 = 2048;

/// A mebibyte, in sectors.
const ONE_MEG: u64 = 2048;

/// In sectors: RAID 1 sizes are rounded to it, so that the array could become a RAID 5 later (mdadm's Create.c).
const MIRROR_ROUNDING_KIB: u64 = 64;

/// `choose_bm_space` of super1.c: the sectors left for a bitmap on a device of so many sectors. 4 KiB, 64 KiB from 8 GiB on,
/// 128 KiB from 200 GiB on.
pub(super) fn choose_bm_space(devsize: u64) -> u64 {
    if devsize < 64 * 2 {
        0
    } else if devsize - 64 * 2 >= 200 * 1024 * 1024 * 2 {
        128 * 2
    } else if devsize - 4 * 2 > 8 * 1024 * 1024 * 2 {
        64 * 2
    } else {
        4 * 2
    }
}

/// The most bytes of a block device: the kernel's offsets are numbers of 63 bits (`loff_t`).
const MOST_BYTES: u64 = i64::MAX as u64;

/// What a bitmap covers, in sectors, where so many KiB are used of each member: for RAID 10 the array, for others each
/// member. Nothing if no device can be that large: where only a journal is there, nothing else bounds `--size`.
pub(super) fn covered(level: Level, layout: u32, raid_disks: u32, size: u64) -> Option<u64> {
    let kib = match level {
        Level::Raid10 => size.checked_mul(raid_disks.into())? / u64::from(raid10_copies(layout)),
        _ => size,
    };
    let sectors = kib.checked_mul(2)?;
    sectors.checked_mul(512).filter(|bytes| *bytes <= MOST_BYTES).map(|_| sectors)
}

/// What `validate_geometry1` needs to know.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) format: Format,
    /// In KiB; 0 where members are not striped.
    pub(super) chunk: u32,
    /// Whether a partial parity log is wanted.
    pub(super) ppl: bool,
}

impl Request {
    /// The first half of `validate_geometry1`: where data begins. The first device of an array decides for all of them.
    ///
    /// Before it there is room for the superblock and the bitmap, and headroom for a later reshape: about a thousandth of the
    /// device, but at least two chunks, at most 128 MiB, all rounded up to a mebibyte.
    pub(super) fn data_offset(self, device: u64) -> u64 {
        if self.format == Format::V1_0 {
            return 0;
        }
        let chunk = u64::from(self.chunk) * 2;
        let mut headroom = 128 * 1024 * 2;
        while headroom << 10 > device && (chunk == 0 || headroom / 2 >= chunk * 2) {
            headroom >>= 1;
        }
        (12 * 2 + self.bm_space(device) + headroom).next_multiple_of(ONE_MEG)
    }

    /// The second half: the sectors for data; nothing if the device cannot even hold the rest.
    pub(super) fn free_size(self, device: u64, data_offset: u64) -> Option<u64> {
        match self.format {
            // The end: superblock, bad-block log, bitmap or log.
            Format::V1_0 => (device & !7).checked_sub(8 * 2 + 8 + self.bm_space(device)),
            _ => device.checked_sub(data_offset),
        }
    }

    /// What mdadm's Create counts of a member, in KiB: whole chunks.
    pub(super) fn free_kib(self, device: u64, data_offset: u64) -> u64 {
        let free = self.free_size(device, data_offset).unwrap_or(0) / 2;
        round_to_chunk(free, self.chunk)
    }

    fn bm_space(self, device: u64) -> u64 {
        if self.ppl { PPL_SECTORS } else { choose_bm_space(device) }
    }
}

/// mdadm masks instead of dividing: a chunk that is no power of two rounds oddly, and RAID 0 is content with that.
pub(super) fn round_to_chunk(kib: u64, chunk: u32) -> u64 {
    if chunk == 0 { kib } else { kib & !(u64::from(chunk) - 1) }
}

/// What the size of a mirror is rounded to.
pub(super) fn round_mirror(kib: u64) -> u64 {
    kib & !(MIRROR_ROUNDING_KIB - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_MEG: u64 = 20480;
    const GIB: u64 = 2 << 20;

    fn request(format: Format, chunk: u32) -> Request {
        Request { format, chunk, ppl: false }
    }

    #[test]
    fn the_bitmap_gets_more_room_on_larger_devices() {
        assert_eq!([0, 127, 128, TEN_MEG, 8 * GIB].map(choose_bm_space), [0, 0, 8, 8, 8]);
        assert_eq!([8 * GIB + 9, 200 * GIB + 127, 200 * GIB + 128].map(choose_bm_space), [128, 128, 256]);
    }

    #[test]
    fn data_begins_after_the_headroom() {
        let mirror = request(Format::V1_2, 0);
        assert_eq!([TEN_MEG, GIB, 1000 * GIB].map(|size| mirror.data_offset(size)), [2048, 4096, 264_192]);
        assert_eq!(request(Format::V1_1, 512).data_offset(TEN_MEG), 4096);
        assert_eq!(request(Format::V1_0, 512).data_offset(TEN_MEG), 0);
        assert_eq!(Request { ppl: true, ..request(Format::V1_2, 512) }.data_offset(TEN_MEG), 6144);
    }

    #[test]
    fn a_bitmap_covers_what_a_device_can_hold() {
        let mirror = |kib| covered(Level::Raid1, 0, 2, kib);
        assert_eq!(mirror(3000), Some(6000));
        assert_eq!(mirror((1 << 53) - 1), Some((1 << 54) - 2), "1 KiB less than 8 EiB");
        assert_eq!([1 << 53, 1 << 63, u64::MAX].map(mirror), [None; 3]);
        let near_2 = 0x102;
        let striped = |kib| covered(Level::Raid10, near_2, 4, kib);
        assert_eq!((striped(3000), striped(1 << 52), striped(u64::MAX / 2)), (Some(12000), None, None));
    }

    #[test]
    fn what_is_left_is_data() {
        let end = request(Format::V1_0, 0);
        assert_eq!(end.free_size(TEN_MEG, 0), Some(20448));
        assert_eq!(end.free_size(TEN_MEG + 7, 0), Some(20448));
        assert_eq!(request(Format::V1_2, 0).free_size(2047, 2048), None);
        assert_eq!(request(Format::V1_2, 512).free_kib(TEN_MEG, 4096), 8192);
        assert_eq!(request(Format::V1_2, 512).free_kib(TEN_MEG - 2, 4096), 7680);
        assert_eq!((round_mirror(10239), round_to_chunk(7, 0)), (10176, 7));
    }
}
