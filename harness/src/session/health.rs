//! The kernel's health: whatever the kernel reports of itself fails the scenario.

use mdlab_protocol::{Reply, Request};

use super::Session;
use crate::failure::{Class, Failure};
use crate::watch::Verdict;

impl Session {
    /// Ends: waits until no task waits uninterruptibly, and fails if one does for ever, or if the kernel has reported
    /// anything that is wrong with it.
    pub fn end(&mut self) -> Result<(), Failure> {
        let hanging = self.hanging.clone();
        match self.ask(Request::Rest { hanging: hanging.clone() })? {
            Reply::Rested { taint, mut blocked } => {
                self.watch.see(taint);
                if let Some(task) = hanging {
                    let all = blocked.len();
                    blocked.retain(|name| !name.starts_with(&task));
                    if blocked.len() == all {
                        let text = format!("expected `{task}` to hang, it does not: the bug may be fixed");
                        return Err(self.failure(Class::Drift, text));
                    }
                }
                if !blocked.is_empty() {
                    let text = format!("tasks hang in the kernel: {}", blocked.join(", "));
                    return Err(self.blame(self.failure(Class::Kernel, text)));
                }
                self.judge_kernel()?;
                match self.watch.missing() {
                    None => Ok(()),
                    Some(part) => {
                        let text = format!("expected the kernel to report `{part}`, it did not: the bug may be fixed");
                        Err(self.failure(Class::Drift, text))
                    }
                }
            }
            other => Err(self.unexpected("come to rest", &other)),
        }
    }

    /// From now on a report of the kernel's whose first line has this in it is a known bug's: see [`Watch::expect`].
    pub(crate) fn expect_report(&mut self, part: &str) {
        self.watch.expect(part);
    }

    /// By the end this task waits uninterruptibly, and for ever: it is not waited for, and it has to.
    pub(crate) fn expect_hang(&mut self, task: &str) {
        self.hanging = Some(task.to_owned());
    }

    /// Fails if the kernel has reported anything that is wrong with it.
    pub(super) fn judge_kernel(&mut self) -> Result<(), Failure> {
        if self.watch.has_lost() {
            let console = self.console();
            self.watch.read(&console);
        }
        match self.watch.verdict() {
            None => Ok(()),
            Some(Verdict { sentence, .. }) => Err(self.blame(self.failure(Class::Kernel, sentence))),
        }
    }

    /// Blames the kernel for a failure, if it has reported anything that is wrong with it: the rest may follow from that.
    pub(crate) fn blame(&self, mut failure: Failure) -> Failure {
        let Some(Verdict { sentence, reports }) = self.watch.verdict() else { return failure };
        if failure.class != Class::Kernel {
            failure.message = format!("{sentence}\n  also, {}: {}", failure.class, failure.message);
            failure.class = Class::Kernel;
        }
        // The console may have them as well, or the stacks of tasks that they are about.
        let known = &mut failure.evidence.reports;
        let stack = |text: &str| text.lines().find(|line| line.starts_with("task:")).map(str::to_owned);
        let told = |text: &String| {
            reports
                .iter()
                .any(|report| report.text == *text || stack(text).is_some_and(|task| report.text.contains(&task)))
        };
        known.retain(|text| !told(text));
        known.splice(0..0, reports.into_iter().map(|report| report.text));
        failure
    }
}
