//! Disks that fail: device-mapper in front of loop devices, and SCSI disks that are pulled.

use std::ops::Range;

use super::Guest;
use crate::failure::Failure;

/// What is wrong with a disk from [`Guest::fragile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// These sectors can be neither read nor written.
    Errors(Range<u64>),
    /// Everything can be read, nothing written.
    WriteErrors,
    /// Writes are answered with success and forgotten.
    DroppedWrites,
    /// Nothing works.
    Dead,
    /// Everything takes so many milliseconds.
    Delay(u32),
}

impl Fault {
    /// The table of device-mapper (Documentation/admin-guide/device-mapper/).
    fn table(&self, disk: &str, sectors: u64) -> String {
        // Down for ever: up for 0 s, down for an hour, and again.
        let flakey = |feature: &str| format!("0 {sectors} flakey {disk} 0 0 3600 1 {feature}");
        match self {
            Self::None => format!("0 {sectors} linear {disk} 0"),
            Self::Errors(bad) => {
                let good = |Range { start, end }| (start, end, format!("linear {disk} {start}"));
                let pieces = [good(0..bad.start), (bad.start, bad.end, "error".to_owned()), good(bad.end..sectors)];
                // device-mapper takes no targets of no length: bad sectors may begin or end where the disk does.
                let pieces = pieces.iter().filter(|(start, end, _)| start < end);
                let lines = pieces.map(|(start, end, target)| format!("{start} {} {target}", end - start));
                lines.collect::<Vec<_>>().join("\\n")
            }
            Self::WriteErrors => flakey("error_writes"),
            Self::DroppedWrites => flakey("drop_writes"),
            Self::Dead => format!("0 {sectors} error"),
            Self::Delay(ms) => format!("0 {sectors} delay {disk} 0 0 {disk} 0 {ms}"),
        }
    }
}

impl Guest {
    /// Attaches disks like [`Guest::loops`], each behind a device-mapper device that can be made to fail; returns the nodes
    /// of those.
    #[track_caller]
    pub fn fragile(&mut self, count: u32, bytes: u64) -> Vec<String> {
        let disks = self.loops(count, bytes);
        let create = |disk: &String| {
            format!("dmsetup create {} --table '{}'", behind(disk), Fault::None.table(disk, bytes / 512))
        };
        let script = disks.iter().map(create).collect::<Vec<_>>().join(" && ");
        self.prepare(|guest| guest.command(&["sh", "-c", &script].map(str::to_owned), None));
        let nodes: Vec<String> = disks.iter().map(|disk| format!("/dev/mapper/{}", behind(disk))).collect();
        self.fragile.extend(nodes.iter().zip(disks).map(|(node, disk)| (node.clone(), disk, bytes / 512)));
        nodes
    }

    /// From now on this is wrong with a disk from [`Guest::fragile`].
    pub fn inflict(&mut self, node: &str, fault: &Fault) {
        self.inflict_on(&[node.to_owned()], fault);
    }

    fn inflict_on(&mut self, nodes: &[String], fault: &Fault) {
        let loads = nodes.iter().map(|node| self.load(node, fault)).collect::<String>();
        // Nobody else's data may be flushed meanwhile.
        let script = format!("{loads}dmsetup suspend --noflush --nolockfs {0} && dmsetup resume {0}", nodes.join(" "));
        self.untraced(|guest| guest.command(&["sh", "-c", &script].map(str::to_owned), None));
    }

    /// Gives a disk another table, which holds from its next resumption on.
    fn load(&self, node: &str, fault: &Fault) -> String {
        let known = self.fragile.iter().find(|(known, ..)| known == node);
        let unknown = || Failure::usage(format!("expected a disk from `Guest::fragile`, got `{node}`"));
        let (_, disk, sectors) = self.expect(known.ok_or_else(unknown));
        // A table of several lines can only come through standard input.
        format!("printf '{}\\n' | dmsetup load {} && ", fault.table(disk, *sectors), behind(disk))
    }

    /// Has a disk from [`Guest::fragile`] answer nothing until [`Guest::resume`].
    pub fn stall(&mut self, node: &str) {
        self.untraced(|guest| guest.run(&format!("dmsetup suspend --noflush --nolockfs {node}")));
    }

    /// Has a stalled disk answer again.
    pub fn resume(&mut self, node: &str) {
        self.untraced(|guest| guest.run(&format!("dmsetup resume {node}")));
    }

    /// From now on nothing that is written reaches these disks, although they say so: when power fails at this moment, this
    /// is what they hold. md must be stopped before [`Guest::restore_power`], for it does not know.
    pub fn cut_power(&mut self, nodes: &[String]) {
        self.inflict_on(nodes, &Fault::DroppedWrites);
    }

    /// Has disks work again, one after the other, and udev find out what is on each.
    pub fn restore_power(&mut self, nodes: &[String]) {
        nodes.iter().for_each(|node| self.inflict(node, &Fault::None));
    }

    /// Has udev not look at devices again that were open for writing. How often it reads one, and how many of its errors the
    /// kernel's rate limit lets through, is luck.
    #[track_caller]
    pub fn watch_nothing(&mut self) {
        let rule = r#"SUBSYSTEM=="block", OPTIONS+="nowatch""#;
        let script = format!(
            "mkdir -p /run/udev/rules.d && echo '{rule}' > /run/udev/rules.d/99-unwatched.rules && udevadm control --reload"
        );
        self.prepare(|guest| guest.command(&["sh", "-c", &script].map(str::to_owned), None));
    }

    /// Shows the bad-block log of a member.
    pub fn bad_blocks(&mut self, member: &str) {
        self.run(&format!("mdadm --examine-badblocks {member}"));
    }

    /// Attaches a SCSI disk of so many mebibytes, `/dev/sda`, which can be pulled.
    #[track_caller]
    pub fn scsi_disk(&mut self, mebibytes: u32) -> String {
        self.prepare(|guest| guest.run(&format!("modprobe scsi_debug dev_size_mb={mebibytes}")));
        "/dev/sda".to_owned()
    }

    /// Pulls a SCSI disk out.
    pub fn pull(&mut self, node: &str) {
        let name = node.trim_start_matches("/dev/");
        let script = format!("echo 1 > /sys/block/{name}/device/delete");
        self.untraced(|guest| guest.command(&["sh", "-c", &script].map(str::to_owned), None));
    }
}

/// The name of the device-mapper device in front of a disk.
fn behind(disk: &str) -> String {
    disk.replace("/dev/", "fragile-")
}

#[cfg(test)]
mod tests {
    use super::Fault;

    #[test]
    fn a_table_has_no_empty_pieces() {
        let table = |bad| Fault::Errors(bad).table("/dev/loop0", 100);
        assert_eq!(table(8..16), "0 8 linear /dev/loop0 0\\n8 8 error\\n16 84 linear /dev/loop0 16");
        assert_eq!(table(0..16), "0 16 error\\n16 84 linear /dev/loop0 16");
        assert_eq!(table(8..100), "0 8 linear /dev/loop0 0\\n8 92 error");
        assert_eq!(table(0..100), "0 100 error");
    }
}
