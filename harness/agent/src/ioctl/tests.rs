//! The numbers are pinned: those of strace's output as they are, the others by what `_IOC` makes of their parts.

use super::*;

const fn ioc(direction: u32, kind: u32, nr: u32, size: u32) -> u32 {
    direction << 30 | size << 16 | kind << 8 | nr
}

const fn io(kind: u32, nr: u32) -> u32 {
    ioc(0, kind, nr, 0)
}

const MD: u32 = 9;

fn name(number: u64) -> &'static str {
    match Request::new(number) {
        Request::Known(ioctl) => ioctl.name,
        Request::Unknown(number) => panic!("{number:#x} has no name"),
    }
}

#[test]
fn the_numbers_that_strace_shows_have_names() {
    for (number, expected) in [
        (0x800c_0910, "RAID_VERSION"),
        (0x8048_0911, "GET_ARRAY_INFO"),
        (0x4048_0923, "SET_ARRAY_INFO"),
        (0x4014_0921, "ADD_NEW_DISK"),
        (0x400c_0930, "RUN_ARRAY"),
        (0x932, "STOP_ARRAY"),
        (0x125f, "BLKRRPART"),
        (0x8008_1272, "BLKGETSIZE64"),
    ] {
        assert_eq!(name(number), expected);
    }
}

#[test]
fn encoded_numbers_agree_with_their_parts() {
    for (number, expected) in [
        (ioc(2, MD, 0x10, 12), "RAID_VERSION"),
        (ioc(2, MD, 0x11, 72), "GET_ARRAY_INFO"),
        (ioc(2, MD, 0x12, 20), "GET_DISK_INFO"),
        (io(MD, 0x14), "RAID_AUTORUN"),
        (ioc(2, MD, 0x15, 4096), "GET_BITMAP_FILE"),
        (io(MD, 0x20), "CLEAR_ARRAY"),
        (ioc(1, MD, 0x21, 20), "ADD_NEW_DISK"),
        (io(MD, 0x22), "HOT_REMOVE_DISK"),
        (ioc(1, MD, 0x23, 72), "SET_ARRAY_INFO"),
        (io(MD, 0x29), "SET_DISK_FAULTY"),
        (ioc(1, MD, 0x2b, 4), "SET_BITMAP_FILE"),
        (ioc(1, MD, 0x30, 12), "RUN_ARRAY"),
        (io(MD, 0x34), "RESTART_ARRAY_RW"),
        (ioc(2, 0x12, 112, 8), "BLKBSZGET"),
        (ioc(1, 0x12, 113, 8), "BLKBSZSET"),
        (io(0x12, 119), "BLKDISCARD"),
        (io(0x12, 127), "BLKZEROOUT"),
        (ioc(2, 0x12, 128, 8), "BLKGETDISKSEQ"),
    ] {
        assert_eq!(name(number.into()), expected);
    }
}

#[test]
fn the_size_in_a_number_is_the_size_of_its_structure() {
    for ioctl in md::TABLE.iter().filter(|ioctl| Ioc(ioctl.number).size() > 0) {
        match &ioctl.argument {
            In(shape) | Out(shape) | InOut(shape) => assert_eq!(shape.size(), Ioc(ioctl.number).size(), "{ioctl:?}"),
            argument => assert!(matches!(argument, Int), "{ioctl:?}"),
        }
    }
    let size = |number| Request::new(number).reads().max(Request::new(number).writes());
    assert_eq!((size(0x4c05), size(0x301)), (232, 16));
}

#[test]
fn no_number_is_there_twice() {
    let mut numbers: Vec<_> = md::TABLE.iter().chain(block::TABLE).map(|ioctl| ioctl.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), md::TABLE.len() + block::TABLE.len());
}

#[test]
fn a_structure_becomes_fields() {
    let request = Request::new(0x4014_0921);
    let bytes: Vec<u8> = [1i32, 7, 0, -1, 6].iter().flat_map(|field| field.to_le_bytes()).collect();
    assert_eq!(request.reads(), bytes.len());
    let field = |name: &str, value| (name.to_owned(), value);
    let expected = Value::Fields(vec![
        field("number", Value::Int(1)),
        field("major", Value::Int(7)),
        field("minor", Value::Int(0)),
        field("raid_disk", Value::Int(-1)),
        field("state", Value::Symbol("MD_DISK_ACTIVE|MD_DISK_SYNC".into())),
    ]);
    assert_eq!(request.decode(&bytes), expected);
    let Value::Fields(fields) = request.decode(&bytes[..10]) else { panic!() };
    assert_eq!(fields.len(), 2, "what could not be read is left out");
}

#[test]
fn a_number_in_place_of_a_pointer_is_shown_itself() {
    assert_eq!(Request::new(0x929).scalar(0x701), Some(Value::Device { major: 7, minor: 1 }));
    assert_eq!(Request::new(0x929).scalar(0x10_0000 | 259 << 8), Some(Value::Device { major: 259, minor: 256 }));
    assert_eq!(Request::new(0x4004_092b).scalar(u64::from(u32::MAX)), Some(Value::Int(-1)));
    assert_eq!(Request::new(0x932).scalar(0), None);
}

#[test]
fn an_unknown_request_is_taken_apart() {
    let request = Request::new(0xc010_0a07);
    let Value::Fields(fields) = request.show() else { panic!() };
    assert_eq!(fields[1].1, Value::Symbol("_IOC_READ|_IOC_WRITE".into()));
    assert_eq!((request.reads(), request.writes()), (16, 16));
    assert_eq!(
        fields[2..4].iter().map(|(_, value)| value.clone()).collect::<Vec<_>>(),
        [Value::Hex(10), Value::Hex(7)]
    );
}

#[test]
fn who_only_asks_changes_nothing() {
    let (device_mapper, version) = (ioc(3, 0xfd, 3, 312), ioc(2, 0x77, 1, 8));
    for (number, asks) in [
        (ioc(2, MD, 0x11, 72), true),
        // It takes in the number of a disk, and hands out what there is.
        (ioc(2, MD, 0x12, 20), true),
        // BLKSSZGET, whose number says nothing.
        (io(0x12, 104), true),
        (version, true),
        (device_mapper, false),
        (io(MD, 0x32), false),
        (ioc(1, MD, 0x21, 20), false),
        (io(0x12, 119), false),
    ] {
        assert_eq!(Request::new(number.into()).only_asks(), asks, "{number:#x}");
    }
}
