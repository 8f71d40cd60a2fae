//! What is decoded is what mdadm printed about the same bytes, line by line.

// `allow-unwrap-in-tests` covers functions marked `#[test]`, not those that they call.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{bytes, examined, superblock, v1, v090};
use mdlab_metadata::{BadBlock, BitmapSuper, DeviceFlags, DiskState, Role, Superblock1, Superblock090};

/// Fails with the first line that mdadm did not print. Columns may be spaced otherwise.
#[track_caller]
fn assert_printed(name: &str, lines: &[String]) {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = examined(name);
    let printed: Vec<String> = text.lines().map(words).collect();
    for line in lines {
        let starts = |found: &String| *found == *line || found.starts_with(&format!("{line} "));
        assert!(printed.iter().any(starts), "mdadm did not print `{line}`:\n{text}");
    }
}

/// What mdadm prints about every superblock of version 1.
fn lines_of_v1(superblock: &Superblock1) -> Vec<String> {
    let mut lines = vec![
        format!("Magic : {:08x}", superblock.magic),
        format!("Feature Map : {:#x}", superblock.feature_map.0),
        format!("Array UUID : {}", superblock.set_uuid),
        format!("Name : {}", superblock.set_name),
        format!("Raid Devices : {}", superblock.raid_disks),
        format!("Avail Dev Size : {} sectors", superblock.data_size),
        format!("Super Offset : {} sectors", superblock.super_offset),
        format!("Device UUID : {}", superblock.device_uuid),
        format!(
            "Bad Block Log : {} entries available at offset {} sectors",
            superblock.bblog_size * 64,
            superblock.bblog_offset
        ),
        format!("Checksum : {:x} - correct", superblock.checksum().computed),
        format!("Events : {}", superblock.events),
        format!("State : {}", if superblock.resync_offset == u64::MAX { "clean" } else { "active" }),
        match superblock.role() {
            Role::Active(place) => format!("Device Role : Active device {place}"),
            Role::Journal => "Device Role : Journal".to_owned(),
            _ => "Device Role : spare".to_owned(),
        },
        format!("Creation Time : {}", clock(superblock.ctime.seconds)),
        format!("Update Time : {}", clock(superblock.utime.seconds)),
    ];
    if superblock.data_offset != 0 {
        lines.push(format!("Data Offset : {} sectors", superblock.data_offset));
    }
    if superblock.chunksize != 0 {
        lines.push(format!("Chunk Size : {}K", superblock.chunksize / 2));
    }
    lines
}

/// What mdadm prints about every superblock of format 0.90.
fn lines_of_v090(superblock: &Superblock090) -> Vec<String> {
    let this = &superblock.this_disk;
    let mut lines = vec![
        format!("Magic : {:08x}", superblock.md_magic),
        format!("Version : {}.{}.{:02}", superblock.major_version, superblock.minor_version, superblock.patch_version),
        format!("UUID : {}", superblock.uuid()),
        format!("Creation Time : {}", clock(superblock.ctime.into())),
        format!("Update Time : {}", clock(superblock.utime.into())),
        format!("Used Dev Size : {}", superblock.size),
        format!("Raid Devices : {}", superblock.raid_disks),
        format!("Total Devices : {}", superblock.nr_disks),
        format!("Preferred Minor : {}", superblock.md_minor),
        format!("Active Devices : {}", superblock.active_disks),
        format!("Working Devices : {}", superblock.working_disks),
        format!("Failed Devices : {}", superblock.failed_disks),
        format!("Spare Devices : {}", superblock.spare_disks),
        format!("Checksum : {:x} - correct", superblock.checksum().computed),
        format!("Events : {}", superblock.events),
        format!("this {} {} {} {} active sync", this.number, this.major, this.minor, this.raid_disk),
    ];
    for (index, disk) in superblock.disks.iter().enumerate().take(3) {
        lines.push(format!("{index} {} {} {} {}", disk.number, disk.major, disk.minor, disk.raid_disk));
    }
    lines
}

/// The arrays were all made on one day, in UTC.
fn clock(seconds: u64) -> String {
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    assert_eq!(seconds / 86400, 20_778, "21 November 2026");
    format!("Sat Nov 21 {hour:02}:{minute:02}:{second:02} 2026")
}

#[test]
fn every_superblock_reads_as_mdadm_printed_it() {
    for name in ["1.0-ppl", "1.1-far", "1.2-journal", "1.2-mirror", "1.2-reshape", "1.2-stripe"] {
        assert_printed(name, &lines_of_v1(&v1(name)));
    }
    for name in ["0.90-failed", "0.90-mirror"] {
        assert_printed(name, &lines_of_v090(&v090(name)));
    }
}

