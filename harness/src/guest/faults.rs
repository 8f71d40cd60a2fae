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
            Self::Errors(Range { start, end }) => {
                let (bad, rest) = (end - start, sectors - end);
                format!("0 {start} linear {disk} 0\\n{start} {bad} error\\n{end} {rest} linear {disk} {end}")
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
    pub fn fragile(&mut self, count: u32, bytes: u64) -> Vec<String> {
        let disks = self.loops(count, bytes);
        self.prepare(|guest| {
            for disk in &disks {
                let table = Fault::None.table(disk, bytes / 512);
                guest.command(&["dmsetup", "create", &behind(disk), "--table", &table].map(str::to_owned), None);
            }
        });
        let nodes: Vec<String> = disks.iter().map(|disk| format!("/dev/mapper/{}", behind(disk))).collect();
        self.fragile.extend(nodes.iter().zip(disks).map(|(node, disk)| (node.clone(), disk, bytes / 512)));
        nodes
    }

    /// From now on this is wrong with a disk from [`Guest::fragile`].
    pub fn inflict(&mut self, node: &str, fault: &Fault) {
        let known = self.fragile.iter().find(|(known, ..)| known == node).cloned();
        let unknown = || Failure::usage(format!("expected a disk from `Guest::fragile`, got `{node}`"));
        let (_, disk, sectors) = self.expect(known.ok_or_else(unknown));
        let (name, table) = (behind(&disk), fault.table(&disk, sectors));
        // A table of several lines can only come through standard input. Nobody else's data may be flushed meanwhile.
        self.untraced(|guest| {
            let script = format!("printf '{table}\\n' | dmsetup load {name}");
            guest.command(&["sh", "-c", &script].map(str::to_owned), None);
            guest.run(&format!("dmsetup suspend --noflush --nolockfs {name}"));
            guest.run(&format!("dmsetup resume {name}"));
        });
    }

    /// Has a disk from [`Guest::fragile`] answer nothing until [`Guest::resume`].
    pub fn stall(&mut self, node: &str) {
        self.untraced(|guest| guest.run(&format!("dmsetup suspend --noflush --nolockfs {node}")));
    }

    /// Has a stalled disk answer again.
    pub fn resume(&mut self, node: &str) {
        self.untraced(|guest| guest.run(&format!("dmsetup resume {node}")));
    }

    /// Attaches a SCSI disk of so many mebibytes, `/dev/sda`, which can be pulled.
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
