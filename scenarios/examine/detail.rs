//! `mdadm --detail`: Detail.c of mdadm.

use mdlab::Array;
use mdlab::metadata::Role;

use super::text::{Line, chunk, clock, layout, level, line, share, size};
pub(super) use shown::Shown;

mod shown;

/// Every line for an array whose members are loop devices.
pub(super) fn lines(array: &Array, shown: &Shown) -> Vec<Line> {
    let mut lines = vec![line(&format!("{}:", array.node()), "")];
    lines.extend(identity(shown));
    lines.extend(sizes(shown));
    lines.extend(counts(shown));
    lines.extend(layout(shown.level, shown.layout).map(|layout| line("Layout", layout)));
    lines.extend(chunk(shown.level, shown.chunk_kib));
    if shown.bitmap {
        lines.push(line("Intent Bitmap", "Internal"));
    }
    lines.extend(reshape(shown));
    lines.push(line("Number Major Minor RaidDevice State", ""));
    lines.extend(rows(array, shown));
    lines
}

fn identity(shown: &Shown) -> Vec<Line> {
    let own = vec![
        line("Version", shown.version),
        line("Creation Time", clock(shown.ctime)),
        line("Raid Level", level(shown.level)),
        line("Persistence", "Superblock is persistent"),
        line("Update Time", clock(shown.utime)),
        line("State", state(shown)),
        line("Consistency Policy", shown.policy),
    ];
    own.into_iter().chain(shown.of_the_format.iter().cloned()).collect()
}

fn state(shown: &Shown) -> String {
    let clean = if shown.clean { "clean" } else { "active" };
    let degraded = if shown.level > 0 && vacant(shown).next().is_some() { ", degraded" } else { "" };
    let reshaping = if shown.reshape.is_some() { ", reshaping" } else { "" };
    format!("{clean}{degraded}{reshaping}")
}

/// Places of the array that no member holds.
fn vacant(shown: &Shown) -> impl Iterator<Item = u16> {
    let held = |place| shown.members.iter().any(|member| member.role == Role::Active(place));
    (0..shown.raid_disks as u16).filter(move |place| !held(*place))
}

fn sizes(shown: &Shown) -> Vec<Line> {
    // An array that grows is as large as before until all of it is reshaped.
    let disks = shown.raid_disks.saturating_add_signed(-shown.reshape.map_or(0, |reshape| reshape.delta));
    let share = share(shown.level, shown.layout, disks);
    let bytes = share.map_or(shown.whole_chunks * 512, |(data, of)| shown.size * 512 * data / of);
    let used = (shown.level > 0).then(|| line("Used Dev Size", size(shown.size / 2, shown.size * 512)));
    std::iter::once(line("Array Size", size(bytes / 1024, bytes))).chain(used).collect()
}

fn counts(shown: &Shown) -> Vec<Line> {
    let count = |wanted: fn(Role) -> bool| shown.members.iter().filter(|member| wanted(member.role)).count();
    vec![
        line("Raid Devices", shown.raid_disks),
        line("Total Devices", shown.members.len()),
        line("Active Devices", count(|role| matches!(role, Role::Active(_)))),
        line("Working Devices", count(|role| role != Role::Faulty)),
        line("Failed Devices", count(|role| role == Role::Faulty)),
        line("Spare Devices", count(|role| role == Role::Spare)),
    ]
}

/// How far a reshape to more disks has come. Its place is counted in sectors of the array.
fn reshape(shown: &Shown) -> Vec<Line> {
    let Some(reshape) = shown.reshape else { return Vec::new() };
    let (data, of) = share(shown.level, shown.layout, shown.raid_disks).unwrap_or((1, 1));
    // As rough as /proc/mdstat, where mdadm has it from: `status_resync` of drivers/md/md.c counts in units of 1024 sectors,
    // and one more in all than there are.
    let (done, all) = ((reshape.position * of / data) >> 10, (shown.size >> 10) + 1);
    let percent = done * 100 / all;
    let from = i64::from(shown.raid_disks) - i64::from(reshape.delta);
    vec![
        line("Reshape Status", format!("{percent}% complete")),
        line("Delta Devices", format!("{}, ({from}->{})", reshape.delta, shown.raid_disks)),
    ]
}

/// The table of members, and of the places where one is missing.
fn rows(array: &Array, shown: &Shown) -> Vec<Line> {
    let members = array.members().iter().zip(&shown.members).map(|(path, member)| {
        let (place, state) = match member.role {
            Role::Active(place) => (place.to_string(), format!("active sync{}", set(shown, place))),
            Role::Journal => ("-".to_owned(), "journal".to_owned()),
            Role::Faulty => ("-".to_owned(), "faulty".to_owned()),
            _ => ("-".to_owned(), "spare".to_owned()),
        };
        let (minor, mostly) = (path.trim_start_matches("/dev/loop"), if member.mostly { " writemostly" } else { "" });
        line(&format!("{} 7 {minor} {place} {state}{mostly} {path}", member.number), "")
    });
    let removed = vacant(shown).map(|place| line(&format!("- 0 0 {place} removed"), ""));
    members.chain(removed).collect()
}

/// The copy that a member of a raid10 holds, where each holds one.
fn set(shown: &Shown, place: u16) -> String {
    let copies = (shown.layout & 0xff).max(1);
    let whole = shown.level == 10 && shown.layout >> 8 == 1 && shown.raid_disks.is_multiple_of(copies);
    let letter = char::from(b'A' + (u32::from(place) % copies) as u8);
    if whole { format!(" set-{letter}") } else { String::new() }
}
