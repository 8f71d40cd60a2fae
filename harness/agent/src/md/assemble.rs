//! `md assemble`: runs an array that exists. What it is stands in its superblocks; md is told only which devices they lie on.

use mdlab_metadata::{DeviceFlags, Format, Superblock, Superblock1};

use super::Verdict;
use super::arguments::Arguments;
use super::array::{Array, Disk};
use super::member::{Member, minor_version};
use super::trouble::Trouble;

/// More bits of `mdu_disk_info_t.state` (include/uapi/linux/raid/md_p.h).
const WRITE_MOSTLY: u32 = 1 << 9;
const FAIL_FAST: u32 = 1 << 10;

/// A member and what its superblock says.
struct Found {
    member: Member,
    format: Format,
    superblock: Box<Superblock1>,
}

pub(super) fn run(mut arguments: Arguments) -> Result<Verdict, Trouble> {
    let mut words = arguments.words()?;
    if words.len() < 2 {
        return Err(arguments.wrong("expected a node and its devices"));
    }
    let node = words.remove(0);
    let members = inspect(&words)?;
    let Some(version) = members.first().map(|found| minor_version(found.format)) else { return Ok(Verdict::Good) };
    let disks = in_order(&members);
    // Closed before md opens them for itself.
    drop(members);

    let array = Array::create_mddev(&node)?;
    array.refuse_running()?;
    start(&array, version, &disks).map_err(|trouble| match array.stop_array() {
        Ok(()) => trouble,
        Err(other) => trouble.and(&other),
    })?;
    Ok(Verdict::Good)
}

fn start(array: &Array, version: i64, disks: &[Disk]) -> Result<(), Trouble> {
    array.set_array_info(version)?;
    disks.iter().try_for_each(|disk| array.add_new_disk(*disk))?;
    array.run_array()
}

/// Reads every superblock, and fails unless they are all of one array.
fn inspect(paths: &[String]) -> Result<Vec<Found>, Trouble> {
    let mut members: Vec<Found> = Vec::new();
    for path in paths {
        if let Some(first) = members.iter().find(|found| found.member.is(path)) {
            let cause = format!("it is the same device as `{}`", first.member.path);
            return Err(Trouble::usage(format!("use `{path}`"), cause, "name each device once"));
        }
        let member = Member::inspect(path)?;
        let found = read(member)?;
        if let Some(first) = members.first()
            && (first.superblock.set_uuid, first.format) != (found.superblock.set_uuid, found.format)
        {
            return Err(Trouble::unfit(
                format!("use `{path}`"),
                format!("it belongs to another array than `{}`", first.member.path),
                "name the devices of one array",
            ));
        }
        members.push(found);
    }
    Ok(members)
}

/// The superblock that was written last, should there be several.
fn read(member: Member) -> Result<Found, Trouble> {
    let superblocks = member.superblocks()?.into_iter().filter_map(|(location, superblock)| match superblock {
        Superblock::V1(superblock) => Some((location.format, superblock)),
        Superblock::V090(_) => None,
    });
    match superblocks.max_by_key(|(_, superblock)| superblock.utime) {
        Some((format, superblock)) => Ok(Found { member, format, superblock }),
        None => Err(Trouble::unfit(
            format!("use `{}`", member.path),
            "it has no valid superblock of format 1.0, 1.1 or 1.2",
            "name a member of an array",
        )),
    }
}

/// As mdadm adds them (`start_array` of its Assemble.c): by their roles, the freshest last.
fn in_order(members: &[Found]) -> Vec<Disk> {
    let freshest = members.iter().map(|found| found.superblock.events).max().unwrap_or_default();
    let chosen = members.iter().position(|found| found.superblock.events == freshest);
    let mut order: Vec<_> = members.iter().enumerate().collect();
    order.sort_by_key(|(index, found)| (Some(*index) == chosen, u16::from(found.superblock.role())));
    order.into_iter().map(|(_, found)| disk(found)).collect()
}

fn disk(found: &Found) -> Disk {
    let flags = [(DeviceFlags::WRITE_MOSTLY, WRITE_MOSTLY), (DeviceFlags::FAIL_FAST, FAIL_FAST)];
    let set = flags.iter().filter(|(flag, _)| found.superblock.devflags.contains(*flag));
    let mut disk = Disk::new(found.superblock.dev_number, found.superblock.role(), &found.member);
    disk.state |= set.fold(0, |all, (_, bit)| all | bit);
    disk
}

#[cfg(test)]
mod tests {
    use mdlab_metadata::Role;

    use super::*;

    fn found(path: &str, number: u32, events: u64) -> Found {
        let dev_roles = vec![Role::Active(0), Role::Active(1), Role::Spare];
        let superblock = Superblock1 { dev_number: number, events, dev_roles, ..Superblock1::default() };
        let member = Member::unopened(path, number);
        Found { member, format: Format::V1_2, superblock: Box::new(superblock) }
    }

    #[test]
    fn the_freshest_comes_last() {
        let numbers = |members: &[Found]| in_order(members).iter().map(|disk| disk.number).collect::<Vec<_>>();
        assert_eq!(numbers(&[found("a", 0, 5), found("b", 1, 5), found("c", 2, 5)]), [1, 2, 0]);
        assert_eq!(numbers(&[found("c", 2, 4), found("b", 1, 5), found("a", 0, 4)]), [0, 2, 1]);
        let disks = in_order(&[found("a", 1, 1), found("c", 2, 0)]);
        assert_eq!((disks[0].raid_disk, disks[0].state, disks[1].raid_disk, disks[1].state), (-1, 0, 1, 6));
    }
}
