//! Runs a heavy task in a child process, with a shim between (see `supervise`). Whatever the child does, this ends: the
//! child answers, dies, runs into its timeout or is told to stop. Dropping it half-way closes the socket, and the shim
//! ends the tree.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use daybreak_artifacts::LogWriter;
use daybreak_protocol::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::attempt::{End, Ended, at};
use crate::ending::{self, Crash};
use crate::held::{Hold, Stop};
use crate::supervise::ShimArguments;
use crate::wire::{CHILD_COMMAND, FromChild, Job, SHIM_COMMAND, line};
use crate::{ChildLimits, WorkerConfig};

/// Beyond the grace: what the shim may take to kill a tree before it is itself given up.
const SHIM_OVERDUE: Duration = Duration::from_secs(40);
/// How long messages and output that are under way may take once the shim is gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What a child is started with.
pub(crate) struct Start<'a> {
    pub(crate) config: &'a WorkerConfig,
    pub(crate) job: Job,
    /// The task's own limit.
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) log: LogWriter,
}

pub(crate) async fn run(start: Start<'_>, hold: &mut Hold) -> Ended {
    let memory_bytes = start.memory_bytes.or(start.config.limits.memory_bytes);
    let (kernel_kills, log, limit) = (ending::kernel_kills(), start.log.clone(), start.timeout);
    let spawned = Instant::now();
    let mut process = match Process::spawn(start, memory_bytes) {
        Ok(process) => process,
        Err(error) => return Ended { end: End::Itself(ending::not_started(&error)), busy_us: 0, start_us: 0 },
    };
    let watched = process.watch(limit.map(|limit| spawned + limit), hold).await;
    // Everything the task printed is in its log before the attempt counts as ended.
    let _ = timeout(LAST_WORDS, process.log_ended).await;

    let start_us = watched.started.map_or(0, |started| ending::micros(started - spawned));
    let running = watched.started.map_or(0, |started| ending::micros(started.elapsed()));
    let crash = Crash {
        exit_code: watched.exit_code,
        recent: &log.recent(),
        memory_bytes,
        kernel_killed: ending::kernel_kills() > kernel_kills,
    };
    // A task that was told to end and then failed has done what it was told.
    let (end, busy_us) = match watched {
        Watched { answer: Some((outcome @ Outcome::Succeeded(_), busy_us)), .. } => (End::Itself(outcome), busy_us),
        Watched { timed_out: true, .. } => (End::Itself(ending::timed_out(limit.unwrap_or_default())), running),
        _ if hold.why().is_some() => (End::Stopped, running),
        Watched { answer: Some((outcome, busy_us)), .. } => (End::Itself(outcome), busy_us),
        _ => (End::Itself(crash.outcome()), running),
    };
    Ended { end, busy_us, start_us }
}

struct Process {
    shim: Child,
    pid: Option<Pid>,
    grace: Duration,
    messages: Lines<BufReader<OwnedReadHalf>>,
    /// Holds the sending half open: its end is the sign that the worker is gone.
    sending: Option<JoinHandle<OwnedWriteHalf>>,
    log_ended: oneshot::Receiver<()>,
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
    fn spawn(start: Start<'_>, memory_bytes: Option<u64>) -> io::Result<Self> {
        let Start { config, job, log, .. } = start;
        let (ours, theirs) = StdUnixStream::pair()?;
        let (output, output_of_child) = io::pipe()?;
        let mut command = shim_command(config, memory_bytes);
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        command.stdout(Stdio::from(output_of_child.try_clone()?)).stderr(Stdio::from(output_of_child));
        let shim = command.spawn()?;
        // Our copies of the child's ends go with the command; without that the log would never end.
        drop(command);
        ours.set_nonblocking(true)?;
        let (messages, mut send) = UnixStream::from_std(ours)?.into_split();
        let job = line(&job);
        let sending = tokio::spawn(async move {
            // A child that is gone does not read; its exit code says more than this error.
            let _ = send.write_all(&job).await;
            send
        });
        Ok(Self {
            pid: shim.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw),
            shim,
            grace: config.limits.grace,
            messages: BufReader::new(messages).lines(),
            sending: Some(sending),
            log_ended: pump(output, log)?,
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
                        // It is about to leave by itself; this is for what it may have left running.
                        asked = asked || watched.answer.is_some();
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
                overdue_at = Some(Instant::now() + self.grace + SHIM_OVERDUE);
            }
        }
        while let Ok(Ok(Some(message))) = timeout(LAST_WORDS, self.messages.next_line()).await {
            watched.hear(&message);
        }
        self.end_now();
        watched
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

fn shim_command(config: &WorkerConfig, memory_bytes: Option<u64>) -> Command {
    let ChildLimits { threads, nice, grace, .. } = config.limits;
    let child = vec![config.executable.clone().into_os_string(), CHILD_COMMAND.into()];
    let shim = ShimArguments { memory_bytes, nice, grace, exec: false, argv: child };
    let mut command = Command::new(&config.executable);
    command.arg(SHIM_COMMAND).args(shim.encode());
    command.env_clear().envs(config.environment.iter().map(|(name, value)| (name, value)));
    command.env("RAYON_NUM_THREADS", threads.to_string()).env("POLARS_MAX_THREADS", threads.to_string());
    // Ctrl-C on the terminal is for the server, which then hands its tasks back.
    command.process_group(0);
    command
}

/// Copies a child's output into its log, on a thread of its own: writing a log may block, and a flood must not take the
/// threads that answer requests.
fn pump(mut output: PipeReader, log: LogWriter) -> io::Result<oneshot::Receiver<()>> {
    let (ended, log_ended) = oneshot::channel();
    let copy = move || {
        let mut buffer = vec![0; 64 << 10];
        loop {
            match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => log.bytes(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        drop(log);
        // Nobody listens any more when the attempt has been given up.
        let _ = ended.send(());
    };
    std::thread::Builder::new().name("task-log".to_owned()).spawn(copy)?;
    Ok(log_ended)
}
