//! A fork and what is asked of it, step by step, recorded.

mod files;
mod health;

use mdlab_protocol::{
    Command as Order, Event, Exit, Observation, Output, Reply, Request, Settle, Unsettled, decode, encode,
};
use mdlab_vm::Fork;

use crate::conversation::Conversation;
use crate::failure::{Class, Evidence, Failure};
use crate::recording::{Command, MachineId, Recording, Step};
use crate::watch::{Watch, of_taint};

/// Bound of a command's run, in virtual time. It is generous: under emulation a guest that sleeps costs nothing.
const COMMAND_LIMIT_MS: u64 = 60_000;

/// Bound of a wait for udev and md, in virtual time.
const SETTLE_LIMIT_MS: u64 = 60_000;

/// The most questions of one command that are answered. mdadm 4.2 asks one when it creates a mirror, 4.4 asks two.
const MAX_PROMPTS: usize = 16;

/// The most bytes of one step's recording, as they were sent; in memory they may be thirty times as many. A guest that never
/// ends to say something is not recorded for ever.
const MAX_RECORDED: usize = 16 << 20;

/// The label of what a scenario takes for granted.
pub(crate) const GIVEN: &str = "given";

/// A fork in use.
pub struct Session {
    fork: Fork,
    recording: Recording,
    /// The disks, and how many bytes each has.
    disks: Vec<(String, u64)>,
    /// What belongs to the step that has not ended yet.
    commands: Vec<Command>,
    events: Vec<Event>,
    /// Bytes of that step's recording so far.
    recorded: usize,
    /// The command that is waited for.
    running: Option<String>,
    watch: Watch,
    /// A task that is known to hang by the end.
    hanging: Option<String>,
    /// Nothing can be said to the guest any more.
    gone: bool,
    trace: bool,
    hesitate: Option<Box<dyn FnMut() + Send>>,
    /// All that is said, if anybody wants to have it.
    conversation: Option<Conversation>,
}

impl Session {
    pub(crate) fn begin(fork: Fork, machine: MachineId, conversation: Option<Conversation>) -> Result<Self, Failure> {
        let recording = Recording { machine, steps: Vec::new() };
        let mut session = Self {
            fork,
            recording,
            disks: Vec::new(),
            commands: Vec::new(),
            events: Vec::new(),
            recorded: 0,
            running: None,
            watch: Watch::new(0),
            hanging: None,
            gone: false,
            trace: true,
            hesitate: None,
            conversation,
        };
        match session.receive()?.0 {
            Reply::Ready { taint } => {
                session.watch = Watch::new(taint);
                match of_taint(taint) {
                    None => Ok(session),
                    Some(sentence) => {
                        Err(session.failure(Class::Kernel, format!("before the first command {sentence}")))
                    }
                }
            }
            other => Err(session.unexpected("be ready", &other)),
        }
    }

    /// Has commands run without recording their system calls; it is what recording is measured against.
    pub fn without_tracing(mut self) -> Self {
        self.trace = false;
        self
    }

    /// Whether the system calls of what runs from now on are recorded.
    pub(crate) fn set_tracing(&mut self, trace: bool) -> bool {
        std::mem::replace(&mut self.trace, trace)
    }

    /// Calls `hesitate` before every answer to the guest. However long it takes, the guest is frozen meanwhile, and what
    /// is recorded stays the same: this is how to show that the host's timing does not reach the guest.
    pub fn with_hesitation(mut self, hesitate: impl FnMut() + Send + 'static) -> Self {
        self.hesitate = Some(Box::new(hesitate));
        self
    }

    /// Makes this fork differ from others: in its random pool, and in who runs when.
    pub(crate) fn seed(&mut self, seed: u64) -> Result<(), Failure> {
        match self.ask(Request::Seed(seed))? {
            Reply::Ready { .. } => Ok(()),
            other => Err(self.unexpected("take up a seed", &other)),
        }
    }

