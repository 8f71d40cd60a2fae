//! What takes time, shown while it lasts: how far it is in a terminal, a line elsewhere, nothing if so told.

use std::fmt::Write;
use std::io::Write as _;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use indicatif::{
    HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressState, ProgressStyle,
};
use mdlab_vm::News;

use crate::printable::printable;

/// All that is shown at the same time. It is hidden where the standard error is no terminal.
static SHOWN: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

static QUIET: AtomicBool = AtomicBool::new(false);

/// How long something takes before it is worth a word, and before a terminal shows it.
const PATIENCE: Duration = Duration::from_secs(10);
const TERMINAL_PATIENCE: Duration = Duration::from_secs(1);

/// How often a line says how far a job is, where there is no terminal.
const LINES_APART: Duration = Duration::from_secs(30);

/// How often a bar says how long it has been.
const TICK: Duration = Duration::from_millis(200);

/// Parts of a whole, for which nobody has said how many it has.
const PARTS: f64 = 1000.0;

/// From now on only results and failures are told.
pub(super) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
    SHOWN.set_draw_target(ProgressDrawTarget::hidden());
}

pub(super) fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Tells of work whose pieces are counted. `what` is shown before the count.
pub(super) fn counting(what: &str, pieces: usize) -> ProgressBar {
    let bar = shown(ProgressBar::new(pieces as u64).with_message(what.to_owned()));
    bar.set_style(style("{spinner} {msg}{pos} of {len} [{bar:30}] {elapsed}, {eta} to go"));
    bar
}

/// Does what may take long, or no time at all. Once it takes some, a terminal shows for how long; elsewhere a line says so, and
/// again whenever it has taken twice as long.
pub(super) fn patiently<T>(what: &str, act: impl FnOnce() -> T) -> T {
    let (began, in_terminal) = (Instant::now(), !SHOWN.is_hidden());
    let (done, waiting) = channel::<()>();
    let tell = move || {
        let mut next = if in_terminal { TERMINAL_PATIENCE } else { PATIENCE };
        while waiting.recv_timeout(next.saturating_sub(began.elapsed())) == Err(RecvTimeoutError::Timeout) {
            if in_terminal {
                let bar = shown(ProgressBar::no_length().with_message(printable(what).into_owned()));
                bar.set_style(style("{spinner} {msg}, {elapsed}"));
                let _ = waiting.recv();
                return bar.finish_and_clear();
            }
            notice(&format!("{what}: {} s so far", began.elapsed().as_secs()));
            next *= 2;
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(tell);
        let result = act();
        drop(done);
        result
    })
}

/// Tells of jobs, one after the other.
pub(super) fn telling() -> impl FnMut(News) {
    let mut bar: Option<ProgressBar> = None;
    // What is at work where there is no terminal, and when that was last told.
    let mut told: Option<(String, Instant)> = None;
    move |news| match news {
        News::Done(share) => {
            if let Some((text, last)) = told.as_mut().filter(|(_, last)| last.elapsed() >= LINES_APART) {
                notice(&format!("{text}: {:.0} %", share * 100.0));
                *last = Instant::now();
            }
            if let Some(bar) = &bar {
                if bar.length().is_none() {
                    bar.set_length(PARTS as u64);
                    bar.set_style(style("{spinner} {msg} [{bar:30}] {percent} %, {elapsed}, {eta} to go"));
                }
                bar.set_position((share * PARTS) as u64);
            }
        }
        News::Ends => {
            told = None;
            if let Some(bar) = bar.take() {
                let (text, seconds) = (bar.message(), bar.elapsed().as_secs_f64());
                bar.finish_and_clear();
                if !bar.is_hidden() {
                    notice(&format!("{text}: {seconds:.1} s"));
                }
            }
        }
        News::Begins(text) if !SHOWN.is_hidden() => {
            // What it replaces has failed.
            bar = None;
            let begun = shown(ProgressBar::no_length().with_message(printable(text).into_owned()));
            begun.set_style(style("{spinner} {msg}, {elapsed}"));
            bar = Some(begun);
        }
        News::Begins(text) => {
            notice(text);
            told = Some((text.to_owned(), Instant::now()));
        }
        News::Note(text) => notice(text),
    }
}

fn shown(bar: ProgressBar) -> ProgressBar {
    let bar = SHOWN.add(bar.with_finish(ProgressFinish::AndClear));
    bar.enable_steady_tick(TICK);
    bar
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // indicatif takes what nothing is known of for no time at all.
    style.with_key("eta", |state: &ProgressState, text: &mut dyn Write| {
        let _ = match state.pos() {
            0 => write!(text, "?"),
            _ => write!(text, "{:#}", HumanDuration(state.eta())),
        };
    })
}

/// Tells what is worth to be known while it runs.
pub(super) fn notice(text: &str) {
    if !is_quiet() {
        complain(text);
    }
}

/// Prints to the standard error; a terminal that is gone is no reason to end otherwise.
pub(super) fn complain(text: &str) {
    aside(|| {
        let _ = writeln!(std::io::stderr(), "mdlab: {}", printable(text));
    });
}

/// Does something to the terminal while no bar is in it.
pub(super) fn aside<T>(act: impl FnOnce() -> T) -> T {
    SHOWN.suspend(act)
}
