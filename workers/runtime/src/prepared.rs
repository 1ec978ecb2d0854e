//! Processes for heavy tasks that are started before there is a task: the shim and the child below it wait for their job,
//! so that a task need not wait for them. One is kept ready while heavy tasks follow each other, and let go when none has
//! come for a while. Must never outlive the worker: the shim ends with its socket.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};

use crate::supervise::ShimArguments;
use crate::wire::{CHILD_COMMAND, SHIM_COMMAND};
use crate::{ChildLimits, WorkerConfig};

/// How long a process waits for a task before it is let go.
const LONGEST_IDLE: Duration = Duration::from_secs(30);

/// glibc's malloc asks for huge pages where the kernel offers them: a fresh process then meets some hundred page faults
/// instead of some hundred thousand.
const HUGE_PAGES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

/// A shim with its child, waiting for a job.
pub(crate) struct Prepared {
    pub(crate) shim: Child,
    pub(crate) messages: OwnedReadHalf,
    /// The shim ends everything when this is dropped.
    pub(crate) sending: OwnedWriteHalf,
    pub(crate) output: PipeReader,
}

impl Prepared {
    fn start(config: &WorkerConfig) -> io::Result<Self> {
        let (ours, theirs) = StdUnixStream::pair()?;
        let (output, output_of_child) = io::pipe()?;
        let mut command = shim_command(config);
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        command.stdout(Stdio::from(output_of_child.try_clone()?)).stderr(Stdio::from(output_of_child));
        let shim = command.spawn()?;
        // Our copies of the child's ends go with the command; without that the log would never end.
        drop(command);
        ours.set_nonblocking(true)?;
        let (messages, sending) = UnixStream::from_std(ours)?.into_split();
        Ok(Self { shim, messages, sending, output })
    }

    fn is_alive(&mut self) -> bool {
        matches!(self.shim.try_wait(), Ok(None))
    }
}

/// The process that waits for the next heavy task, if there is one.
#[derive(Clone, Default)]
pub(crate) struct Spare(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    process: Option<Prepared>,
    /// How many were ever put here.
    number: u64,
}

impl Spare {
    /// The waiting process, or a new one.
    pub(crate) fn take(&self, config: &WorkerConfig) -> io::Result<Prepared> {
        let waiting = self.waiting().process.take();
        if let Some(mut process) = waiting
            && process.is_alive()
        {
            return Ok(process);
        }
        Prepared::start(config)
    }

    /// Has one wait for the next task, for a while. Starting it blocks, so it is not done on the caller's thread.
    pub(crate) fn refill(&self, config: &WorkerConfig) {
        if self.waiting().process.is_some() {
            return;
        }
        let (spare, config) = (self.clone(), config.clone());
        tokio::spawn(async move {
            let started = tokio::task::spawn_blocking(move || Prepared::start(&config)).await;
            let process = match started {
                Ok(Ok(process)) => process,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "no process could be started ahead of the next task");
                    return;
                }
                Err(_) => return,
            };
            let number = spare.put(process);
            tokio::time::sleep(LONGEST_IDLE).await;
            let mut waiting = spare.waiting();
            if waiting.number == number {
                waiting.process = None;
            }
        });
    }

    /// Takes the place of one that waits already.
    fn put(&self, process: Prepared) -> u64 {
        let mut waiting = self.waiting();
        waiting.number += 1;
        waiting.process = Some(process);
        waiting.number
    }

    /// Lets the waiting process go.
    pub(crate) fn clear(&self) {
        self.waiting().process = None;
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shim_command(config: &WorkerConfig) -> Command {
    let ChildLimits { threads, nice, grace, .. } = config.limits;
    let child = vec![config.executable.clone().into_os_string(), CHILD_COMMAND.into()];
    let shim = ShimArguments { nice, grace, exec: false, argv: child };
    let mut command = Command::new(&config.executable);
    command.arg(SHIM_COMMAND).args(shim.encode());
    command.env_clear().envs(config.environment.iter().map(|(name, value)| (name, value)));
    command.env("RAYON_NUM_THREADS", threads.to_string()).env("POLARS_MAX_THREADS", threads.to_string());
    command.env(HUGE_PAGES.0, HUGE_PAGES.1);
    // Ctrl-C on the terminal is for the server, which then hands its tasks back.
    command.process_group(0);
    command
}
