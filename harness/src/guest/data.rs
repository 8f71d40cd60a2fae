//! What is on an array, and where on its members. A pattern tells: each of its sectors says which one it is.

use std::ops::Range;

use super::{Guest, Job};
use crate::array::Array;
use crate::failure::Failure;

impl Guest {
    /// Takes an array for granted, as [`Guest::given`] does, that is full of the pattern.
    #[track_caller]
    pub fn given_filled(&mut self, array: &Array) {
        self.given(array);
        self.prepare(|guest| {
            guest.fill(array);
            guest.wait_idle();
        });
    }

    /// Gives sectors of the array up.
    pub fn discard(&mut self, array: &Array, sectors: Range<u64>) {
        let (offset, length) = (sectors.start * 512, (sectors.end - sectors.start) * 512);
        self.run(&format!("blkdiscard --offset {offset} --length {length} {}", array.node()));
    }

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

    /// Writes the pattern over all of each device.
    pub fn fill_devices(&mut self, nodes: &[String]) {
        nodes.iter().for_each(|node| self.run(&format!("md fill {node}")));
    }

    /// Writes the pattern over some sectors of a device.
    pub fn fill_sectors(&mut self, node: &str, sectors: Range<u64>) {
        let (from, count) = (sectors.start, sectors.end - sectors.start);
        self.run(&format!("md fill {node} --from {from} --sectors {count}"));
    }

    /// Begins to write the pattern over some sectors of an array.
    pub fn start_filling(&mut self, array: &Array, sectors: Range<u64>) -> Job {
        let (from, count) = (sectors.start, sectors.end - sectors.start);
        self.start(&format!("md fill {} --from {from} --sectors {count}", array.node()))
    }

    /// Writes the pattern of [`Guest::overwrite`] over some sectors of a device.
    pub fn overwrite_sectors(&mut self, node: &str, sectors: Range<u64>) {
        let (from, count) = (sectors.start, sectors.end - sectors.start);
        self.run(&format!("md fill {node} --seed 1 --from {from} --sectors {count}"));
    }

    /// Reads some sectors of a device: they must be as [`Guest::overwrite_sectors`] wrote them.
    pub fn check_overwritten_sectors(&mut self, node: &str, sectors: Range<u64>) {
        let (from, count) = (sectors.start, sectors.end - sectors.start);
        self.run(&format!("md check {node} --seed 1 --from {from} --sectors {count}"));
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
        self.places(array);
    }

    /// Shows where on the members of an array lies what [`Guest::overwrite_sectors`] wrote.
    pub fn map_overwritten(&mut self, array: &Array) {
        self.run(&format!("md map --marked --seed 1 {}", array.members().join(" ")));
    }

    /// Which sectors of the pattern are left on the members, which are zero, and which hold something else: lines to compare.
    pub fn places(&mut self, array: &Array) -> String {
        let words = ["md", "map"].into_iter().chain(array.members().iter().map(String::as_str));
        self.output(&words.collect::<Vec<_>>())
    }

    /// The bytes of a few sectors of a device, past any cache.
    pub fn sectors(&mut self, node: &str, sectors: Range<u64>) -> Vec<u8> {
        let unfit = || Failure::usage(format!("expected a few sectors of `{node}`, got {sectors:?}"));
        let outcome = extent(&sectors).ok_or_else(unfit);
        let outcome = outcome.and_then(|(offset, length)| self.session.read(node, offset, length));
        self.expect(outcome)
    }
}

/// The offset and the length of some sectors, in bytes; nothing where they end before they begin, or no device has them.
fn extent(sectors: &Range<u64>) -> Option<(u64, u32)> {
    let length = sectors.end.checked_sub(sectors.start)?.checked_mul(512)?;
    Some((sectors.start.checked_mul(512)?, u32::try_from(length).ok()?))
}

#[cfg(test)]
mod tests {
    use super::extent;

    #[test]
    fn sectors_that_cannot_be_are_none() {
        assert_eq!(extent(&(8..16)), Some((4096, 4096)));
        let (small, large) = (8, 1 << 60);
        assert_eq!(extent(&(large..small)), None, "backwards");
        assert_eq!(extent(&(small..large)), None, "too many");
        assert_eq!(extent(&(large..large + 8)), None, "too far");
    }
}
