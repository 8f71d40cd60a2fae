//! `mdadm --examine` on version 1: `examine_super1` of mdadm's super1.c.

use mdlab::metadata::{BadBlock, DeviceFlags, Features, Role, Superblock1};

use super::DISK;
use super::text::{Line, chunk, clock, layout, level, line, share, size};

/// Every line for a member.
pub(super) fn lines(member: &str, superblock: &Superblock1) -> Vec<Line> {
    let mut lines = vec![line(&format!("{member}:"), "")];
    lines.extend(array(superblock));
    lines.extend(sizes(superblock));
    lines.extend(places(superblock));
    lines.extend(beside(superblock));
    lines.extend(reshape(superblock));
    lines.extend(flags(superblock.devflags));
    lines.extend([
        line("State", if superblock.resync_offset == u64::MAX { "clean" } else { "active" }),
        line("Device UUID", superblock.device_uuid),
        line("Update Time", clock(superblock.utime.seconds)),
        line("Checksum", format!("{:x} - correct", superblock.checksum().computed)),
        line("Events", superblock.events),
        line("Device Role", role(superblock)),
        line("Array State", state(superblock)),
    ]);
    lines.extend(layout(superblock.level, laid_out(superblock)).map(|layout| line("Layout", layout)));
    lines.extend(chunk(superblock.level, superblock.chunksize / 2));
    lines
}

/// Its layout, as far as it counts: that of a raid0 has a flag of its own.
pub(super) fn laid_out(superblock: &Superblock1) -> u32 {
    let counts = superblock.level != 0 || superblock.feature_map.contains(Features::RAID0_LAYOUT);
    if counts { superblock.layout } else { 0 }
}

/// Every line of `mdadm --examine-badblocks`.
pub(super) fn bad_blocks(member: &str, log: &[BadBlock]) -> Vec<Line> {
    let blocks = log.iter().map(|block| line(&format!("{} for {} sectors", block.first, block.len), ""));
    std::iter::once(line(&format!("Bad-blocks on {member}:"), "")).chain(blocks).collect()
}

/// The number of the format, which the place of the superblock tells.
pub(super) fn version(superblock: &Superblock1) -> &'static str {
    match superblock.super_offset {
        0 => "1.1",
        8 => "1.2",
        _ => "1.0",
    }
}

fn array(superblock: &Superblock1) -> Vec<Line> {
    vec![
        line("Magic", format!("{:08x}", superblock.magic)),
        line("Version", version(superblock)),
        line("Feature Map", format!("{:#x}", superblock.feature_map.0)),
        line("Array UUID", superblock.set_uuid),
        line("Name", format!("{} (local to host mdlab)", superblock.set_name)),
        line("Creation Time", clock(superblock.ctime.seconds)),
        line("Raid Level", level(superblock.level)),
        line("Raid Devices", superblock.raid_disks),
    ]
}

fn sizes(superblock: &Superblock1) -> Vec<Line> {
    let mut lines = vec![line("Avail Dev Size", size(superblock.data_size, superblock.data_size * 512))];
    if let Some((data, of)) = share(superblock.level, superblock.layout, superblock.raid_disks) {
        let bytes = superblock.size * 512 * data / of;
        lines.push(line("Array Size", size(bytes / 1024, bytes)));
    }
    // Of a linear array too: mdadm 4.2 takes the level for a number without a sign here.
    if superblock.level != 0 && superblock.size != superblock.data_size {
        lines.push(line("Used Dev Size", size(superblock.size, superblock.size * 512)));
    }
    lines
}

/// Where data and superblock lie, and how much room is left around the data.
fn places(superblock: &Superblock1) -> Vec<Line> {
    let mut lines = vec![line("Super Offset", superblock.super_offset)];
    if superblock.data_offset > 0 {
        lines.push(line("Data Offset", superblock.data_offset));
    }
    let moves = superblock.feature_map.contains(Features::NEW_OFFSET);
    if moves && superblock.new_offset != 0 {
        let offset = superblock.data_offset.wrapping_add_signed(superblock.new_offset.into());
        lines.push(line("New Offset", offset));
    }
    if superblock.feature_map.contains(Features::RECOVERY_OFFSET) {
        lines.push(line("Recovery Offset", superblock.recovery_offset));
    }
    let (before, after) = unused(superblock);
    // mdadm takes an `after` of 1 for no room at all, and does not print it.
    if !moves && after != 1 && (before, after) != (0, 0) {
        lines.push(line("Unused Space", format!("before={before} sectors, after={after} sectors")));
    }
    lines
}

