//! `md`, mdlab's own driver of the ioctls, does what mdadm does: what goes wrong with both is the kernel's doing.

use mdlab::Tool::{Ioctl, Mdadm};
use mdlab::metadata::{Change, Superblock, diff};
use mdlab::{Array, Guest, Level, Need, Tool, Version, mib, needs};
use rstest::rstest;

use crate::guest;
use areas::written;

mod areas;

/// Fields in which the superblocks of `md` and of mdadm may differ on equal disks, and why.
const EXPLAINED: &[(&str, &str)] = &[
    ("set_uuid", "random"),
    ("device_uuid", "random"),
    ("ctime", "a time"),
    ("utime", "a time"),
    ("sb_csum", "a sum over all the others"),
];

/// From then on mdadm says of a raid0 of equal members how it is laid out, as `md` does, though it makes no difference
/// (`write_init_super1` of super1.c).
const LAYS_OUT: Version = Version { major: 4, minor: 3 };

/// Whether an array is one of which the mdadm of this guest does not say how it is laid out.
fn is_not_laid_out(guest: &Guest, array: &Array) -> bool {
    array.level() == Level::Raid0 && guest.mdadm() < LAYS_OUT
}

/// Attributes of an array, of its bitmap and of its members that are the same whoever assembles it.
const LASTING: &[&str] = &[
    "level",
    "raid_disks",
    "layout",
    "chunk_size",
    "component_size",
    "metadata_version",
    "consistency_policy",
    "size",
    "location",
    "slot",
    "state",
];

/// Every level in every format of version 1, just begun: a resync is to come or, of the last member of raid4 and raid5, a
/// recovery.
#[rstest]
fn md_writes_what_mdadm_writes(
    guest: Guest,
    #[values(Level::Linear, Level::Raid0, Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)]
    level: Level,
    #[values("1.0", "1.1", "1.2")] metadata: &str,
) {
    assert_same(guest, Array::new(level).with(&format!("--metadata {metadata}")), 4, "");
}

/// The same with options that reach into the superblock, and with what they have the tools write beside it.
#[rstest]
#[case::assume_clean("", Array::raid5().with("--assume-clean"), 3)]
#[case::bitmap("bitmap", Array::raid1().with("--bitmap internal"), 2)]
#[case::bitmap_at_the_end("bitmap", Array::raid1().with("--bitmap internal --metadata 1.0"), 2)]
#[case::bitmap_of_raid10("bitmap", Array::new(Level::Raid10).with("--bitmap internal"), 4)]
#[case::chunk("", Array::raid5().with("--chunk 64"), 3)]
#[case::far("", Array::new(Level::Raid10).with("--layout f2"), 3)]
#[case::journal("journal", Array::raid5().journaled(), 4)]
#[case::left_asymmetric("", Array::raid5().with("--layout left-asymmetric"), 3)]
#[case::named("", Array::raid1().with("--name scratch --homehost elsewhere"), 2)]
#[case::offset("", Array::new(Level::Raid10).with("--layout o2"), 3)]
#[case::ppl("ppl", Array::raid5().with("--consistency-policy ppl"), 3)]
#[case::size("", Array::raid1().with("--size 3000"), 2)]
#[case::spare("", Array::raid1().spares(1), 3)]
#[case::write_mostly("", Array::raid1().write_mostly_from(1), 2)]
fn md_takes_the_options_of_mdadm(guest: Guest, #[case] beside: &str, #[case] array: Array, #[case] members: u32) {
    assert_same(guest, array, members, beside);
}

/// The same with a partial parity log that lies before its superblock.
#[rstest]
fn md_writes_a_ppl_at_the_end(mut guest: Guest) {
    needs!(guest, Need::PplAtTheEnd);
    assert_same(guest, Array::raid5().with("--consistency-policy ppl --metadata 1.0"), 3, "ppl");
}

