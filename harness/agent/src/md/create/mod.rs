//! `md create`: mdadm's Create, step by step.
//!
//! Read [`run`] from the top. Every device is looked at before anything is written or made; then the array is made, the
//! superblocks are written, and md is told: SET_ARRAY_INFO, ADD_NEW_DISK for each member, RUN_ARRAY.

mod geometry;
mod level;
mod logs;
mod options;
mod roles;
mod superblock;

use std::fs::File;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use mdlab_metadata::{BitmapSuper, Format, Role, Superblock1, Uuid};

use super::Verdict;
use super::arguments::Arguments;
use super::array::{self, Array, Disk};
use super::member::{Member, minor_version};
use super::trouble::{ENOTSUPP, Refused, Trouble};
use geometry::Request;
use level::Level;
pub(super) use options::OPTIONS;
use options::{Order, Policy};
use roles::{Counts, Place, Slot};

/// From this size on, in KiB, mdadm adds a bitmap unasked: 100 GiB.
const BITMAP_UNASKED: u64 = 100 << 20;

/// The array as it will be: `struct shape` of mdadm.h, settled.
#[derive(Debug, Clone, Copy)]
struct Shape {
    level: Level,
    format: Format,
    /// In KiB.
    chunk: u32,
    layout: u32,
    /// What is used of each member, in KiB; 0 where the level uses all of each.
    size: u64,
    /// What a bitmap covers, in sectors.
    covered: u64,
    /// Where data begins, in sectors.
    data_offset: u64,
    ppl: bool,
    bitmap: bool,
}

/// A device that becomes a member.
struct New {
    member: Member,
    place: Place,
    write_mostly: bool,
}

pub(super) fn run(arguments: Arguments) -> Result<Verdict, Trouble> {
    let order = Order::parse(arguments)?;
    let sizes = inspect(&order.slots)?;
    let shape = settle(&order, &sizes)?;
    let counts = roles::count(order.level, order.raid_disks, order.assume_clean, &order.slots);

    let array = Array::create_mddev(&order.node)?;
    array.refuse_running()?;
    let started = start(&order, &shape, &counts, &array);
    started.map_err(|trouble| match array.stop_array() {
        Ok(()) => trouble,
        Err(other) => trouble.and(&other),
    })?;
    Ok(Verdict::Good)
}

/// Looks at every device; returns their bytes by their place on the command line.
fn inspect(slots: &[Slot]) -> Result<Vec<Option<u64>>, Trouble> {
    let mut members: Vec<Member> = Vec::new();
    let mut sizes = Vec::new();
    for slot in slots {
        let Slot::Device { path, .. } = slot else {
            sizes.push(None);
            continue;
        };
        // The first would make the second look as if somebody else used it.
        let twice = members.iter().find(|member| member.is(path));
        if let Some(first) = twice {
            let cause = format!("it is the same device as `{}`", first.path);
            return Err(Trouble::usage(format!("use `{path}`"), cause, "name each device once"));
        }
        members.push(Member::inspect(path)?);
        sizes.push(members.last().map(|member| member.bytes));
    }
    Ok(sizes)
}

/// Settles what the order leaves open: `validate_geometry1` for each device, and what Create makes of it.
fn settle(order: &Order, sizes: &[Option<u64>]) -> Result<Shape, Trouble> {
    let ppl = order.policy == Some(Policy::Ppl);
    let request = Request { format: order.format, chunk: order.chunk, ppl };
    let wanted = order.size.map(|size| geometry::round_to_chunk(size, order.chunk));
    if let (Some(0), Some(size)) = (wanted, order.size) {
        return Err(Trouble::usage(format!("parse `--size {size}`"), "it is less than a chunk", "give more"));
    }
    let first = sizes.iter().flatten().next().copied().unwrap_or_default();
    let data_offset = request.data_offset(first / 512);
    let mut smallest = None;
    for (slot, bytes) in order.slots.iter().zip(sizes) {
        let (Slot::Device { path, journal, .. }, Some(bytes)) = (slot, bytes) else { continue };
        let free = request.free_kib(bytes / 512, data_offset);
        // A journal needs no room for data, but its superblock must fit.
        let least = if *journal { 0 } else { wanted.unwrap_or(1) };
        if free < least || request.free_size(bytes / 512, data_offset).is_none() {
            let cause = match (bytes, order.size) {
                (0, _) => "it has no sectors, nothing may be attached to it".to_owned(),
                (_, Some(size)) => format!("{} KiB leave {free} KiB for data, {size} are asked for", bytes / 1024),
                _ => format!("{} KiB leave {free} KiB for data", bytes / 1024),
            };
            let remedy = "give a larger device, a smaller size or chunk";
            return Err(Trouble::unfit(format!("use `{path}`"), cause, remedy));
        }
        if !journal {
            smallest = Some(smallest.map_or((free, path), |least| std::cmp::min(least, (free, path))));
        }
    }
    let size = match (wanted, smallest) {
        (Some(size), _) => size,
        (None, Some((free, _))) if order.level == Level::Raid1 => geometry::round_mirror(free),
        (None, Some((free, _))) if order.level.is_redundant() => free,
        _ => 0,
    };
    match smallest {
        _ if size > 0 || !order.level.is_redundant() => {}
        Some((free, path)) => {
            let cause = format!("{free} KiB for data are too few");
            return Err(Trouble::unfit(format!("use `{path}`"), cause, "give a larger device"));
        }
        None => return Err(Trouble::usage("settle `--size`", "no member is there that would decide it", "give it")),
    }
    let Some(covered) = geometry::covered(order.level, order.layout, order.raid_disks, size) else {
        let attempt = order.size.map_or_else(|| "use `DEVICE...`".into(), |size| format!("parse `--size {size}`"));
        return Err(Trouble::usage(attempt, "the array would have 8 EiB or more", "give a smaller size"));
    };
    let may_have = order.level.is_redundant() && !order.has_journal();
    let unasked = may_have && !matches!(order.policy, Some(Policy::Resync | Policy::Ppl)) && size > BITMAP_UNASKED;
    let Order { level, format, chunk, layout, .. } = *order;
    let bitmap = order.bitmap.unwrap_or(unasked);
    Ok(Shape { level, format, chunk, layout, size, covered, data_offset, ppl, bitmap })
}

