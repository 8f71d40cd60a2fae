//! What was asked for on the command line of `md create`.

use mdlab_metadata::{Format, MAX_DEVICES};

use super::level::{Level, RAID0_UNKNOWN, raid10_copies};
use super::roles::Slot;
use crate::md::arguments::{Argument, Arguments};
use crate::md::trouble::Trouble;

/// For the help.
pub(in crate::md) const OPTIONS: &str = "  \
  --level linear|0|1|4|5|6|10, --metadata 1.0|1.1|1.2, --chunk KIB, --size KIB, --name NAME, --homehost NAME
  --layout NAME: of level 0 original or alternate, of 5 and 6 left-symmetric and its kin, of 10 nN, fN or oN
  --raid-devices N, --spare-devices N, --bitmap none|internal, --assume-clean, --no-raid0-layout
  --write-journal DEVICE, --consistency-policy resync|bitmap|journal|ppl
  --write-mostly, for the devices after it
";

/// The fewest KiB of a chunk (mdadm.c: 8 sectors).
const LEAST_CHUNK: u32 = 4;

/// The most bytes of a name: `set_name` of `struct mdp_superblock_1` has 32 and ends with a zero. mdadm refuses more than 32,
/// and cuts the last of 32 (`init_super1`).
const LONGEST_NAME: usize = 31;

/// The fewest KiB that are used of a member (mdadm.c: 8 sectors). The kernel resyncs a single one over and over again:
/// `md_do_sync` of drivers/md/md.c counts three sectors as nothing done.
const LEAST_SIZE: u64 = 4;

/// How the array is made consistent after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Resync,
    Bitmap,
    Journal,
    Ppl,
}

/// The whole order, checked for sense as far as no device has to be looked at.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) node: String,
    pub(super) slots: Vec<Slot>,
    pub(super) level: Level,
    pub(super) format: Format,
    /// In KiB; 0 where members are not striped.
    pub(super) chunk: u32,
    pub(super) layout: u32,
    /// `None` leaves it to the size.
    pub(super) bitmap: Option<bool>,
    pub(super) policy: Option<Policy>,
    pub(super) raid_disks: u32,
    /// In KiB; `None` is as much as there is.
    pub(super) size: Option<u64>,
    pub(super) name: Option<String>,
    pub(super) homehost: Option<String>,
    pub(super) assume_clean: bool,
}

/// The options as they come, before they are held against each other.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    slots: Vec<Slot>,
    level: Option<String>,
    metadata: Option<String>,
    chunk: Option<u32>,
    layout: Option<String>,
    bitmap: Option<bool>,
    policy: Option<Policy>,
    raid_devices: Option<u32>,
    spare_devices: u32,
    size: Option<u64>,
    name: Option<String>,
    homehost: Option<String>,
    assume_clean: bool,
    no_raid0_layout: bool,
    write_mostly: bool,
}

impl Order {
    pub(super) fn parse(mut arguments: Arguments) -> Result<Self, Trouble> {
        let mut words = Words::default();
        while let Some(next) = arguments.next()? {
            match next {
                Argument::Option(option) => words.take(&mut arguments, &option)?,
                Argument::Word(word) if words.words.is_empty() => words.words.push(word),
                Argument::Word(word) if word.eq_ignore_ascii_case("missing") => words.slots.push(Slot::Missing),
                Argument::Word(path) => {
                    let write_mostly = words.write_mostly;
                    words.slots.push(Slot::Device { path, write_mostly, journal: false });
                }
            }
        }
        let Some(node) = words.words.pop() else { return Err(arguments.wrong("expected a node, got none")) };
        crate::md::array::minor(&node)?;
        words.order(node)
    }

    /// Whether one of the members is a write journal.
    pub(super) fn has_journal(&self) -> bool {
        journals(&self.slots) > 0
    }
}

