//! Figures and the table that they stand in.

use std::num::NonZeroUsize;
use std::time::Duration;

use mdlab::MachineId;

/// Prints the head of the table.
pub(crate) fn head(machine: &MachineId, times: u32) {
    println!("{machine}; processors: {}; measurements of each figure: {times}", processors());
    println!("{:<58}{:>10}{:>10}{:>10}", "", "median", "least", "greatest");
}

/// Processors of the host that this process may use.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Measurements of one figure.
pub(crate) struct Figure {
    name: &'static str,
    unit: Unit,
    values: Vec<f64>,
}

/// What is measured.
#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Bytes,
    Ratio,
}

impl Figure {
    pub(crate) fn durations(name: &'static str, values: impl IntoIterator<Item = Duration>) -> Self {
        let values = values.into_iter().map(|duration| duration.as_secs_f64()).collect();
        Self { name, unit: Unit::Seconds, values }
    }

    /// Bytes may be fewer than none: memory that others have freed meanwhile.
    pub(crate) fn bytes(name: &'static str, values: impl IntoIterator<Item = i64>) -> Self {
        Self { name, unit: Unit::Bytes, values: values.into_iter().map(|bytes| bytes as f64).collect() }
    }

    pub(crate) fn ratios(name: &'static str, values: impl IntoIterator<Item = f64>) -> Self {
        Self { name, unit: Unit::Ratio, values: values.into_iter().collect() }
    }

    /// Prints its row of the table.
    pub(crate) fn print(mut self) {
        self.values.sort_by(f64::total_cmp);
        let Some((least, greatest)) = self.values.first().zip(self.values.last()) else { return };
        // An even number has two in the middle.
        let (low, high) = ((self.values.len() - 1) / 2, self.values.len() / 2);
        let median = (self.values[low] + self.values[high]) / 2.0;
        let [median, least, greatest] = [median, *least, *greatest].map(|value| self.unit.show(value));
        println!("{:<58}{median:>10}{least:>10}{greatest:>10}", self.name);
    }
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Seconds if value < 1.0 => format!("{:.0} ms", value * 1e3),
            Self::Seconds => format!("{value:.2} s"),
            Self::Bytes => format!("{:.1} MB", value / 1e6),
            Self::Ratio => format!("{value:.2}"),
        }
    }
}