#[test]
fn every_checksum_is_right() {
    for (name, _) in fixture::ALL {
        let sum = superblock(name).checksum();
        assert_eq!(sum.stored, sum.computed, "{name}");
    }
}

#[test]
fn mirror() {
    let superblock = v1("1.2-mirror");
    assert_eq!(superblock.level, 1);
    assert_eq!(superblock.bitmap_offset, 8);
    assert_eq!(superblock.devflags, DeviceFlags::WRITE_MOSTLY | DeviceFlags::FAIL_FAST);
    assert_eq!(superblock.feature_map.names().to_string(), "0x9 (MD_FEATURE_BITMAP_OFFSET | MD_FEATURE_BAD_BLOCKS)");
    assert_eq!(superblock.dev_roles[..3], [Role::Active(0), Role::Active(1), Role::Spare]);
    assert_eq!((superblock.dev_roles.len(), superblock.written_len()), (128, 512));
    assert_printed("1.2-mirror", &["Internal Bitmap : 8 sectors from superblock".to_owned()]);
}

#[test]
fn partial_parity_log() {
    let ppl = v1("1.0-ppl").ppl().unwrap();
    assert_printed(
        "1.0-ppl",
        &[format!("PPL : {} sectors at offset {} sectors from superblock", ppl.size, ppl.offset)],
    );
    assert_eq!(v1("1.2-mirror").ppl(), None);
}

#[test]
fn journal() {
    let fields = v1("1.2-journal").fields();
    assert!(fields.iter().any(|field| field.name == "journal_tail"));
    assert!(!fields.iter().any(|field| field.name == "recovery_offset"));
}

#[test]
fn reshape() {
    let superblock = v1("1.2-reshape");
    let new_offset = superblock.data_offset.checked_add_signed(superblock.new_offset.into()).unwrap();
    let lines = [
        format!("New Offset : {new_offset} sectors"),
        format!("Reshape pos'n : {}", superblock.reshape_position / 2),
        format!("Delta Devices : {} (3->4)", superblock.delta_disks),
    ];
    assert_printed("1.2-reshape", &lines);
}

#[test]
fn failed_device() {
    let superblock = v090("0.90-failed");
    assert_eq!(
        superblock.disks[1].to_string(),
        "number 1, major 0, minor 0, raid_disk 1, state 0x9 (MD_DISK_FAULTY | MD_DISK_REMOVED)"
    );
    assert_eq!(superblock.state.0, 0);
    assert_eq!(v090("0.90-mirror").state.names().to_string(), "0x101 (MD_SB_CLEAN | MD_SB_BITMAP_PRESENT)");
    // `--write-mostly` is lost in this format: mdadm did not print it either.
    assert_eq!(v090("0.90-mirror").this_disk.state, DiskState::ACTIVE | DiskState::SYNC);
}

#[test]
fn bitmaps() {
    for name in ["1.2-mirror", "0.90-mirror"] {
        let bitmap = BitmapSuper::decode(&bytes(&format!("{name}.bitmap.bin"))).unwrap();
        // mdadm prints a 0.90 array's identifier as words.
        let uuid = if name == "0.90-mirror" { bitmap.uuid.swap_words() } else { bitmap.uuid };
        assert_eq!(uuid, superblock(name).uuid());
        let lines = [
            format!("Magic : {:08x}", bitmap.magic),
            format!("Version : {}", bitmap.version),
            format!("UUID : {uuid}"),
            format!("Events : {}", bitmap.events),
            format!("Events Cleared : {}", bitmap.events_cleared),
            format!("Chunksize : {} MB", bitmap.chunksize / 1024 / 1024),
            format!("Daemon : {}s flush period", bitmap.daemon_sleep),
            format!("Sync Size : {}", bitmap.sync_size / 2),
        ];
        assert_printed(&format!("{name}.bitmap"), &lines);
    }
}

#[test]
fn bad_blocks() {
    let log = BadBlock::decode_log(&bytes("1.2-mirror.badblocks.bin"));
    assert_eq!(log, [BadBlock { first: 1000, len: 8 }, BadBlock { first: 2056, len: 8 }]);
    let lines: Vec<String> = log.iter().map(|block| format!("{} for {} sectors", block.first, block.len)).collect();
    assert_printed("1.2-mirror.badblocks", &lines);
}
