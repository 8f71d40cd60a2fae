//! Whatever bytes lie where a superblock should: they are shown, or refused, and written back as they were.

use mdlab_metadata::{BadBlock, BitmapSuper, Format, Superblock, diff};

/// The first byte chooses the format, the rest are the bytes.
pub(crate) fn holds(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let format = [Format::V090, Format::V1_0, Format::V1_1, Format::V1_2][usize::from(choice % 4)];
    if let Ok(superblock) = Superblock::decode(format, bytes) {
        let written = superblock.to_bytes();
        let again = Superblock::decode(format, &written).expect("what was decoded can be decoded again");
        assert_eq!(again.to_bytes(), written);
        assert!(diff(&superblock, &again).is_empty());
        let mut end = 0;
        for field in superblock.fields() {
            assert!(field.offset >= end, "`{}` overlaps the field before it", field.name);
            end = field.offset + field.width;
            let _ = field.value.to_string();
        }
        let valid = Superblock::decode(format, &superblock.encode()).expect("what was encoded can be decoded");
        assert!(valid.checksum().is_valid());
        let _ = (superblock.checksum().to_string(), superblock.uuid().to_string(), superblock.events());
    }
    if let Ok(bitmap) = BitmapSuper::decode(bytes) {
        assert_eq!(BitmapSuper::decode(&bitmap.to_bytes()).map(|bitmap| bitmap.to_bytes()), Ok(bitmap.to_bytes()));
        let _ = bitmap.fields();
    }
    for block in BadBlock::decode_log(bytes) {
        let _ = block.sectors(*choice);
    }
}
