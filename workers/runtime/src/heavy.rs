//! Runs a heavy task in a child process, with a shim between (see `supervise`). Whatever the child does, this ends: the
//! child answers, dies, runs into its timeout or is told to stop. Dropping it half-way closes the socket, and the shim
//! ends the tree.

use std::io;
use std::time::{Duration, Instant};

use daybreak_failpoints::crossing;
use daybreak_protocol::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::Child;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::attempt::{End, Ended, at};
use crate::cgroup::{Bounds, Group};
use crate::ending::{self, Crash, Overrun};
use crate::held::{Hold, Stop};
use crate::output::Output;
use crate::prepared::{Prepared, Spare};
use crate::wire::{FromChild, Job, line};
use crate::{AttemptLog, Secrets, WorkerConfig};

/// Beyond the grace: what the shim may take to kill a tree before it is itself given up.
const SHIM_OVERDUE: Duration = Duration::from_secs(40);
/// How long messages and output that are under way may take once the shim is gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a child is started with.
pub(crate) struct Start<'a> {
    pub(crate) config: &'a WorkerConfig,
    pub(crate) spare: &'a Spare,
    pub(crate) job: Job,
    pub(crate) timeout: Option<Duration>,
    pub(crate) log: AttemptLog,
    /// What the job refers to.
    pub(crate) secrets: Secrets,
}

impl Start<'_> {
    /// A control group for the attempt, where there can be one.
    fn group(&self) -> Option<Group> {
        let limits = &self.config.limits;
        let bounds = Bounds { memory_bytes: self.job.memory_bytes, cores: limits.threads, processes: limits.processes };
        let attempt = &self.job.assignment;
        let made = self.config.groups.as_ref()?.group(&format!("{}-{}", attempt.task_run_id, attempt.fence), bounds);
        made.inspect_err(|error| tracing::warn!(%error, "a task's processes are not bounded together")).ok()
    }
}

pub(crate) async fn run(mut start: Start<'_>, hold: &mut Hold) -> Ended {
    let (limit, memory_bytes) = (start.timeout, start.job.memory_bytes);
    let asked = Instant::now();
    let group = start.group();
    let killed_before = memory_kills(group.as_ref());
    start.job.doors = group.iter().flat_map(Group::doors).collect();
    crossing!("cp04.after");
    let prepared = start.spare.take(start.config);
    crossing!("cp05.after");
    let mut process = match prepared.and_then(|prepared| Process::begin(prepared, group, &start)) {
        Ok(process) => process,
        Err(error) => return Ended { end: End::Itself(ending::not_started(&error)), busy_us: 0, start_us: 0 },
    };
    start.spare.refill(start.config);
    let watched = process.watch(limit.map(|limit| asked + limit), hold).await;
    let overrun = Overrun {
        memory_bytes,
        killed: memory_kills(process.group.as_ref()) > killed_before,
        refused_processes: process.group.as_ref().map_or(0, Group::refused_processes),
        own: process.group.is_some(),
    };
    crossing!("cp06.before");
    // Everything the task printed is in its log before the attempt counts as ended.
    if watched.answer.is_some() && watched.exit_code.is_none() {
        process.output.taken_up().await;
        tokio::spawn(process.leave());
    } else {
        process.output.ended(LAST_WORDS).await;
    }
    start.log.finish();
    crossing!("cp06.after");

    let start_us = watched.started.map_or(0, |started| ending::micros(started - asked));
    let running = watched.started.map_or(0, |started| ending::micros(started.elapsed()));
    let crash = Crash { exit_code: watched.exit_code, recent: &start.log.recent(), overrun };
    // A task that was told to end and then failed has done what it was told.
    let (end, busy_us) = match watched {
        Watched { answer: Some((outcome @ Outcome::Succeeded(_), busy_us)), .. } => (End::Itself(outcome), busy_us),
        Watched { timed_out: true, .. } => {
            (End::Itself(overrun.explains(ending::timed_out(limit.unwrap_or_default()))), running)
        }
        _ if hold.why().is_some() => (End::Stopped, running),
        Watched { answer: Some((outcome, busy_us)), .. } => (End::Itself(overrun.explains(outcome)), busy_us),
        _ => (End::Itself(crash.outcome()), running),
    };
    Ended { end, busy_us, start_us }
}