/// Each tool assembles what the other has created, and the kernel makes the same of it.
#[rstest]
#[case::linear(Array::new(Level::Linear), 4)]
#[case::raid0(Array::new(Level::Raid0), 4)]
#[case::raid1(Array::raid1(), 4)]
#[case::raid4(Array::new(Level::Raid4), 4)]
#[case::raid5(Array::raid5(), 4)]
#[case::raid6(Array::new(Level::Raid6), 4)]
#[case::raid10(Array::new(Level::Raid10), 4)]
#[case::at_the_end(Array::raid5().with("--metadata 1.0"), 3)]
#[case::at_the_start(Array::raid5().with("--metadata 1.1"), 3)]
#[case::bitmap(Array::raid1().with("--bitmap internal"), 2)]
#[case::journal(Array::raid5().journaled(), 4)]
#[case::ppl(Array::raid5().with("--consistency-policy ppl"), 3)]
#[case::spare(Array::raid1().spares(1), 3)]
#[case::write_mostly(Array::raid1().write_mostly_from(1), 2)]
fn each_assembles_what_the_other_creates(mut guest: Guest, #[case] array: Array, #[case] members: u32) {
    needs!(guest, array.level());
    let array = array.on(guest.loops(members, mib(6)));
    guest.keep_disks_from_udev();
    let by_mdadm = created_and_assembled(&mut guest, &array, [Mdadm, Ioctl]);
    let mut by_md = created_and_assembled(&mut guest, &array, [Ioctl, Mdadm]);
    if is_not_laid_out(&guest, &array) {
        let layout = by_md.iter_mut().find(|(path, _)| path.ends_with("/layout"));
        assert_eq!(layout.map(|(_, value)| std::mem::replace(value, Ok("-1".into()))), Some(Ok("1".into())));
    }

    assert_eq!(by_md, by_mdadm, "created by md, and by mdadm");
}

/// Before the kernel has a say: what the tools have written is the same, with this beside the superblocks of some members,
/// and nothing else is touched. Once an array runs, the kernel writes over it.
fn assert_same(mut guest: Guest, array: Array, members: u32, beside: &str) {
    needs!(guest, Need::Module(array.level()));
    // Of what cannot be started udev and mdadm may hold on to the members: each tool has a guest of its own.
    let mut other = Guest::fork();
    other.loops(members, mib(6));
    let array = array.on(guest.loops(members, mib(6)));
    let (by_mdadm, by_md) = (written(&mut guest, &array, Mdadm), written(&mut other, &array, Ioctl));
    let area = by_mdadm.areas.iter().flatten().map(|(name, _)| *name).next_back();
    assert_eq!(area.unwrap_or_default(), beside);
    assert_eq!(by_mdadm.areas, by_md.areas);
    assert_eq!(by_mdadm.places, by_md.places);
    for (member, (one, other)) in array.members().iter().zip(by_mdadm.superblocks.iter().zip(&by_md.superblocks)) {
        let mut changes: Vec<String> = unexplained(one, other).iter().map(ToString::to_string).collect();
        if is_not_laid_out(&guest, &array) {
            assert_eq!(changes.pop().as_deref(), Some("feature_map: 0x0 -> 0x1000 (MD_FEATURE_RAID0_LAYOUT)"));
        }
        assert_eq!(changes, [""; 0], "{member}: by mdadm, and by md");
    }
}

/// What the kernel says of an array that one tool has created and the other assembles: the same before and after.
fn created_and_assembled(guest: &mut Guest, array: &Array, [one, other]: [Tool; 2]) -> Said {
    let created = said(guest, |g| g.create(array, one));
    guest.prepare(|g| g.stop(array, one));
    let assembled = said(guest, |g| g.assemble(array, other));
    assert_eq!(assembled, created, "assembled by {other:?}, and created by {one:?}");
    guest.prepare(|g| {
        g.stop(array, other);
        g.zero(array.members());
    });
    created
}

/// Attributes and what they read, or the number of the error.
type Said = Vec<(String, Result<String, i32>)>;

/// What the kernel says once this is done, and the resync that it begins: all at one look, for looking takes a while.
fn said(guest: &mut Guest, act: impl FnOnce(&mut Guest)) -> Said {
    guest.prepare(|g| {
        act(g);
        g.wait_idle();
    });
    let after = guest.after().clone();
    let lasts = |path: &str| path.rsplit('/').next().is_some_and(|name| LASTING.contains(&name));
    let said: Said =
        after.attributes.into_iter().map(|one| (one.path, one.value)).filter(|(path, _)| lasts(path)).collect();
    assert!(said.len() > LASTING.len(), "{said:?}");
    said
}

fn unexplained(one: &Superblock, other: &Superblock) -> Vec<Change> {
    let is_explained = |change: &Change| EXPLAINED.iter().any(|(name, _)| *name == change.name);
    diff(one, other).into_iter().filter(|change| !is_explained(change)).collect()
}
