//! How mdadm writes times, sizes and layouts.

/// A line and its value, which is empty where the line has no colon.
pub(super) type Line = (String, String);

pub(super) fn line(name: &str, value: impl ToString) -> Line {
    (name.to_owned(), value.to_string())
}

/// The line as mdadm prints it, but for white space.
pub(super) fn whole((name, value): &Line) -> String {
    if value.is_empty() { name.clone() } else { format!("{name} : {value}") }
}

/// The machines' clocks start with the year 2026, and no scenario takes a day.
pub(super) fn clock(seconds: u64) -> String {
    const YEAR: u64 = 1_767_225_600;
    let (hour, minute, second) = ((seconds - YEAR) / 3600, seconds / 60 % 60, seconds % 60);
    format!("Thu Jan 1 {hour:02}:{minute:02}:{second:02} 2026")
}

/// mdadm 4.1 does not write the units of sizes, 4.2 writes those of most.
pub(super) fn without_units(line: &str) -> String {
    line.replace(" sectors", "").replace(" KiB", "")
}

/// A number, and the size behind it in units of its own: `human_size` of mdadm's util.c, for less than 2 GiB.
pub(super) fn size(number: u64, bytes: u64) -> String {
    let hundredths = |unit: u64| (bytes * 200 / unit).div_ceil(2);
    let two = |unit| format!("{}.{:02}", hundredths(unit) / 100, hundredths(unit) % 100);
    match bytes {
        0..5_120_000 => number.to_string(),
        _ => format!("{number} ({} MiB {} MB)", two(1 << 20), two(1_000_000)),
    }
}

/// The layout of a level, as far as mdadm shows it (maps.c).
pub(super) fn layout(level: i32, layout: u32) -> Option<String> {
    const PARITY: [&str; 4] = ["left-asymmetric", "right-asymmetric", "left-symmetric", "right-symmetric"];
    match level {
        0 if layout > 0 => ["original", "alternate"].get(layout as usize - 1).map(|name| (*name).to_owned()),
        5 | 6 => PARITY.get(layout as usize).map(|name| (*name).to_owned()),
        10 => Some(copies(layout)),
        _ => None,
    }
}

/// `print_r10_layout` of util.c.
fn copies(layout: u32) -> String {
    let (near, far) = (layout & 0xff, layout >> 8 & 0xff);
    let near = (near != 1).then(|| format!("near={near}"));
    let spread = if layout >> 16 & 1 == 1 { "offset" } else { "far" };
    let far = (far != 1).then(|| format!("{spread}={far}"));
    near.into_iter().chain(far).collect::<Vec<_>>().join(", ")
}

/// The chunk of a level, by the name that mdadm gives it there; a mirror has none.
pub(super) fn chunk(level: i32, kib: u32) -> Option<Line> {
    match level {
        1 => None,
        -1 => Some(line("Rounding", format!("{kib}K"))),
        _ => Some(line("Chunk Size", format!("{kib}K"))),
    }
}

/// The name of a level (`pers` of maps.c).
pub(super) fn level(number: i32) -> String {
    if number == -1 { "linear".to_owned() } else { format!("raid{number}") }
}

/// How many times the data of one member the array holds, as a fraction; nothing for levels that use all of each.
pub(super) fn share(level: i32, layout: u32, raid_disks: u32) -> Option<(u64, u64)> {
    let disks = u64::from(raid_disks);
    match level {
        1 => Some((1, 1)),
        4 | 5 => Some((disks - 1, 1)),
        6 => Some((disks - 2, 1)),
        10 => Some((disks, u64::from((layout & 0xff) * (layout >> 8 & 0xff)))),
        _ => None,
    }
}