/// How many processes the kernel has killed for lack of memory: of the group, or of the whole machine where there is none.
fn memory_kills(group: Option<&Group>) -> u64 {
    group.map_or_else(ending::kernel_kills, Group::memory_kills)
}

struct Process {
    shim: Child,
    pid: Option<Pid>,
    grace: Duration,
    messages: Lines<BufReader<OwnedReadHalf>>,
    /// Holds the sending half open: its end is the sign that the worker is gone.
    sending: Option<JoinHandle<OwnedWriteHalf>>,
    output: Output,
    /// Goes when the shim has ended.
    group: Option<Group>,
}

/// What was seen of a process until it was gone.
#[derive(Default)]
struct Watched {
    started: Option<Instant>,
    answer: Option<(Outcome, u64)>,
    timed_out: bool,
    exit_code: Option<i32>,
}

impl Process {
    fn begin(prepared: Prepared, group: Option<Group>, start: &Start<'_>) -> io::Result<Self> {
        let Prepared { shim, messages, mut sending, output } = prepared;
        let mut job = line(&start.job);
        job.extend(start.secrets.to_line());
        let sending = tokio::spawn(async move {
            // A child that is gone does not read; its exit code says more than this error.
            let _ = sending.write_all(&job).await;
            sending
        });
        Ok(Self {
            pid: shim.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw),
            shim,
            grace: start.config.limits.grace,
            messages: BufReader::new(messages).lines(),
            sending: Some(sending),
            output: Output::into_log(output, start.log.clone())?,
            group,
        })
    }

    async fn watch(&mut self, time_out_at: Option<Instant>, hold: &mut Hold) -> Watched {
        let mut watched = Watched::default();
        let (mut asked, mut hung_up) = (false, false);
        let mut overdue_at = None;
        loop {
            let before = asked;
            tokio::select! {
                message = self.messages.next_line(), if !hung_up => match message {
                    Ok(Some(message)) => {
                        watched.hear(&message);
                        if watched.answer.is_some() {
                            return watched;
                        }
                    }
                    Ok(None) | Err(_) => hung_up = true,
                },
                status = self.shim.wait() => {
                    watched.exit_code = status.ok().and_then(|status| status.code());
                    break;
                }
                () = hold.told_to_stop(), if !asked => asked = true,
                () = at(time_out_at), if !asked => (asked, watched.timed_out) = (true, true),
                () = at(overdue_at) => {
                    // It has not managed to kill the tree; whatever is left of it dies with its machine.
                    let _ = self.shim.start_kill();
                    overdue_at = None;
                }
            }
            if asked && !before {
                match hold.why() {
                    // Somebody else may run it by now: no grace.
                    Some(Stop::Revoked) => self.end_now(),
                    _ => self.ask_to_end(),
                }
                overdue_at = Some(self.overdue_at());
            }
        }
        while let Ok(Ok(Some(message))) = timeout(LAST_WORDS, self.messages.next_line()).await {
            watched.hear(&message);
        }
        self.end_now();
        watched
    }

    /// After its answer it leaves by itself, and the shim ends what it may have left running. The worker need not wait:
    /// giving back the memory of a large task takes a while.
    async fn leave(mut self) {
        if timeout(self.grace + SHIM_OVERDUE, self.shim.wait()).await.is_err() {
            let _ = self.shim.start_kill();
        }
        self.end_now();
    }

    fn overdue_at(&self) -> Instant {
        Instant::now() + self.grace + SHIM_OVERDUE
    }

    /// Hangs up: the shim kills the tree without grace.
    fn end_now(&mut self) {
        if let Some(sending) = self.sending.take() {
            sending.abort();
        }
    }

    fn ask_to_end(&self) {
        if let Some(pid) = self.pid {
            // It has not been waited for yet, so the number is still its own.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Watched {
    fn hear(&mut self, message: &str) {
        match serde_json::from_str(message) {
            Ok(FromChild::Started) => {
                self.started.get_or_insert_with(Instant::now);
            }
            Ok(FromChild::Ended { outcome, busy_us }) => {
                self.answer.get_or_insert((outcome, busy_us));
            }
            Err(error) => tracing::warn!(%error, "a task's process said something that is not a message"),
        }
    }
}