    /// Attaches files of `bytes` bytes to the next `count` loop devices, and returns their nodes.
    pub fn attach(&mut self, count: u32, bytes: u64) -> Result<Vec<String>, Failure> {
        let before = self.events.len();
        let nodes = match self.ask(Request::Attach { count, bytes })? {
            Reply::Attached(nodes) => nodes,
            other => return Err(self.unexpected("attach loop devices", &other)),
        };
        self.disks.extend(nodes.iter().map(|node| (node.clone(), bytes)));
        // What loop devices do when they are attached is not md's doing, and belongs to no step.
        self.events.truncate(before);
        Ok(nodes)
    }

    /// Runs a command to its end and waits until udev is done with what it changed. Whatever it asks is answered with this
    /// line; without one, its standard input is empty.
    pub fn run(&mut self, argv: &[String], answer: Option<&str>) -> Result<&Command, Failure> {
        self.running = Some(shell_words::join(argv));
        let reply = self.ask(Request::Run(self.order(argv, answer)))?;
        self.ended(argv.to_vec(), answer.map(str::to_owned), reply)
    }

    /// Starts a command that runs beside what follows, and waits until it has come to rest; returns its number.
    pub fn start(&mut self, argv: &[String]) -> Result<u32, Failure> {
        let job = match self.ask(Request::Start(self.order(argv, None)))? {
            Reply::Started(job) => job,
            other => return Err(self.unexpected(&format!("start `{}`", shell_words::join(argv)), &other)),
        };
        let output = Output::default();
        self.commands.push(Command { argv: argv.to_vec(), answer: None, exit: None, output });
        self.settle(false)?;
        Ok(job)
    }

    /// Waits for a command that was started to end, having sent it SIGTERM if so told.
    pub fn finish(&mut self, job: u32, argv: &[String], terminate: bool) -> Result<&Command, Failure> {
        self.running = Some(shell_words::join(argv));
        let reply = self.ask(Request::Finish { job, terminate, limit_ms: COMMAND_LIMIT_MS })?;
        self.ended(argv.to_vec(), None, reply)
    }

    fn order(&self, argv: &[String], answer: Option<&str>) -> Order {
        let stdin = answer.map_or_else(String::new, |answer| format!("{answer}\n").repeat(MAX_PROMPTS));
        Order { argv: argv.to_vec(), stdin: stdin.into_bytes(), trace: self.trace, limit_ms: COMMAND_LIMIT_MS }
    }

    /// Takes note of a command's end.
    fn ended(&mut self, argv: Vec<String>, answer: Option<String>, reply: Reply) -> Result<&Command, Failure> {
        self.running = None;
        let (exit, output) = match reply {
            Reply::Exited { exit, output } => (exit, output),
            other => return Err(self.unexpected(&format!("run `{}`", shell_words::join(&argv)), &other)),
        };
        let (line, limit) = (shell_words::join(&argv), COMMAND_LIMIT_MS / 1000);
        self.commands.push(Command { argv, answer, exit: Some(exit), output });
        let overdue = format!("`{line}` did not end within {limit} s of virtual time");
        match exit {
            Exit::TimedOut => return Err(self.failure(Class::Tool, overdue)),
            Exit::Hung => return Err(self.failure(Class::Kernel, format!("{overdue}, and hangs in the kernel"))),
            Exit::Status(_) | Exit::Signal(_) => {}
        }
        self.settle(false)?;
        let last = self.commands.len() - 1;
        Ok(&self.commands[last])
    }

