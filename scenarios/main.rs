//! The life of an md array, as stories: what md does at each step is compared with `snapshots/`.

use mdlab::Guest;
use rstest::fixture;

mod assemble;
mod attributes;
mod data;
mod discard;
mod examine;
mod faults;
mod grow;
mod levels;
mod members;
mod mirror;
mod modes;
mod module;
mod native;
mod power;
mod refusals;
mod sectors;
mod stop;
mod travel;

/// A fresh machine: a fork of the one that the environment names.
#[fixture]
fn guest() -> Guest {
    Guest::fork()
}
