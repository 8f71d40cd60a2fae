//! What is accepted, and what each refusal says.

use super::*;

fn parse(line: &str) -> Result<Order, Trouble> {
    Order::parse(Arguments::new("create", line.split_whitespace().map(str::to_owned)))
}

fn refusal(line: &str) -> String {
    let trouble = parse(&format!("/dev/md0 {line}")).unwrap_err();
    assert_eq!(trouble.status(), 2, "{line}");
    assert_eq!(trouble.to_string().lines().count(), 1, "{line}");
    trouble.to_string()
}

#[test]
fn defaults_are_those_of_mdadm() {
    let order = parse("/dev/md0 --level 5 a b c d --spare-devices 1").unwrap();
    assert_eq!((order.raid_disks, order.chunk, order.layout, order.format), (3, 512, 2, Format::V1_2));
    let mirror = parse("/dev/md0 --level=mirror --metadata 1.0 a missing").unwrap();
    assert_eq!((mirror.raid_disks, mirror.chunk, mirror.layout, mirror.format), (2, 0, 0, Format::V1_0));
    assert_eq!(mirror.slots[1], Slot::Missing);
    assert_eq!(parse("/dev/md0 --level 0 --no-raid0-layout a b").unwrap().layout, 0);
    assert_eq!(parse("/dev/md0 a b --layout f2 --level 10").unwrap().layout, 0x201);
}

#[test]
fn options_before_a_device_are_about_it() {
    let order = parse("/dev/md0 --level 5 a b --write-mostly c --write-journal j").unwrap();
    let device = |path: &str, write_mostly, journal| Slot::Device { path: path.into(), write_mostly, journal };
    let expected =
        [device("a", false, false), device("b", false, false), device("c", true, false), device("j", false, true)];
    assert_eq!(order.slots, expected);
    assert_eq!((order.raid_disks, order.has_journal()), (3, true));
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    for (line, expected) in [
        ("--levle 1 a b", "parse `--levle`: `md create` has no such option; `md help` lists them"),
        ("a b", "parse `--level`: it is not given; use linear, 0, 1, 4, 5, 6, 10 or their long names"),
        (
            "--level 7 a b",
            "parse `--level 7`: there is no such level; use linear, 0, 1, 4, 5, 6, 10 or their long names",
        ),
        ("--level 1 --metadata 0.90 a b", "parse `--metadata 0.90`: `md` writes no such format; use 1.0, 1.1 or 1.2"),
        ("--level 1 --chunk 64 a b", "parse `--chunk 64`: the level has no chunks; leave it out"),
        ("--level 0 --chunk 0 a b", "parse `--chunk 0`: it is out of range; give KiB, from 4 to 2097151"),
        (
            "--level 1 --name a-name-of-more-than-31-characters a b",
            "parse `--name a-name-of-more-than-31-characters`: it has 33 bytes; give 31 at most",
        ),
        ("--level 0 --chunk 1 a b", "parse `--chunk 1`: it is out of range; give KiB, from 4 to 2097151"),
        (
            "--level 1 --layout n2 a b",
            "parse `--layout n2`: the level has no such layout; leave it out: the level has no layouts",
        ),
        (
            "--level 1 --spare-devices 3 a b",
            "count `DEVICE...`: 2 are listed for 0 members, 3 spares and 0 journals; list as many, `missing` for those that are not there",
        ),
        ("--level 6 a b c", "count `DEVICE...`: 3 are too few for the level; list 4 at least"),
        ("--level 10 --layout n3 a b", "count `--layout`: 2 devices cannot hold so many copies; list more devices"),
        ("--level 0 --spare-devices 1 a b", "count `--spare-devices`: the level has no spares; leave it out"),
        ("--level 0 a missing", "count `missing`: the level cannot do without a member; list all members"),
        ("--level 1 missing missing", "count `missing`: all are missing; list one device at least"),
        ("--level 0 --bitmap internal a b", "parse `--bitmap`: the level has no use for it; leave it out"),
        (
            "--level 1 --bitmap external a b",
            "parse `--bitmap external`: there is no such choice; use one of none, internal",
        ),
        ("--level 1 --write-journal j a b", "parse `--write-journal`: the level has none; use level 4, 5 or 6"),
        ("--level 6 --consistency-policy ppl a b c d", "parse `--consistency-policy`: ppl is for level 5; use another"),
        (
            "--level 5 --consistency-policy bitmap a b",
            "parse `--consistency-policy`: there is no bitmap; add `--bitmap internal`",
        ),
        ("--level 1 --size ten a b", "parse `--size ten`: it is no number, or out of range; give a decimal number"),
    ] {
        assert_eq!(refusal(line), expected);
    }
    assert!(refusal("--level 1 --raid-devices 3 a b").contains("2 are listed for 3 members"));
    assert!(parse("md0 --level 1 a b").unwrap_err().to_string().contains("name it `/dev/mdN`"));
    assert!(parse("").unwrap_err().to_string().contains("expected a node"));
}
