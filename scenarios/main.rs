//! The life of an md array, as stories: what md does at each step is compared with `snapshots/`.

use mdlab::Guest;
use rstest::fixture;

mod mirror;

/// A fresh machine: a fork of the one that the environment names.
#[fixture]
fn guest() -> Guest {
    Guest::fork()
}
