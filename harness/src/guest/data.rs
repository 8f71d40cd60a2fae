//! What is on an array, and where on its members. A pattern tells: each of its sectors says which one it is.

use std::ops::Range;

use super::Guest;
use crate::array::Array;

impl Guest {
    /// Writes the pattern over the whole array.
    pub fn fill(&mut self, array: &Array) {
        self.run(&format!("md fill {}", array.node()));
    }

    /// Writes another pattern over the whole array, which differs from that of [`Guest::fill`] in every sector.
    pub fn overwrite(&mut self, array: &Array) {
        self.run(&format!("md fill {} --seed 1", array.node()));
    }

    /// Reads the whole array: every sector must be as [`Guest::overwrite`] wrote it.
    pub fn check_overwritten(&mut self, array: &Array) {
        self.run(&format!("md check {} --seed 1", array.node()));
    }

    /// Writes the pattern over some sectors of a device.
    pub fn fill_sectors(&mut self, node: &str, sectors: Range<u64>) {
        let (from, count) = (sectors.start, sectors.end - sectors.start);
        self.run(&format!("md fill {node} --from {from} --sectors {count}"));
    }

    /// Reads some sectors of a device: they must be as they were written.
    pub fn check_sectors(&mut self, node: &str, sectors: Range<u64>) {
        let (from, count) = (sectors.start, sectors.end - sectors.start);
        self.run(&format!("md check {node} --from {from} --sectors {count}"));
    }

    /// Reads the whole array: every sector must be as [`Guest::fill`] wrote it.
    pub fn check(&mut self, array: &Array) {
        self.run(&format!("md check {}", array.node()));
    }

    /// Shows which sectors of the array lie where on its members.
    pub fn map(&mut self, array: &Array) {
        self.run(&format!("md map {}", array.members().join(" ")));
    }
}