impl Words {
    fn take(&mut self, arguments: &mut Arguments, option: &str) -> Result<(), Trouble> {
        match option {
            "--level" => self.level = Some(arguments.value(option)?),
            "--metadata" => self.metadata = Some(arguments.value(option)?),
            "--chunk" => self.chunk = Some(arguments.number(option)?),
            "--layout" => self.layout = Some(arguments.value(option)?),
            "--bitmap" => {
                self.bitmap = Some(one_of(option, &arguments.value(option)?, &[("none", false), ("internal", true)])?);
            }
            "--raid-devices" => self.raid_devices = Some(arguments.number(option)?),
            "--spare-devices" => self.spare_devices = arguments.number(option)?,
            "--size" => self.size = Some(arguments.number(option)?),
            "--name" => self.name = Some(arguments.value(option)?),
            "--homehost" => self.homehost = Some(arguments.value(option)?),
            "--assume-clean" => self.assume_clean = true,
            "--no-raid0-layout" => self.no_raid0_layout = true,
            "--write-mostly" => self.write_mostly = true,
            "--write-journal" => {
                let path = arguments.value(option)?;
                self.slots.push(Slot::Device { path, write_mostly: false, journal: true });
            }
            "--consistency-policy" => {
                let policies = [
                    ("resync", Policy::Resync),
                    ("bitmap", Policy::Bitmap),
                    ("journal", Policy::Journal),
                    ("ppl", Policy::Ppl),
                ];
                self.policy = Some(one_of(option, &arguments.value(option)?, &policies)?);
            }
            _ => return Err(arguments.unknown(option)),
        }
        Ok(())
    }

    fn order(self, node: String) -> Result<Order, Trouble> {
        let level = self.level()?;
        let format = self.format()?;
        let chunk = self.chunk_of(level)?;
        let layout = self.layout_of(level)?;
        let raid_disks = self.raid_disks()?;
        if let Some(size @ ..LEAST_SIZE) = self.size {
            let attempt = format!("parse `--size {size}`");
            return Err(Trouble::usage(attempt, "it is out of range", format!("give KiB, {LEAST_SIZE} at least")));
        }
        if let Some(name) = self.name.as_ref().filter(|name| name.len() > LONGEST_NAME) {
            let cause = format!("it has {} bytes", name.len());
            return Err(Trouble::usage(
                format!("parse `--name {name}`"),
                cause,
                format!("give {LONGEST_NAME} at most"),
            ));
        }
        let order = Order {
            node,
            level,
            format,
            chunk,
            layout,
            raid_disks,
            slots: self.slots,
            bitmap: self.bitmap,
            policy: self.policy,
            size: self.size,
            name: self.name,
            homehost: self.homehost,
            assume_clean: self.assume_clean,
        };
        refuse_devices(&order, self.spare_devices)?;
        refuse_policy(&order)?;
        Ok(order)
    }

    fn level(&self) -> Result<Level, Trouble> {
        let known = "use linear, 0, 1, 4, 5, 6, 10 or their long names";
        let name = self.level.as_ref().ok_or_else(|| Trouble::usage("parse `--level`", "it is not given", known))?;
        Level::parse(name)
            .ok_or_else(|| Trouble::usage(format!("parse `--level {name}`"), "there is no such level", known))
    }

    fn format(&self) -> Result<Format, Trouble> {
        let name = self.metadata.as_deref().unwrap_or("1.2");
        let format = name.parse().ok().filter(|format| *format != Format::V090);
        let wrong = || {
            Trouble::usage(format!("parse `--metadata {name}`"), "`md` writes no such format", "use 1.0, 1.1 or 1.2")
        };
        format.ok_or_else(wrong)
    }

    fn chunk_of(&self, level: Level) -> Result<u32, Trouble> {
        let Some(chunk) = self.chunk else { return Ok(level.default_chunk()) };
        let wrong = |cause: &str, remedy: &str| Err(Trouble::usage(format!("parse `--chunk {chunk}`"), cause, remedy));
        match (level, chunk) {
            (Level::Raid1, _) => wrong("the level has no chunks", "leave it out"),
            // The kernel keeps bytes in an int.
            (_, LEAST_CHUNK..=0x1f_ffff) => Ok(chunk),
            _ => wrong("it is out of range", "give KiB, from 4 to 2097151"),
        }
    }

    fn layout_of(&self, level: Level) -> Result<u32, Trouble> {
        if self.no_raid0_layout {
            return match (level, &self.layout) {
                (Level::Raid0, None) => Ok(RAID0_UNKNOWN),
                _ => Err(Trouble::usage(
                    "parse `--no-raid0-layout`",
                    "it is for level 0 without `--layout`",
                    "leave it out",
                )),
            };
        }
        let Some(name) = &self.layout else { return Ok(level.default_layout()) };
        let wrong =
            || Trouble::usage(format!("parse `--layout {name}`"), "the level has no such layout", level.layouts());
        level.layout(name).ok_or_else(wrong)
    }