/// `getinfo_super1` of super1.c: how far the data could be moved, in sectors.
fn unused(superblock: &Superblock1) -> (u64, u64) {
    let data = if superblock.level > 0 { superblock.size } else { superblock.data_size };
    let bitmap = superblock.feature_map.contains(Features::BITMAP_OFFSET);
    let bitmap = if bitmap { superblock.bitmap_offset.into() } else { 0 };
    let at = |distance: i64| superblock.super_offset.wrapping_add_signed(distance);
    let bad_blocks = at(superblock.bblog_offset.into());
    if superblock.data_offset < superblock.super_offset {
        let end = superblock.super_offset.min(bad_blocks).min(at(bitmap));
        return (superblock.data_offset, end.saturating_sub(superblock.data_offset + data));
    }
    // What the kernel keeps free behind the superblock; a bitmap of these disks lies within it.
    let kept = superblock.super_offset + 72;
    let log_end = superblock.ppl().map_or(0, |ppl| u64::from(ppl.offset.unsigned_abs()) + u64::from(ppl.size));
    let earliest = kept.max(log_end).max(bad_blocks + u64::from(superblock.bblog_size));
    let room = DISK / 512 - superblock.data_offset;
    // A journal is made of blocks of 4 KiB.
    let after = if superblock.role() == Role::Journal { room % 8 } else { room - data };
    (superblock.data_offset.saturating_sub(earliest), after)
}

/// What lies beside the superblock.
fn beside(superblock: &Superblock1) -> Vec<Line> {
    let mut lines = Vec::new();
    if superblock.feature_map.contains(Features::BITMAP_OFFSET) {
        lines.push(line("Internal Bitmap", format!("{} sectors from superblock", superblock.bitmap_offset)));
    } else if let Some(ppl) = superblock.ppl() {
        let place = format!("{} sectors at offset {} sectors from superblock", ppl.size, ppl.offset);
        lines.push(line("PPL", place));
    }
    if superblock.bblog_size > 0 && superblock.bblog_offset != 0 {
        let (entries, offset) = (superblock.bblog_size * 64, superblock.bblog_offset);
        let bad = superblock.feature_map.contains(Features::BAD_BLOCKS);
        let present = if bad { " - bad blocks present." } else { "" };
        lines.push(line("Bad Block Log", format!("{entries} entries available at offset {offset} sectors{present}")));
    }
    lines
}

fn reshape(superblock: &Superblock1) -> Vec<Line> {
    if !superblock.feature_map.contains(Features::RESHAPE_ACTIVE) {
        return Vec::new();
    }
    let (position, delta) = (superblock.reshape_position, superblock.delta_disks);
    let mut lines = vec![line("Reshape pos'n", size(position / 2, position * 512))];
    if delta != 0 {
        let (from, to) = (i64::from(superblock.raid_disks) - i64::from(delta), superblock.raid_disks);
        lines.push(line("Delta Devices", format!("{delta} ({from}->{to})")));
    }
    if superblock.new_level != superblock.level {
        lines.push(line("New Level", level(superblock.new_level)));
    }
    if superblock.new_layout != superblock.layout {
        lines.extend(layout(superblock.level, superblock.new_layout).map(|layout| line("New Layout", layout)));
    }
    if superblock.new_chunk != superblock.chunksize {
        lines.push(line("New Chunksize", format!("{}K", superblock.new_chunk / 2)));
    }
    lines
}

fn flags(flags: DeviceFlags) -> Option<Line> {
    let names = [(DeviceFlags::WRITE_MOSTLY, "write-mostly"), (DeviceFlags::FAIL_FAST, "failfast")];
    let set: Vec<&str> = names.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, name)| name).collect();
    (!set.is_empty()).then(|| line("Flags", set.join(" ")))
}

/// Roles that mean nothing yet are places to mdadm.
pub(super) fn role(superblock: &Superblock1) -> String {
    match superblock.role() {
        Role::Active(place) | Role::Reserved(place) => {
            let replaces = superblock.feature_map.contains(Features::REPLACEMENT);
            format!("{} device {place}", if replaces { "Replacement" } else { "Active" })
        }
        Role::Journal => "Journal".to_owned(),
        Role::Spare | Role::Faulty => "spare".to_owned(),
    }
}

/// One letter for each place of the array.
pub(super) fn state(superblock: &Superblock1) -> String {
    let places = i64::from(superblock.raid_disks) - i64::from(superblock.delta_disks.min(0));
    let letter = |place| match superblock.dev_roles.iter().filter(|role| **role == Role::Active(place)).count() {
        0 => '.',
        1 => 'A',
        2 => 'R',
        _ => '?',
    };
    let letters: String = (0..places as u16).map(letter).collect();
    format!("{letters} ('A' == active, '.' == missing, 'R' == replacing)")
}