    /// Waits until udev has announced every uevent and commands that run beside have come to rest; if `md`, also until md
    /// has nothing left to do and no command that ended has left a process behind.
    pub fn settle(&mut self, md: bool) -> Result<(), Failure> {
        match self.ask(Request::Settle(Settle { md, limit_ms: SETTLE_LIMIT_MS }))? {
            Reply::Settled => Ok(()),
            Reply::Unsettled(Unsettled { md, udev, commands, blocked }) => {
                let limit = SETTLE_LIMIT_MS / 1000;
                // While md is at work there are uevents to come: then it is md that is waited for.
                let (class, text) = match [md, commands, blocked].map(|text| Some(text).filter(|text| !text.is_empty()))
                {
                    [None, None, None] => (Class::Infra, udev),
                    [None, Some(commands), None] => (Class::Tool, commands),
                    [md, commands, blocked] => {
                        let blocked = blocked.map(|tasks| format!("{tasks} hang in the kernel"));
                        let all: Vec<_> = [md, commands, blocked].into_iter().flatten().collect();
                        (Class::Kernel, all.join("; "))
                    }
                };
                let text = format!("the guest did not settle within {limit} s of virtual time: {text}");
                Err(self.failure(class, text))
            }
            other => Err(self.unexpected("settle", &other)),
        }
    }

    /// Stops the guest, and has `meanwhile` done; a debugger has it go on.
    pub(crate) fn stop(&mut self, meanwhile: impl FnOnce()) -> Result<(), Failure> {
        let bytes = encode(&Request::Stop).map_err(|error| Failure::usage(format!("ask the guest: {error}")))?;
        self.fork.answer_and_stop(bytes).map_err(|error| self.enrich(error))?;
        meanwhile();
        match self.receive()?.0 {
            Reply::Ready { .. } => Ok(()),
            other => Err(self.unexpected("go on", &other)),
        }
    }

    /// Looks at the arrays and their members.
    pub fn observe(&mut self) -> Result<Observation, Failure> {
        match self.ask(Request::Observe)? {
            Reply::Observed(observation) => Ok(observation),
            other => Err(self.unexpected("observe its arrays", &other)),
        }
    }

    /// Ends a step: looks at the arrays and their members, and stores all that belongs to it.
    pub fn end_step(&mut self, label: &str) -> Result<&Step, Failure> {
        self.conclude(label, false)
    }

    /// Ends a step that only prepared what follows.
    pub(crate) fn end_given(&mut self) -> Result<&Step, Failure> {
        self.conclude(GIVEN, true)
    }

    fn conclude(&mut self, label: &str, given: bool) -> Result<&Step, Failure> {
        let after = self.observe()?;
        self.watch.see(after.taint);
        self.recorded = 0;
        let (commands, events) = (std::mem::take(&mut self.commands), in_order(std::mem::take(&mut self.events)));
        self.recording.steps.push(Step { label: label.to_owned(), given, commands, events, after: Some(after) });
        self.judge_kernel()?;
        let last = self.recording.steps.len() - 1;
        Ok(&self.recording.steps[last])
    }

    /// What was recorded, without the step that has not ended.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// What was recorded, with the step that has not ended: its label, and whether it only prepares something.
    pub(crate) fn evidence(&self, label: &str, given: bool) -> Recording {
        let mut recording = self.recording.clone();
        let (commands, events) = (self.commands.clone(), in_order(self.events.clone()));
        if !commands.is_empty() || !events.is_empty() {
            recording.steps.push(Step { label: label.to_owned(), given, commands, events, after: None });
        }
        recording
    }

    /// All that was said, if anybody wants to have it.
    pub(crate) fn take_conversation(&mut self) -> Option<Conversation> {
        self.conversation.take()
    }

    /// A command that has run since the last step ended; not one that was started to run beside the next.
    pub(crate) fn stray(&self) -> Option<&Command> {
        self.commands.iter().find(|command| command.exit.is_some())
    }

    /// What was recorded since the last step ended.
    pub(crate) fn unended(&self) -> &[Event] {
        &self.events
    }

    /// Forgets what was recorded since the last step ended.
    pub(crate) fn forget(&mut self) {
        self.commands.clear();
        self.events.clear();
        self.recorded = 0;
    }

    /// Whether nothing can be said to the guest any more: it has ended, or has said too much.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// The end of what the kernel has printed on its console since the fork.
    pub fn console(&self) -> String {
        self.fork.console()
    }