/// What happens once there is an array that holds nothing.
fn start(order: &Order, shape: &Shape, counts: &Counts, array: &Array) -> Result<(), Trouble> {
    let mut superblock = superblock::init_super(shape, counts, random_uuid()?, set_name(order)?, now());
    let bitmap = match shape.bitmap {
        true => Some(superblock::add_internal_bitmap(&mut superblock, shape)?),
        false => None,
    };
    array.set_array_info(minor_version(shape.format))?;

    let mut members = Vec::new();
    for place in roles::places(counts, &order.slots) {
        let Slot::Device { path, write_mostly, .. } = &order.slots[place.slot] else { continue };
        let member = Member::open_excl(path)?;
        superblock::add_to_super(&mut superblock, place);
        members.push(New { member, place, write_mostly: *write_mostly });
    }
    write_init_super(&mut superblock, shape, bitmap.as_ref(), &members)?;
    // Whether a member is write-mostly stands in its superblock alone: mdadm passes on what `getinfo_super1` reads, which is
    // no flag at that time. The members are closed before md opens them for itself.
    let disks: Vec<_> =
        members.into_iter().map(|new| Disk::new(new.place.number, new.place.role, &new.member)).collect();

    for disk in disks {
        array.add_new_disk(disk).map_err(|trouble| match shape.level {
            Level::Raid0 if trouble.is(libc::EINVAL) => {
                trouble.hint("possibly this kernel knows no layouts of RAID 0: add `--no-raid0-layout`")
            }
            _ => trouble,
        })?;
    }
    array.run_array().map_err(|trouble| explain(shape, trouble))?;
    array.restart_array_rw();
    Ok(())
}

/// `write_init_super1`: removes old superblocks, and writes the new one and what belongs to it, to each member.
fn write_init_super(
    superblock: &mut Superblock1,
    shape: &Shape,
    bitmap: Option<&BitmapSuper>,
    members: &[New],
) -> Result<(), Trouble> {
    use mdlab_metadata::Features;

    if members.iter().any(|new| new.place.role == Role::Journal) {
        superblock.feature_map = superblock.feature_map | Features::JOURNAL;
    }
    if superblock::has_raid0_layout(shape) {
        superblock.feature_map = superblock.feature_map | Features::RAID0_LAYOUT;
    }
    for New { member, place, write_mostly } in members {
        member.kill()?;
        let target = superblock::Target {
            place: *place,
            write_mostly: *write_mostly,
            uuid: random_uuid()?,
            sectors: member.bytes / 512,
            data_offset: shape.data_offset,
        };
        superblock::address(superblock, shape.format, bitmap, target);
        member.write(superblock.super_offset * 512, &superblock::image(superblock))?;
        if place.role == Role::Journal {
            let sequence = u32::from_le_bytes(random()?);
            let block = logs::empty_meta_block(superblock.set_uuid, sequence);
            member.write(superblock.data_offset * 512, &block)?;
        }
        // A distance from the superblock, which may lead backwards.
        let beside = |distance: i32| superblock.super_offset.wrapping_add_signed(distance.into()) * 512;
        if let Some(bitmap) = bitmap {
            member.write(beside(superblock.bitmap_offset), &logs::bitmap(bitmap))?;
        } else if let Some(ppl) = superblock.ppl() {
            member.write(beside(ppl.offset.into()), &logs::empty_ppl(superblock.set_uuid))?;
        }
        member.sync()?;
    }
    Ok(())
}

/// What mdadm adds to the error of RUN_ARRAY.
fn explain(shape: &Shape, trouble: Trouble) -> Trouble {
    if trouble.is(ENOTSUPP) && shape.level == Level::Raid0 {
        trouble.hint("this kernel wants to know the layout of RAID 0: use `--layout original` or `--layout alternate`")
    } else if shape.chunk & shape.chunk.wrapping_sub(1) != 0 {
        trouble.hint(format!("the problem may be that the chunk of {} KiB is not a power of 2", shape.chunk))
    } else {
        trouble
    }
}

/// The name in the superblock: mdadm takes the host's name and the number of the array unless told otherwise.
fn set_name(order: &Order) -> Result<mdlab_metadata::Name, Trouble> {
    let number = array::minor(&order.node)?.to_string();
    let host = match &order.homehost {
        Some(host) => host.clone(),
        None => nix::unistd::gethostname().refused(|| "ask for the host's name".into())?.to_string_lossy().into_owned(),
    };
    let host = Some(host.as_str()).filter(|host| !host.is_empty() && *host != "<none>");
    Ok(superblock::set_name(host, order.name.as_deref().unwrap_or(&number)))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn random_uuid() -> Result<Uuid, Trouble> {
    random().map(Uuid)
}

fn random<const N: usize>() -> Result<[u8; N], Trouble> {
    let path = "/dev/urandom";
    let mut bytes = [0; N];
    File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).refused(|| format!("read `{path}`"))?;
    Ok(bytes)
}
