//! `mdadm --detail` on an array at rest: Detail.c of mdadm.

use mdlab::Array;
use mdlab::metadata::{DeviceFlags, Features, Role, Superblock1};

use super::text::{Line, chunk, clock, layout, level, line, share, size};
use super::v1::version;

/// Every line for an array, from the superblocks of its members. They are loop devices, in the order of their numbers.
pub(super) fn lines(array: &Array, members: &[Superblock1]) -> Vec<Line> {
    let Some(first) = members.first() else { return Vec::new() };
    let mut lines = vec![line(&format!("{}:", array.node()), "")];
    lines.extend(identity(first));
    lines.extend(sizes(first, members));
    lines.extend(counts(first, members));
    lines.extend(layout(first.level, first.layout).map(|layout| line("Layout", layout)));
    lines.extend(chunk(first.level, first.chunksize / 2));
    if first.feature_map.contains(Features::BITMAP_OFFSET) {
        lines.push(line("Intent Bitmap", "Internal"));
    }
    lines.push(line("Number Major Minor RaidDevice State", ""));
    lines.extend(members.iter().enumerate().map(|(minor, member)| row(minor, member)));
    lines
}

fn identity(superblock: &Superblock1) -> Vec<Line> {
    vec![
        line("Version", version(superblock)),
        line("Creation Time", clock(superblock.ctime.seconds)),
        line("Raid Level", level(superblock.level)),
        line("Persistence", "Superblock is persistent"),
        line("Update Time", clock(superblock.utime.seconds)),
        line("State", "clean"),
        line("Consistency Policy", policy(superblock)),
        line("Name", format!("{} (local to host mdlab)", superblock.set_name)),
        line("UUID", superblock.set_uuid),
        line("Events", superblock.events),
    ]
}

fn sizes(first: &Superblock1, members: &[Superblock1]) -> Vec<Line> {
    let chunk = u64::from(first.chunksize).max(1);
    let whole_chunks = || members.iter().map(|member| member.data_size / chunk * chunk * 512).sum();
    let share = share(first.level, first.layout, first.raid_disks);
    let bytes: u64 = share.map_or_else(whole_chunks, |(data, of)| first.size * 512 * data / of);
    let used = (first.level > 0).then(|| line("Used Dev Size", size(first.size / 2, first.size * 512)));
    std::iter::once(line("Array Size", size(bytes / 1024, bytes))).chain(used).collect()
}

fn counts(first: &Superblock1, members: &[Superblock1]) -> Vec<Line> {
    let count = |wanted: fn(Role) -> bool| members.iter().filter(|member| wanted(member.role())).count();
    vec![
        line("Raid Devices", first.raid_disks),
        line("Total Devices", members.len()),
        line("Active Devices", count(|role| matches!(role, Role::Active(_)))),
        line("Working Devices", members.len()),
        line("Failed Devices", count(|role| role == Role::Faulty)),
        line("Spare Devices", count(|role| role == Role::Spare)),
    ]
}

fn policy(superblock: &Superblock1) -> &'static str {
    let features = superblock.feature_map;
    match superblock.level {
        _ if features.contains(Features::JOURNAL) => "journal",
        _ if superblock.ppl().is_some() => "ppl",
        _ if features.contains(Features::BITMAP_OFFSET) => "bitmap",
        ..1 => "none",
        _ => "resync",
    }
}

/// A row of the table of members.
fn row(minor: usize, member: &Superblock1) -> Line {
    let (place, state) = match member.role() {
        Role::Active(place) => (place.to_string(), format!("active sync{}", set(member, place))),
        Role::Journal => ("-".to_owned(), "journal".to_owned()),
        _ => ("-".to_owned(), "spare".to_owned()),
    };
    let mostly = if member.devflags.contains(DeviceFlags::WRITE_MOSTLY) { " writemostly" } else { "" };
    line(&format!("{} 7 {minor} {place} {state}{mostly} /dev/loop{minor}", member.dev_number), "")
}

/// The copy that a member of a raid10 holds, where each holds one.
fn set(member: &Superblock1, place: u16) -> String {
    let copies = (member.layout & 0xff).max(1);
    let whole = member.level == 10 && member.layout >> 8 == 1 && member.raid_disks.is_multiple_of(copies);
    let letter = char::from(b'A' + (u32::from(place) % copies) as u8);
    if whole { format!(" set-{letter}") } else { String::new() }
}
