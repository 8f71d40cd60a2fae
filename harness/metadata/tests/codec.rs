//! Bytes and values are the same thing, and no bytes whatever make the decoder fail otherwise than it says.

// `allow-unwrap-in-tests` covers functions marked `#[test]`, not those that they call.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{bytes, superblock, v1, v090};
use mdlab_metadata::{
    BadBlock, BitmapSuper, DecodeError, Field, Format, MAGIC, MAX_DEVICES, Role, SUPERBLOCK_BYTES, Superblock,
    Superblock1, Superblock090, diff,
};
use proptest::prelude::*;

fn put(bytes: &mut [u8], offset: usize, word: u32) {
    bytes[offset..offset + 4].copy_from_slice(&word.to_le_bytes());
}

fn assert_tiles(fields: &[Field], len: usize) {
    let mut end = 0;
    for field in fields {
        assert_eq!(field.offset, end, "gap or overlap before `{}`", field.name);
        end += field.width;
    }
    assert_eq!(end, len);
}

#[test]
fn real_bytes_are_written_back() {
    for (name, _) in fixture::ALL {
        let mut image = bytes(&format!("{name}.bin"));
        image.resize(SUPERBLOCK_BYTES, 0);
        assert_eq!(superblock(name).to_bytes(), image, "{name}");
        assert_eq!(superblock(name).encode(), image, "{name}");
    }
    let bitmap = bytes("1.2-mirror.bitmap.bin");
    assert_eq!(BitmapSuper::decode(&bitmap).unwrap().to_bytes(), bitmap);
}

#[test]
fn fields_follow_each_other() {
    for name in ["1.0-ppl", "1.2-mirror", "1.2-journal"] {
        assert_tiles(&v1(name).fields(), SUPERBLOCK_BYTES);
    }
    let last = v090("0.90-mirror").fields().pop().unwrap();
    assert_eq!((last.name.as_ref(), last.offset + last.width), ("this_disk", SUPERBLOCK_BYTES));
}

#[test]
fn any_flipped_bit_spoils_the_sum() {
    for (name, format) in fixture::ALL {
        let image = bytes(&format!("{name}.bin"));
        for offset in [16, 65, 200, 300] {
            let mut damaged = image.clone();
            damaged[offset] ^= 0x10;
            let sum = Superblock::decode(format, &damaged).unwrap().checksum();
            assert!(!sum.is_valid(), "{name}, byte {offset}");
            assert!(sum.to_string().contains("expected"));
        }
    }
}

#[test]
fn what_does_not_belong_is_shown() {
    let mut image = v1("1.2-mirror").to_bytes();
    put(&mut image, 8, 0x8000_0001);
    put(&mut image, 12, 0x0100);
    put(&mut image, 224, 4096);
    image[230] = 7;
    image[600] = 0xaa;
    let superblock = Superblock1::decode(&image).unwrap();
    let shown =
        |name: &str| superblock.fields().into_iter().find(|field| field.name == name).unwrap().value.to_string();
    assert_eq!(shown("feature_map"), "0x80000001 (MD_FEATURE_BITMAP_OFFSET | unknown 0x80000000)");
    assert_eq!(shown("pad0"), "+0x1: 01");
    assert_eq!(shown("logical_block_size"), "4096 bytes");
    assert_eq!(shown("pad3"), "+0x2: 07");
    assert_eq!(shown("trailing"), "+0x58: aa");
    assert_eq!(shown("resync_offset"), "MaxSector");
    assert_eq!(shown("dev_roles"), "0: active 0, 1: active 1, 2-127: spare");
    assert_eq!(superblock.to_bytes(), image);
}

#[test]
fn what_is_no_superblock_is_told_apart() {
    let real = v1("1.2-mirror").to_bytes();
    let changed = |offset, word| {
        let mut image = real.clone();
        put(&mut image, offset, word);
        Superblock1::decode(&image).unwrap_err()
    };
    assert_eq!(changed(0, 0), DecodeError::WrongMagic { found: 0, expected: MAGIC });
    assert_eq!(changed(4, 2), DecodeError::WrongMajorVersion { found: 2, expected: 1 });
    assert_eq!(changed(220, 1921), DecodeError::TooManyDevices { found: 1921, limit: 1920 });
    assert_eq!(Superblock1::decode(&real[..255]), Err(DecodeError::TooShort { needed: 256, got: 255 }));
    assert_eq!(Superblock1::decode(&real[..511]), Err(DecodeError::TooShort { needed: 512, got: 511 }));
    assert_eq!(Superblock090::decode(&real), Err(DecodeError::WrongMajorVersion { found: 1, expected: 0 }));

    let mut old = v090("0.90-mirror").to_bytes();
    assert_eq!(Superblock090::decode(&old[..4095]), Err(DecodeError::TooShort { needed: 4096, got: 4095 }));
    put(&mut old, 0, MAGIC.swap_bytes());
    assert_eq!(Superblock090::decode(&old), Err(DecodeError::BigEndian));
}

