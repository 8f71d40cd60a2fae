//! What mdadm prints about an array, against what mdlab reads from the same bytes, field by field.

use mdlab::metadata::{Role, Superblock, Superblock1};
use mdlab::{Array, Guest, Level, Report, mib, needs};
use rstest::rstest;

use crate::guest;

/// Every line of `mdadm --examine` on format 1.x that a field of the superblock decides.
fn lines_of_v1(superblock: &Superblock1) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("Magic", format!("{:08x}", superblock.magic)),
        ("Feature Map", format!("{:#x}", superblock.feature_map.0)),
        ("Array UUID", superblock.set_uuid.to_string()),
        ("Name", format!("{}  (local to host mdlab)", superblock.set_name)),
        ("Creation Time", clock(superblock.ctime.seconds)),
        ("Raid Devices", superblock.raid_disks.to_string()),
        ("Super Offset", format!("{} sectors", superblock.super_offset)),
        ("State", if superblock.resync_offset == u64::MAX { "clean" } else { "active" }.to_owned()),
        ("Device UUID", superblock.device_uuid.to_string()),
        ("Update Time", clock(superblock.utime.seconds)),
        ("Checksum", format!("{:x} - correct", superblock.checksum().computed)),
        ("Events", superblock.events.to_string()),
    ];
    if let Role::Active(place) = superblock.role() {
        lines.push(("Device Role", format!("Active device {place}")));
    }
    if superblock.data_offset > 0 {
        lines.push(("Data Offset", format!("{} sectors", superblock.data_offset)));
    }
    if superblock.chunksize > 0 {
        lines.push(("Chunk Size", format!("{}K", superblock.chunksize / 2)));
    }
    let (entries, offset) = (superblock.bblog_size * 64, superblock.bblog_offset);
    lines.push(("Bad Block Log", format!("{entries} entries available at offset {offset} sectors")));
    lines
}

/// The machines' clocks start with the year 2026, and no scenario takes a day.
fn clock(seconds: u64) -> String {
    const YEAR: u64 = 1_767_225_600;
    let (hour, minute, second) = ((seconds - YEAR) / 3600, seconds / 60 % 60, seconds % 60);
    format!("Thu Jan  1 {hour:02}:{minute:02}:{second:02} 2026")
}

#[track_caller]
fn assert_says(report: &Report, lines: &[(&str, String)]) {
    for (name, expected) in lines {
        assert_eq!(report.get(name), Some(expected.as_str()), "{name}: {report:?}");
    }
}

/// The sizes come in units of their own: `4096 sectors (2.00 MiB 2.10 MB)`.
#[track_caller]
fn assert_begins(report: &Report, name: &str, number: u64) {
    let found = report.get(name).and_then(|value| value.split(' ').next());
    assert_eq!(found, Some(number.to_string().as_str()), "{name}: {report:?}");
}

/// `mdadm --examine` and `--detail` say what the superblock of every level and format holds.
#[rstest]
fn mdadm_and_mdlab_agree(
    mut guest: Guest,
    #[values(Level::Linear, Level::Raid0, Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)]
    level: Level,
    #[values("1.0", "1.1", "1.2")] metadata: &str,
) {
    needs!(guest, level);
    let array = Array::new(level).with(&format!("--metadata {metadata}")).on(guest.loops(4, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    let superblocks = guest.superblocks(&array);
    for (member, superblock) in array.members().iter().zip(&superblocks) {
        let Superblock::V1(superblock) = superblock else { panic!("`{member}` has another format") };
        let report = guest.examine(member);
        assert_says(&report, &lines_of_v1(superblock));
        assert_says(&report, &[("Raid Level", level.to_string())]);
        assert_begins(&report, "Avail Dev Size", superblock.data_size);
    }

    let Superblock::V1(superblock) = &superblocks[0] else { panic!("another format") };
    let report = guest.detail(&array);
    let expected = [
        ("Version", metadata.to_owned()),
        ("Creation Time", clock(superblock.ctime.seconds)),
        ("Raid Level", level.to_string()),
        ("Raid Devices", superblock.raid_disks.to_string()),
        ("Total Devices", array.members().len().to_string()),
        ("Persistence", "Superblock is persistent".to_owned()),
        ("Update Time", clock(superblock.utime.seconds)),
        ("State", "clean".to_owned()),
        ("Name", format!("{}  (local to host mdlab)", superblock.set_name)),
        ("UUID", superblock.set_uuid.to_string()),
        ("Events", superblock.events.to_string()),
    ];
    assert_says(&report, &expected);
    if superblock.size > 0 && level != Level::Raid0 {
        assert_begins(&report, "Used Dev Size", superblock.size / 2);
    }
}

/// The same for format 0.90, whose disks are a table.
#[rstest]
fn mdadm_and_mdlab_agree_on_0_90(mut guest: Guest, #[values(Level::Raid1, Level::Raid5)] level: Level) {
    let array = Array::new(level).with("--metadata 0.90").on(guest.loops(3, mib(6)));
    guest.given(&array);
    guest.trace_nothing();

    let superblocks = guest.superblocks(&array);
    for (member, superblock) in array.members().iter().zip(&superblocks) {
        let Superblock::V090(superblock) = superblock else { panic!("`{member}` has another format") };
        let report = guest.examine(member);
        let expected = [
            ("Magic", format!("{:08x}", superblock.md_magic)),
            ("Version", "0.90.00".to_owned()),
            ("UUID", format!("{} (local to host mdlab)", superblock.uuid())),
            ("Creation Time", clock(superblock.ctime.into())),
            ("Raid Level", level.to_string()),
            ("Raid Devices", superblock.raid_disks.to_string()),
            ("Total Devices", superblock.nr_disks.to_string()),
            ("Preferred Minor", superblock.md_minor.to_string()),
            ("Update Time", clock(superblock.utime.into())),
            ("Active Devices", superblock.active_disks.to_string()),
            ("Working Devices", superblock.working_disks.to_string()),
            ("Failed Devices", superblock.failed_disks.to_string()),
            ("Spare Devices", superblock.spare_disks.to_string()),
            ("Checksum", format!("{:x} - correct", superblock.checksum().computed)),
            ("Events", superblock.events.to_string()),
        ];
        assert_says(&report, &expected);
        assert_begins(&report, "Used Dev Size", superblock.size.into());
    }
}