    /// The process identifier of QEMU.
    pub fn process_id(&self) -> u32 {
        self.fork.process_id()
    }

    /// A failure of this session, with what is known of it.
    pub(crate) fn failure(&self, class: Class, message: impl Into<String>) -> Failure {
        let steps = self.recording.steps.iter().flat_map(|step| &step.commands);
        let last = steps.chain(&self.commands).last();
        let evidence = Evidence {
            during: self.running.clone(),
            after: last.map(|command| format!("{} ({})", command.line(), command.ending())),
            machine: Some(self.recording.machine.to_string()),
            reports: if class == Class::Kernel { mdlab_vm::blocked_tasks(&self.fork.console()) } else { Vec::new() },
            console: Some(self.fork.console()),
            ..Evidence::default()
        };
        Failure::with(class, message, evidence)
    }

    fn unexpected(&self, what: &str, reply: &Reply) -> Failure {
        match reply {
            Reply::Failed(text) => self.failure(Class::Infra, format!("have the guest {what}: {text}")),
            Reply::Refused(text) => self.failure(Class::Usage, text.as_str()),
            other => self.failure(Class::Infra, format!("have the guest {what}: it said {}", brief(other))),
        }
    }

    fn ask(&mut self, request: Request) -> Result<Reply, Failure> {
        self.answer(&request)?;
        loop {
            match self.receive()? {
                (Reply::Recorded(events), bytes) => {
                    self.recorded += bytes;
                    self.watch.hear(&events);
                    self.events.extend(events);
                }
                (reply, _) => return Ok(reply),
            }
            if self.recorded > MAX_RECORDED {
                // It waits to be told to go on.
                self.gone = true;
                let limit = MAX_RECORDED >> 20;
                let text =
                    format!("expected a step to record at most {limit} MiB, got more: something goes round in a loop");
                return Err(self.failure(Class::Tool, text));
            }
            self.answer(&Request::Continue)?;
        }
    }

    fn answer(&mut self, request: &Request) -> Result<(), Failure> {
        let bytes = encode(request).map_err(|error| Failure::usage(format!("ask the guest: {error}")))?;
        if let Some(hesitate) = &mut self.hesitate {
            hesitate();
        }
        if let Some(conversation) = &mut self.conversation {
            conversation.said(&bytes);
        }
        let answered = self.fork.answer(bytes);
        self.gone |= answered.is_err();
        answered.map_err(|error| self.enrich(error))
    }

    /// What the guest says next, and how many bytes it took.
    fn receive(&mut self) -> Result<(Reply, usize), Failure> {
        let received = self.fork.receive();
        match (&mut self.conversation, &received) {
            (Some(conversation), Ok(bytes)) => conversation.said(bytes),
            (Some(conversation), Err(error)) => conversation.ended(&error.message, self.fork.console()),
            (None, _) => {}
        }
        self.gone |= received.is_err();
        let bytes = received.map_err(|error| self.enrich(error))?;
        let reply = decode(&bytes);
        let reply = reply.map_err(|error| self.failure(Class::Infra, format!("understand the guest: {error}")))?;
        Ok((reply, bytes.len()))
    }

    fn enrich(&self, error: mdlab_vm::Error) -> Failure {
        let known = Failure::from(error);
        let mut failure = self.failure(known.class, known.message);
        failure.evidence.console = known.evidence.console.or(failure.evidence.console);
        failure.evidence.reports = known.evidence.reports;
        failure
    }
}

/// The order in which things began. A call is sent when it has returned, and by then others may have been that another
/// process began after it.
fn in_order(mut events: Vec<Event>) -> Vec<Event> {
    events.sort_by_key(|event| event.at);
    events
}

/// What a reply is, without what it carries.
fn brief(reply: &Reply) -> String {
    let text = format!("{reply:?}");
    text.split(['(', ' ']).next().unwrap_or_default().to_owned()
}
