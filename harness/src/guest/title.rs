//! Whose guest it is.

use std::cell::Cell;

use crate::folder;

thread_local! {
    /// How many guests were forked for the test that this thread runs.
    static FORKED: Cell<u32> = const { Cell::new(0) };
}

/// Whose guest it is.
pub(super) struct Title {
    /// The test.
    pub(super) test: String,
    /// Which of the test's guests, from 1 on.
    pub(super) number: u32,
}

impl Title {
    /// The name of the running test, `mirror::creates_and_stops`; `cargo test` and cargo-nextest both name its thread so.
    pub(super) fn of_thread() -> Self {
        FORKED.set(FORKED.get() + 1);
        Self { test: std::thread::current().name().unwrap_or("scenario").to_owned(), number: FORKED.get() }
    }

    /// What its evidence is named after: another package may have a scenario of that name.
    pub(super) fn folder(&self) -> String {
        let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
        folder::of_guest(&format!("{package}::{}", self.test), self.number)
    }
}