    fn raid_disks(&self) -> Result<u32, Trouble> {
        let listed = self.slots.len() as u64;
        let others = u64::from(self.spare_devices) + journals(&self.slots) as u64;
        let raid_disks = self.raid_devices.map_or(listed.saturating_sub(others), u64::from);
        if raid_disks + others != listed || raid_disks == 0 {
            let members =
                format!("{raid_disks} members, {} spares and {} journals", self.spare_devices, journals(&self.slots));
            return Err(Trouble::usage(
                "count `DEVICE...`",
                format!("{listed} are listed for {members}"),
                "list as many, `missing` for those that are not there",
            ));
        }
        if listed > MAX_DEVICES as u64 {
            return Err(Trouble::usage("count `DEVICE...`", format!("a superblock holds {MAX_DEVICES}"), "list fewer"));
        }
        Ok(raid_disks as u32)
    }
}

fn journals(slots: &[Slot]) -> usize {
    slots.iter().filter(|slot| matches!(slot, Slot::Device { journal: true, .. })).count()
}

/// What Create of mdadm refuses because of the number or the kind of the devices.
fn refuse_devices(order: &Order, spares: u32) -> Result<(), Trouble> {
    let refuse =
        |object: &str, cause: String, remedy: &str| Err(Trouble::usage(format!("count `{object}`"), cause, remedy));
    let (level, disks) = (order.level, order.raid_disks);
    let missing = order.slots.iter().filter(|slot| **slot == Slot::Missing).count();
    if disks < level.fewest() {
        return refuse(
            "DEVICE...",
            format!("{disks} are too few for the level"),
            &format!("list {} at least", level.fewest()),
        );
    }
    if level == Level::Raid6 && disks > 256 {
        return refuse("DEVICE...", format!("{disks} are too many for the level"), "list 256 at most");
    }
    if level == Level::Raid10 && raid10_copies(order.layout) > disks {
        return refuse("--layout", format!("{disks} devices cannot hold so many copies"), "list more devices");
    }
    if !level.is_redundant() && spares > 0 {
        return refuse("--spare-devices", "the level has no spares".into(), "leave it out");
    }
    if !level.is_redundant() && missing > 0 {
        return refuse("missing", "the level cannot do without a member".into(), "list all members");
    }
    if missing == order.slots.len() {
        return refuse("missing", "all are missing".into(), "list one device at least");
    }
    Ok(())
}

/// What main of mdadm refuses because policies contradict each other.
fn refuse_policy(order: &Order) -> Result<(), Trouble> {
    use Policy::{Bitmap, Journal, Ppl, Resync};
    let refuse =
        |option: &str, cause: &str, remedy: &str| Err(Trouble::usage(format!("parse `{option}`"), cause, remedy));
    let bitmap = order.bitmap == Some(true);
    match order.policy {
        _ if bitmap && !order.level.is_redundant() => refuse("--bitmap", "the level has no use for it", "leave it out"),
        _ if journals(&order.slots) > 1 => refuse("--write-journal", "it is given twice", "name one device"),
        _ if order.has_journal() && !matches!(order.level, Level::Raid4 | Level::Raid5 | Level::Raid6) => {
            refuse("--write-journal", "the level has none", "use level 4, 5 or 6")
        }
        Some(Resync | Bitmap | Ppl) if order.has_journal() => {
            refuse("--consistency-policy", "it contradicts `--write-journal`", "leave one of them out")
        }
        Some(_) if !order.level.is_redundant() => refuse("--consistency-policy", "the level has none", "leave it out"),
        Some(Journal) if !order.has_journal() => {
            refuse("--consistency-policy", "there is no journal", "add `--write-journal DEVICE`")
        }
        Some(Ppl) if order.level != Level::Raid5 => refuse("--consistency-policy", "ppl is for level 5", "use another"),
        Some(Bitmap) if !bitmap => refuse("--consistency-policy", "there is no bitmap", "add `--bitmap internal`"),
        Some(Resync | Ppl) if bitmap => {
            refuse("--consistency-policy", "it contradicts `--bitmap internal`", "leave one of them out")
        }
        _ => Ok(()),
    }
}

fn one_of<T: Copy>(option: &str, value: &str, choices: &[(&str, T)]) -> Result<T, Trouble> {
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    let found = choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice);
    let attempt = format!("parse `{option} {value}`");
    found.ok_or_else(|| Trouble::usage(attempt, "there is no such choice", format!("use one of {}", names.join(", "))))
}

#[cfg(test)]
mod tests;
