//! What `/proc/mdstat` says by luck.

/// The same text without it: how far a resync happened to be, and which level and which member came first. Members stand in the
/// order in which they were bound, and udev looks at several disks at once.
pub(super) fn steady(text: &str) -> String {
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn line(line: &str) -> String {
    progress(line).or_else(|| sorted(line)).unwrap_or_else(|| line.to_owned())
}

/// `[==>..................]  resync = 12.5% (1280/10240) finish=0.0min speed=1280K/sec`.
fn progress(line: &str) -> Option<String> {
    let (bar, equals) = (line.find("]  ")?, line.find(" = ")?);
    line.find("% (")?;
    let indent = &line[..line.len() - line.trim_start().len()];
    (bar < equals).then(|| format!("{indent}[PROGRESS]  {}", line[bar + 3..equals].trim()))
}

/// Levels that a kernel has or not as it was configured, whatever its version. A scenario of an array that is linear is skipped
/// where there is none.
const AS_CONFIGURED: [&str; 3] = ["[linear]", "[multipath]", "[faulty]"];

/// `md0 : active raid1 loop1[1] loop0[0]`, or `Personalities : [raid1] [raid0]`.
fn sorted(line: &str) -> Option<String> {
    let (name, rest) = line.split_once(" : ")?;
    let of_array = ["active ", "inactive "].iter().any(|state| rest.starts_with(state));
    if !of_array && name != "Personalities" {
        return None;
    }
    let (mut members, words): (Vec<&str>, Vec<&str>) = rest.split(' ').partition(|word| word.contains('['));
    members.retain(|member| !AS_CONFIGURED.contains(member));
    members.sort_unstable();
    Some(format!("{name} : {}", [words, members].concat().join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_luck_is_named_or_sorted_and_nothing_else_is() {
        let mdstat = "Personalities : [raid1] [raid0]\nmd0 : active (auto-read-only) raid1 loop1[1] loop0[0](F)\n      \
                      9216 blocks super 1.2 [2/2] [UU]\n      \
                      [==>..................]  resync = 12.5% (1280/10240) finish=0.0min speed=1280K/sec\n";
        let expected = "Personalities : [raid0] [raid1]\nmd0 : active (auto-read-only) raid1 loop0[0](F) loop1[1]\n      \
                        9216 blocks super 1.2 [2/2] [UU]\n      \
                        [PROGRESS]  resync\n";
        assert_eq!(steady(mdstat), expected);
        let others = "unused devices: <none>\nmdadm: /dev/md0 : [x] is busy\nb : a [b] [a]";
        assert_eq!(steady(others), others);
    }
}
