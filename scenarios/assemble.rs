//! How arrays come back.

use mdlab::Tool::{self, Mdadm};
use mdlab::{Array, Guest, assert_story, mib};
use rstest::rstest;

use crate::guest;

/// A stopped mirror with a name and an identifier of its own.
fn stopped(guest: &mut Guest) -> Array {
    let options = "--name alpha --uuid 00112233:44556677:8899aabb:ccddeeff";
    let array = Array::raid1().with(options).on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.stop(&array, Mdadm));
    array
}

/// From a list of members.
#[rstest]
fn by_members(mut guest: Guest, #[values(Tool::Mdadm, Tool::Ioctl)] tool: Tool) {
    let array = stopped(&mut guest);

    guest.step("assemble", |g| g.assemble(&array, tool));

    assert_story!(guest);
}

/// From what identifies it, whatever its members are called.
#[rstest]
#[case::by_name("mdadm --assemble /dev/md0 --name alpha")]
#[case::by_uuid("mdadm --assemble /dev/md0 --uuid 00112233:44556677:8899aabb:ccddeeff")]
#[case::by_scan("mdadm --assemble --scan")]
#[case::by_minor("mdadm --assemble /dev/md7 --name alpha")]
#[case::by_event("udevadm trigger --action=add /dev/loop0 /dev/loop1")]
#[case::by_change("udevadm trigger --action=change /dev/loop0 /dev/loop1")]
fn found(mut guest: Guest, #[case] line: &str) {
    stopped(&mut guest);
    guest.trace_nothing();

    guest.step("assemble", |g| g.run(line));

    assert_story!(guest);
}

/// A disk without a superblock is passed over where the array is asked for by what identifies it.
#[rstest]
fn among_strangers(mut guest: Guest) {
    stopped(&mut guest);
    let stranger = guest.loops(1, mib(6)).remove(0);
    let uuid = "00112233:44556677:8899aabb:ccddeeff";
    guest.trace_nothing();

    guest.step("assemble", |g| {
        g.run(&format!("mdadm --assemble /dev/md0 --uuid {uuid} /dev/loop0 {stranger} /dev/loop1"));
    });

    assert_story!(guest);
}

/// As the configuration file says, written by mdadm itself.
#[rstest]
fn by_configuration(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| {
        g.write_configuration();
        g.stop(&array, Mdadm);
    });
    guest.trace_nothing();

    guest.step("configuration", |g| g.run("cat /etc/mdadm.conf"));
    guest.step("assemble", |g| g.run("mdadm --assemble --scan"));

    assert_story!(guest);
}

/// Member by member, as udev's rules do when disks appear.
#[rstest]
fn incrementally(mut guest: Guest) {
    stopped(&mut guest);

    guest.step("first", |g| g.assemble_incrementally("/dev/loop0"));
    guest.step("second", |g| g.assemble_incrementally("/dev/loop1"));

    assert_story!(guest);
}

/// With a member missing mdadm wants to be told that this is meant.
#[rstest]
fn with_one_missing(mut guest: Guest) {
    let array = Array::raid5().on(guest.loops(3, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.stop(&array, Mdadm));
    guest.trace_nothing();

    guest.step("insist", |g| g.assemble_degraded(&array, &array.members()[..2]));
    guest.step("add", |g| {
        g.add(&array, "/dev/loop2");
        g.wait_idle();
    });

    assert_story!(guest);
}

/// Refused for want of a member, the array stays half assembled: udev's rules take the member that mdadm let go. Of several,
/// it is luck which they take first. The udev of trixie and later looks at the member while mdadm still has it, and lets it be.
#[rstest]
fn refused_for_want_of_a_member(mut guest: Guest) {
    let array = Array::raid1().on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| g.stop(&array, Mdadm));
    guest.trace_nothing();

    guest.step("assemble", |g| g.either_way(|g| g.run("mdadm --assemble /dev/md0 /dev/loop0")));
    guest.step("run", |g| g.either_way(|g| g.run("mdadm --run /dev/md0")));

    assert_story!(guest);
}

/// A mirror that lost a disk, wrote, and was stopped: the events of the members disagree.
fn disagreeing(guest: &mut Guest, options: &str) -> Array {
    let array = Array::raid1().with(options).on(guest.loops(2, mib(6)));
    guest.given(&array);
    guest.prepare(|g| {
        g.fail(&array, "/dev/loop1");
        g.fill_sectors(array.node(), 0..8);
        g.wait_idle();
        g.stop(&array, Mdadm);
    });
    array
}

/// The member that was left behind is not let in.
#[rstest]
fn kicks_the_stale(mut guest: Guest, #[values(Tool::Mdadm, Tool::Ioctl)] tool: Tool) {
    let array = disagreeing(&mut guest, "");
    guest.trace_nothing();

    guest.step("assemble", |g| g.assemble(&array, tool));

    assert_story!(guest);
}

/// Both halves of a mirror were written to, one after the other, each without its fellow; then they meet again.
///
/// Suspected bug: md takes the half that knows of the other's failure back without copying anything (`super_1_validate` in
/// drivers/md/md.c compares event counts and no histories), and says that all is well; a check finds that they differ.
#[rstest]
fn two_histories(mut guest: Guest) {
    let array = disagreeing(&mut guest, "--assume-clean");
    guest.trace_nothing();

    guest.step("the stale half", |g| g.assemble_degraded(&array, &array.members()[1..]));
    guest.step("write", |g| {
        g.fill_sectors(array.node(), 1024..1032);
        g.wait_idle();
    });
    guest.step("the other half", |g| {
        g.add(&array, "/dev/loop0");
        g.wait_idle();
    });
    guest.step("check", |g| g.scrub(&array, "check"));

    assert_story!(guest);
}

/// Two members of a raid5 are gone: mdadm brings the fresher one back when forced.
#[rstest]
fn forced(mut guest: Guest) {
    let array = Array::raid5().on(guest.loops(3, mib(6)));
    guest.given(&array);
    guest.prepare(|g| {
        g.fail(&array, "/dev/loop1");
        g.either_way(|g| g.fail(&array, "/dev/loop2"));
        g.stop(&array, Mdadm);
    });
    guest.trace_nothing();

    guest.step("force", |g| g.assemble_with(&array, "--force"));

    assert_story!(guest);
}

/// A member that was left behind is brought up to date by force where the array cannot start without it.
#[rstest]
fn forced_to_take_the_stale(mut guest: Guest) {
    let array = Array::raid5().on(guest.loops(3, mib(6)));
    guest.given(&array);
    guest.prepare(|g| {
        g.fail(&array, "/dev/loop1");
        g.fill_sectors(array.node(), 0..8);
        g.wait_idle();
        g.stop(&array, Mdadm);
    });
    guest.trace_nothing();

    guest.step("force", |g| g.force(&array, &array.members()[..2]));

    assert_story!(guest);
}

/// What can be changed on the way.
#[rstest]
#[case::name("--update=name --name=beta")]
#[case::uuid("--update=uuid --uuid=ffeeddcc:bbaa9988:77665544:33221100")]
#[case::homehost("--update=homehost --homehost=other")]
#[case::resync("--update=resync")]
#[case::no_bad_blocks("--update=no-bbl")]
fn updates(mut guest: Guest, #[case] update: &str) {
    let array = stopped(&mut guest);
    guest.trace_nothing();

    guest.step("assemble", |g| {
        g.assemble_with(&array, update);
        g.wait_idle();
    });

    assert_story!(guest);
}
