//! `mdadm --examine` on format 0.90: `examine_super0` of mdadm's super0.c.

use mdlab::metadata::{ArrayState, Disk, DiskState, Superblock090};

use super::text::{Line, chunk, clock, layout, level, line, share, size};

/// Every line for a member.
pub(super) fn lines(member: &str, superblock: &Superblock090) -> Vec<Line> {
    let mut lines = vec![line(&format!("{member}:"), "")];
    lines.extend(array(superblock));
    if let Some((data, of)) = share(superblock.level, superblock.layout, superblock.raid_disks) {
        let bytes = u64::from(superblock.size) * 1024;
        lines.push(line("Used Dev Size", size(superblock.size.into(), bytes)));
        lines.push(line("Array Size", size(bytes * data / of / 1024, bytes * data / of)));
    }
    lines.extend(layout(superblock.level, superblock.layout).map(|layout| line("Layout", layout)));
    lines.extend(chunk(superblock.level, superblock.chunk_size / 1024));
    lines.push(line("Number Major Minor RaidDevice State", ""));
    lines.push(disk("this", &superblock.this_disk));
    let disks = superblock.disks.iter().take((superblock.raid_disks + superblock.spare_disks) as usize);
    lines.extend(disks.enumerate().map(|(number, entry)| disk(&number.to_string(), entry)));
    lines
}

fn array(superblock: &Superblock090) -> Vec<Line> {
    let clean = superblock.state.contains(ArrayState::CLEAN);
    let bitmap = superblock.state.contains(ArrayState::BITMAP_PRESENT);
    let bitmap = bitmap.then(|| line("Internal Bitmap", "present"));
    let lines = [
        line("Magic", format!("{:08x}", superblock.md_magic)),
        line("Version", format!("0.{}.{:02}", superblock.minor_version, superblock.patch_version)),
        line("UUID", format!("{} (local to host mdlab)", superblock.uuid())),
        line("Creation Time", clock(superblock.ctime.into())),
        line("Raid Level", level(superblock.level)),
        line("Raid Devices", superblock.raid_disks),
        line("Total Devices", superblock.nr_disks),
        line("Preferred Minor", superblock.md_minor),
        line("Update Time", clock(superblock.utime.into())),
        line("State", if clean { "clean" } else { "active" }),
        line("Active Devices", superblock.active_disks),
        line("Working Devices", superblock.working_disks),
        line("Failed Devices", superblock.failed_disks),
        line("Spare Devices", superblock.spare_disks),
        line("Checksum", format!("{:x} - correct", superblock.checksum().computed)),
        line("Events", superblock.events),
    ];
    lines.into_iter().chain(bitmap).collect()
}

/// A row of the table.
fn disk(head: &str, disk: &Disk) -> Line {
    let names = [
        (DiskState::FAULTY, " faulty"),
        (DiskState::ACTIVE, " active"),
        (DiskState::SYNC, " sync"),
        (DiskState::REMOVED, " removed"),
        (DiskState::WRITE_MOSTLY, " write-mostly"),
        (DiskState::FAIL_FAST, " failfast"),
    ];
    let set = names.into_iter().filter(|(flag, _)| disk.state.contains(*flag)).map(|(_, name)| name);
    let state: String = if disk.state.0 == 0 { " spare".to_owned() } else { set.collect() };
    let (number, major, minor, place) = (disk.number, disk.major, disk.minor, disk.raid_disk);
    line(&format!("{head} {number} {major} {minor} {place}{state} /dev/loop{minor}"), "")
}
