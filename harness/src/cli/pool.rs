//! Work that is done several pieces at a time, until a signal comes.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::interrupt::Interrupts;
use crate::failure::Failure;

/// How many pieces to do at the same time: as many as was asked for, or one for each processor.
pub(super) fn jobs(asked: Option<u32>) -> usize {
    asked.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), |jobs| jobs as usize)
}

/// How a piece of work ended.
pub(super) enum Done {
    /// By itself.
    Yes,
    /// The signal came to it as well: what it came to proves nothing.
    Interrupted,
}

/// Does pieces of work, numbered from 0 on, so many at a time, in their order. A failure of one, or a signal, is the end:
/// what is under way is waited for, and nothing else is begun.
pub(super) fn work(
    pieces: usize,
    jobs: usize,
    interrupts: &Interrupts,
    piece: impl Fn(usize) -> Result<Done, Failure> + Sync,
) -> Result<(), Failure> {
    let (next, given_up) = (AtomicUsize::new(0), AtomicBool::new(false));
    let run = || {
        while !given_up.load(Ordering::Relaxed) && !interrupts.has_come() {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= pieces {
                break;
            }
            match piece(number).inspect_err(|_| given_up.store(true, Ordering::Relaxed))? {
                Done::Yes => {}
                Done::Interrupted => break,
            }
        }
        Ok(())
    };
    let outcomes: Vec<Result<(), Failure>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.min(pieces)).map(|_| scope.spawn(run)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
    });
    outcomes.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn each_piece_is_done_once_and_a_failure_is_the_end() {
        let interrupts = Interrupts::heed().unwrap();
        let done = Mutex::new(Vec::new());
        let note = |number| {
            done.lock().unwrap().push(number);
            Ok(Done::Yes)
        };
        work(5, 2, &interrupts, note).unwrap();
        let mut all = std::mem::take(&mut *done.lock().unwrap());
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4]);
        let fail = |number| if number == 1 { Err(Failure::infra("no disk")) } else { note(number) };
        assert_eq!(work(5, 1, &interrupts, fail).unwrap_err().message, "no disk");
        assert_eq!(*done.lock().unwrap(), [0]);
    }
}
