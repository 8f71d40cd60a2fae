//! Every level and format as it is created: what it is in the kernel's eyes, and what its members say.

use mdlab::Tool::Mdadm;
use mdlab::{Array, Guest, Level, Need, assert_story, mib, needs};
use rstest::rstest;

use crate::guest;

/// Creates an array, and waits until it has come to rest.
fn create(guest: &mut Guest, array: &Array) {
    guest.trace_nothing();
    guest.step("create", |g| {
        g.create(array, Mdadm);
        g.wait_idle();
    });
}

/// Every level is created on four disks, comes to rest, and says what it is.
#[rstest]
fn every_level(
    mut guest: Guest,
    #[values(Level::Linear, Level::Raid0, Level::Raid1, Level::Raid4, Level::Raid5, Level::Raid6, Level::Raid10)]
    level: Level,
) {
    needs!(guest, level);
    let array = Array::new(level).on(guest.loops(4, mib(6)));

    create(&mut guest, &array);

    assert_story!(guest);
}

/// Every format of the metadata, at the end and at the beginning of the members.
#[rstest]
#[case::v0_90("0.90")]
#[case::v1_0("1.0")]
#[case::v1_1("1.1")]
#[case::v1_2("1.2")]
fn every_format(mut guest: Guest, #[case] metadata: &str) {
    let array = Array::raid5().with(&format!("--metadata {metadata}")).on(guest.loops(3, mib(6)));

    create(&mut guest, &array);
    guest.step("examine", |g| g.run("mdadm --examine /dev/loop0"));
    guest.step("stop", |g| g.stop(&array, Mdadm));

    assert_story!(guest);
}

/// What may be asked of an array when it is created.
#[rstest]
#[case::near(Array::new(Level::Raid10).with("--layout n2"), 3)]
#[case::far(Array::new(Level::Raid10).with("--layout f2"), 3)]
#[case::offset(Array::new(Level::Raid10).with("--layout o2"), 3)]
#[case::left_asymmetric(Array::raid5().with("--layout left-asymmetric"), 3)]
#[case::chunk_of_4k(Array::new(Level::Raid0).with("--chunk 4"), 2)]
#[case::chunk_of_12k(Array::new(Level::Raid0).with("--chunk 12"), 2)]
#[case::chunk_of_64k(Array::raid5().with("--chunk 64"), 3)]
#[case::bitmap(Array::raid1().with("--bitmap internal"), 2)]
#[case::bitmap_of_64k(Array::raid5().with("--bitmap internal --bitmap-chunk 64K"), 3)]
#[case::ppl(Array::raid5().with("--consistency-policy ppl"), 3)]
#[case::spare(Array::raid1().spares(1), 3)]
#[case::spare_of_raid5(Array::raid5().spares(1), 4)]
#[case::write_mostly(Array::raid1().with("--bitmap internal --write-behind=256").write_mostly_from(1), 2)]
#[case::assume_clean(Array::raid1().with("--assume-clean"), 2)]
#[case::smaller_than_its_members(Array::raid1().with("--size 3000"), 2)]
#[case::named(Array::raid1().with("--name scratch --homehost elsewhere"), 2)]
fn options(mut guest: Guest, #[case] array: Array, #[case] members: u32) {
    let array = array.on(guest.loops(members, mib(6)));

    create(&mut guest, &array);

    assert_story!(guest);
}

/// Nothing is said of a bitmap, and whatever mdadm asks is answered with yes: since 4.4 it asks whether there is to be one.
#[rstest]
fn bitmap_if_asked_for(mut guest: Guest) {
    let disks = guest.loops(2, mib(6)).join(" ");

    guest.step("create", |g| {
        g.run_answering(&format!("mdadm --create /dev/md0 --level 1 --raid-devices 2 {disks}"), "y")
    });
    guest.step("resync", |g| g.wait_idle());

    assert_story!(guest);
}

/// A journal takes writes first, so that a raid5 has no write hole.
#[rstest]
fn write_journal(mut guest: Guest) {
    let array = Array::raid5().journaled().on(guest.loops(4, mib(6)));

    create(&mut guest, &array);
    guest.step("stop", |g| g.stop(&array, Mdadm));

    assert_story!(guest);
}

/// A partial parity log before a superblock at the end.
///
/// Suspected bug in mdadm 4.6: it cannot seek to the log, whose offset from the superblock is negative, and creates nothing.
#[rstest]
fn ppl_at_the_end(mut guest: Guest) {
    let array = Array::raid5().with("--consistency-policy ppl --metadata 1.0").on(guest.loops(3, mib(6)));

    guest.step("create", |g| g.either_way(|g| g.create(&array, Mdadm)));
    guest.step("resync", |g| g.wait_idle());

    assert_story!(guest);
}

/// Lockless bitmaps, where kernel and mdadm have them: Debian's kernels do not.
#[rstest]
fn lockless_bitmap(mut guest: Guest) {
    needs!(guest, Need::LocklessBitmap);
    let array = Array::raid1().with("--bitmap lockless").on(guest.loops(2, mib(6)));

    create(&mut guest, &array);

    assert_story!(guest);
}

/// Members may be missing from the start, as many as the level tolerates.
#[rstest]
fn created_degraded(mut guest: Guest, #[values(Level::Raid1, Level::Raid5, Level::Raid6, Level::Raid10)] level: Level) {
    let missing = level.tolerates();
    let disks = guest.loops(4 - missing as u32, mib(6));
    let array = Array::new(level).on(disks.into_iter().chain(vec!["missing".to_owned(); missing]));

    create(&mut guest, &array);

    assert_story!(guest);
}

/// Disks of unequal sizes, none of them a whole number of chunks: the smallest decides, except where they are only
/// strung together or striped in zones.
#[rstest]
fn unequal_members(mut guest: Guest, #[values(Level::Linear, Level::Raid0, Level::Raid1, Level::Raid5)] level: Level) {
    needs!(guest, level);
    let disks = [guest.loops(2, mib(6) + 512), guest.loops(1, mib(9) + 1536)].concat();
    let array = Array::new(level).chunk(64).on(disks);

    create(&mut guest, &array);

    assert_story!(guest);
}
