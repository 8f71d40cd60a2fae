//! `md`, mdlab's own driver of the ioctls, does what mdadm does: what goes wrong with both is the kernel's doing.

use mdlab::Tool::{Ioctl, Mdadm};
use mdlab::metadata::{Change, Superblock, diff};
use mdlab::{Array, Guest, Level, Need, mib, needs};
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

/// How far the resync has come that begins at RUN_ARRAY: the kernel's, not the tool's.
const PROGRESS: &[(&str, &str)] = &[
    ("events", "one more for each checkpoint"),
    ("resync_offset", "a checkpoint"),
    ("recovery_offset", "a checkpoint"),
];

/// The superblocks of an array that a tool has just created, its resync held at the start.
fn created(guest: &mut Guest, array: &Array, tool: mdlab::Tool) -> Vec<Superblock> {
    guest.prepare(|g| g.create(array, tool));
    guest.superblocks(array)
}

fn unexplained(one: &Superblock, other: &Superblock, resyncs: bool) -> Vec<Change> {
    let known = EXPLAINED.iter().chain(PROGRESS.iter().filter(|_| resyncs));
    let is_explained = |change: &Change| known.clone().any(|(name, _)| *name == change.name);
    diff(one, other).into_iter().filter(|change| !is_explained(change)).collect()
}

/// Every level in every format of version 1: the superblocks are the same, and each tool assembles what the other made.
#[rstest]
fn md_writes_what_mdadm_writes(
    mut guest: Guest,
    #[values(Level::Linear, Level::Raid0, Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)]
    level: Level,
    #[values("1.0", "1.1", "1.2")] metadata: &str,
) {
    needs!(guest, level);
    let options = format!("--assume-clean --metadata {metadata}");
    assert_same(guest, Array::new(level).with(&options), 4, false);
}

/// The same where a resync or, of the last member of raid4 and raid5, a recovery is to begin.
#[rstest]
fn md_begins_what_mdadm_begins(
    guest: Guest,
    #[values(Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level,
) {
    assert_same(guest, Array::new(level), 4, true);
}

/// The same with options that reach into the superblock.
#[rstest]
#[case::bitmap(Array::raid1().with("--bitmap internal"), 2)]
#[case::bitmap_at_the_end(Array::raid1().with("--bitmap internal --metadata 1.0"), 2)]
#[case::chunk(Array::raid5().with("--chunk 64"), 3)]
#[case::far(Array::new(Level::Raid10).with("--layout f2"), 3)]
#[case::offset(Array::new(Level::Raid10).with("--layout o2"), 3)]
#[case::left_asymmetric(Array::raid5().with("--layout left-asymmetric"), 3)]
#[case::spare(Array::raid1().spares(1), 3)]
#[case::assume_clean(Array::raid5().with("--assume-clean"), 3)]
#[case::size(Array::raid1().with("--size 3000"), 2)]
#[case::named(Array::raid1().with("--name scratch --homehost elsewhere"), 2)]
#[case::ppl(Array::raid5().with("--consistency-policy ppl"), 3)]
#[case::write_mostly(Array::raid1().write_mostly_from(1), 2)]
#[case::journal(Array::raid5().journaled(), 4)]
fn md_takes_the_options_of_mdadm(guest: Guest, #[case] array: Array, #[case] members: u32) {
    assert_same(guest, array, members, true);
}

/// Before the kernel has a say: what is written beside the superblocks is the same, and nothing else is touched. Once the
/// array runs, the kernel writes its own logs over those of the tools.
#[rstest]
#[case::bitmap("bitmap", Array::raid1().with("--bitmap internal"), 2)]
#[case::bitmap_at_the_end("bitmap", Array::raid1().with("--bitmap internal --metadata 1.0"), 2)]
#[case::bitmap_of_raid10("bitmap", Array::new(Level::Raid10).with("--bitmap internal"), 4)]
#[case::ppl("ppl", Array::raid5().with("--consistency-policy ppl"), 3)]
#[case::ppl_at_the_end("ppl", Array::raid5().with("--consistency-policy ppl --metadata 1.0"), 3)]
#[case::journal("journal", Array::raid5().journaled(), 4)]
fn md_logs_what_mdadm_logs(mut guest: Guest, #[case] area: &str, #[case] array: Array, #[case] members: u32) {
    needs!(guest, Need::Module(array.level()));
    let mut other = Guest::fork();
    other.loops(members, mib(6));
    let array = array.on(guest.loops(members, mib(6)));
    let (by_mdadm, by_md) = (written(guest, &array, Mdadm), written(other, &array, Ioctl));

    assert!(by_mdadm.areas.iter().flatten().any(|(name, _)| *name == area), "no {area}");
    assert_eq!(by_mdadm.areas, by_md.areas);
    assert_eq!(by_mdadm.places, by_md.places);
    for (one, other) in by_mdadm.superblocks.iter().zip(&by_md.superblocks) {
        assert_eq!(unexplained(one, other, false), []);
    }
}

fn assert_same(mut guest: Guest, array: Array, members: u32, resyncs: bool) {
    let array = array.on(guest.loops(members, mib(6)));
    guest.slow_syncs();
    let by_mdadm = created(&mut guest, &array, Mdadm);
    guest.prepare(|g| {
        g.stop(&array, Mdadm);
        g.assemble(&array, Ioctl);
        g.stop(&array, Ioctl);
        g.run(&format!("mdadm --zero-superblock {}", array.members().join(" ")));
    });
    let by_md = created(&mut guest, &array, Ioctl);
    guest.prepare(|g| {
        g.stop(&array, Ioctl);
        g.assemble(&array, Mdadm);
    });

    for (member, (one, other)) in array.members().iter().zip(by_mdadm.iter().zip(&by_md)) {
        assert_eq!(unexplained(one, other, resyncs), [], "{member}: by mdadm, and by md");
    }
}