#[test]
fn sealing_makes_a_superblock_valid() {
    let roles = vec![Role::Active(0), Role::Journal, Role::Active(1)];
    let mut superblock = Superblock1 { level: 5, dev_roles: roles, ..Default::default() };
    assert!(Superblock1::decode(&superblock.to_bytes()).is_err());
    superblock.seal();
    assert_eq!((superblock.magic, superblock.major_version, superblock.max_dev), (MAGIC, 1, 3));
    assert_eq!(Superblock1::decode(&superblock.to_bytes()), Ok(superblock));
}

#[test]
fn a_difference_names_the_field() {
    let before = superblock("1.2-mirror");
    assert_eq!(diff(&before, &before), []);
    let mut after = v1("1.2-mirror");
    after.events += 1;
    after.dev_roles[1] = Role::Faulty;
    let sum = |superblock: &Superblock1| format!("{:#010x}", superblock.checksum().stored);
    let stored = sum(&after);
    after.seal();
    let changes: Vec<String> =
        diff(&before, &Superblock::V1(Box::new(after.clone()))).iter().map(ToString::to_string).collect();
    let expected = [
        "events: 18 -> 19".to_owned(),
        format!("sb_csum: {stored} (correct) -> {} (correct)", sum(&after)),
        "dev_roles: 0: active 0, 1: active 1, 2-127: spare -> 0: active 0, 1: faulty, 2-127: spare".to_owned(),
    ];
    assert_eq!(changes, expected);
}

#[test]
fn fields_that_only_one_side_has_are_absent_on_the_other() {
    let changes = diff(&superblock("1.2-mirror"), &superblock("1.2-journal"));
    let shown = |name: &str| changes.iter().find(|change| change.name == name).map(ToString::to_string);
    assert!(shown("recovery_offset").unwrap().ends_with("-> absent"));
    assert!(shown("journal_tail").unwrap().starts_with("journal_tail: absent ->"));
}

/// Bytes that pass for a superblock of version 1, whatever they hold otherwise.
fn image1() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(any::<u8>(), SUPERBLOCK_BYTES), 0..=MAX_DEVICES as u32).prop_map(|(mut image, max_dev)| {
        put(&mut image, 0, MAGIC);
        put(&mut image, 4, 1);
        put(&mut image, 220, max_dev);
        image
    })
}

/// Bytes that pass for a superblock of format 0.90, whatever they hold otherwise.
fn image090() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), SUPERBLOCK_BYTES).prop_map(|mut image| {
        put(&mut image, 0, MAGIC);
        put(&mut image, 4, 0);
        image
    })
}

fn assert_round_trip(format: Format, image: &[u8]) -> Result<(), TestCaseError> {
    let superblock = Superblock::decode(format, image).unwrap();
    prop_assert_eq!(superblock.to_bytes(), image);
    let sealed = Superblock::decode(format, &superblock.encode()).unwrap();
    prop_assert!(sealed.checksum().is_valid());
    prop_assert_eq!(sealed.encode(), sealed.to_bytes());
    prop_assert!(diff(&superblock, &sealed).iter().all(|change| change.name == "sb_csum"));
    let text = serde_json::to_string(&superblock).unwrap();
    prop_assert_eq!(&serde_json::from_str::<Superblock>(&text).unwrap(), &superblock);
    let fields = serde_json::to_string(&superblock.fields()).unwrap();
    prop_assert_eq!(serde_json::from_str::<Vec<Field>>(&fields).unwrap(), superblock.fields());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn version_1_is_written_back(image in image1()) {
        assert_round_trip(Format::V1_2, &image)?;
        assert_tiles(&Superblock1::decode(&image).unwrap().fields(), SUPERBLOCK_BYTES);
    }

    #[test]
    fn format_090_is_written_back(image in image090()) {
        assert_round_trip(Format::V090, &image)?;
    }

    #[test]
    fn a_bitmap_is_written_back(mut image in prop::collection::vec(any::<u8>(), 256)) {
        image[..4].copy_from_slice(b"bitm");
        let bitmap = BitmapSuper::decode(&image).unwrap();
        assert_tiles(&bitmap.fields(), 256);
        prop_assert_eq!(bitmap.to_bytes(), image);
    }

    #[test]
    fn no_bytes_break_the_decoder(
        mut bytes in prop::collection::vec(any::<u8>(), 0..5000),
        head in 0..4u8,
        version in 0..3u32,
    ) {
        if bytes.len() >= 8 && head > 0 {
            put(&mut bytes, 0, if head == 1 { MAGIC.swap_bytes() } else { MAGIC });
            put(&mut bytes, 4, version);
        }
        for format in Format::ALL {
            if let Ok(superblock) = Superblock::decode(format, &bytes) {
                superblock.fields().iter().for_each(|field| drop(field.to_string()));
                superblock.encode();
            }
        }
        let _ = BitmapSuper::decode(&bytes);
        let _ = BadBlock::decode_log(&bytes);
    }

    #[test]
    fn a_truncated_superblock_is_refused(image in image1(), len in 0..SUPERBLOCK_BYTES) {
        let needed = Superblock1::decode(&image).unwrap().written_len();
        prop_assert_eq!(Superblock1::decode(&image[..len]).is_ok(), len >= needed);
    }
}
