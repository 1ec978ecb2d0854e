//! The shim: a small process between a worker and a task's process that never outlives its purpose. It sets the limits,
//! becomes the reaper of everything the task starts, passes the messages on, and when the worker asks (SIGTERM) or is
//! gone (end of stdin) it ends the whole tree before it ends itself. It must never run a task's code.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitCode};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

use crate::process_tree::signal_descendants;

/// The shim's exit code when it could not start the task's process; the reason is on stderr.
pub(crate) const NOT_STARTED: u8 = 125;
/// How long a tree may resist SIGKILL (a process in an uninterruptible read) before the shim gives up.
const UNKILLABLE: Duration = Duration::from_secs(30);

/// What the shim is told on its command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ShimArguments {
    pub(crate) nice: i32,
    pub(crate) grace: Duration,
    /// Become the program instead of watching over it.
    pub(crate) exec: bool,
    pub(crate) argv: Vec<OsString>,
}

impl ShimArguments {
    /// For [`become_program`].
    pub(crate) fn become_program(argv: Vec<OsString>) -> Self {
        Self { nice: 0, grace: Duration::ZERO, exec: true, argv }
    }

    /// Everything after the shim's own name on its command line.
    pub(crate) fn encode(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        words.extend(["--nice".into(), self.nice.to_string().into()]);
        words.extend(["--grace-ms".into(), self.grace.as_millis().to_string().into()]);
        if self.exec {
            words.push("--exec".into());
        }
        words.push("--".into());
        words.extend(self.argv.iter().cloned());
        words
    }

    fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut parsed = Self { nice: 0, grace: Duration::from_secs(5), exec: false, argv: Vec::new() };
        while let Some(word) = words.next() {
            let mut number = || {
                let text = words.next().unwrap_or_default();
                text.to_str().and_then(|text| text.parse::<u64>().ok()).ok_or(format!("{word:?} needs a whole number"))
            };
            match word.to_str() {
                Some("--nice") => parsed.nice = i32::try_from(number()?.min(19)).expect("at most 19"),
                Some("--grace-ms") => parsed.grace = Duration::from_millis(number()?),
                Some("--exec") => parsed.exec = true,
                Some("--") => {
                    parsed.argv = words.collect();
                    break;
                }
                _ => return Err(format!("unknown option {word:?}")),
            }
        }
        if parsed.argv.is_empty() { Err("no program to run was given after `--`".to_owned()) } else { Ok(parsed) }
    }
}

/// Runs the hidden command [`crate::SHIM_COMMAND`]: `BINARY task-shim [OPTIONS] -- PROGRAM ARGUMENTS…`. The exit code is
/// the program's, or 128 + the signal that ended it.
pub fn supervise_main() -> ExitCode {
    let arguments = match ShimArguments::parse(std::env::args_os().skip(2)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("task-shim: {problem}");
            return ExitCode::from(NOT_STARTED);
        }
    };
    let ended = if arguments.exec { Err(become_program(&arguments)) } else { run(&arguments) };
    ended.unwrap_or_else(|error| {
        let program = arguments.argv[0].to_string_lossy();
        eprintln!("could not start `{program}`: {error}");
        ExitCode::from(if arguments.exec { 127 } else { NOT_STARTED })
    })
}

/// Turns this process into the program, which the kernel ends when the process that started it dies.
fn become_program(arguments: &ShimArguments) -> io::Error {
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    Command::new(&arguments.argv[0]).args(&arguments.argv[1..]).exec()
}

fn run(arguments: &ShimArguments) -> io::Result<ExitCode> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(supervise(arguments))
}

async fn supervise(arguments: &ShimArguments) -> io::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child_ended = signal(SignalKind::child())?;
    let (ours, theirs) = StdUnixStream::pair()?;
    let worker = socket(StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))?;
    let main = Pid::from_child(&start(arguments, theirs)?);
    let (worker_read, worker_write) = worker.into_split();
    let (child_read, child_write) = socket(ours)?.into_split();
    let mut to_child = tokio::spawn(pass_on(worker_read, child_write));
    let to_worker = tokio::spawn(pass_on(child_read, worker_write));

    let mut kill_at: Option<Instant> = None;
    let mut status = None;
    while status.is_none() {
        status = reap(main).status;
        if status.is_some() {
            break;
        }
        tokio::select! {
            _ = child_ended.recv() => {}
            _ = terminate.recv() => {
                signal_descendants(rustix::process::getpid(), Signal::TERM);
                kill_at.get_or_insert(Instant::now() + arguments.grace);
            }
            // The worker is gone, or has no more use for us.
            _ = &mut to_child => break,
            () = sleep(kill_at.map_or(Duration::MAX, |at| at - Instant::now())), if kill_at.is_some() => break,
        }
    }
    let status = end_tree(main, status).await;
    // What the task said last; nothing holds the other end any more.
    let _ = timeout(Duration::from_secs(1), to_worker).await;
    Ok(exit_code(status))
}

fn socket(stream: StdUnixStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// Starts the program. The limits are set on the shim itself, because what a process sets before it starts another is
/// inherited, without code between fork and exec.
fn start(arguments: &ShimArguments, stdin: StdUnixStream) -> io::Result<Child> {
    rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // No program of a task gains rights by being started, whoever owns its file.
    rustix::thread::set_no_new_privs(true)?;
    if arguments.nice > 0 {
        rustix::process::nice(arguments.nice)?;
    }
    // When the machine runs out of memory, the task goes first and the shim, which has to clear up, does not.
    let own_score = std::fs::read_to_string("/proc/self/oom_score_adj");
    let raised = own_score.is_ok() && std::fs::write("/proc/self/oom_score_adj", "700").is_ok();
    let child = Command::new(&arguments.argv[0])
        .args(&arguments.argv[1..])
        .stdin(OwnedFd::from(stdin))
        .process_group(0)
        .spawn();
    if let (true, Ok(score)) = (raised, own_score) {
        // Without the right to lower it again the shim is as likely a victim as the task: no harm done.
        let _ = std::fs::write("/proc/self/oom_score_adj", score);
    }
    child
}

/// Passes bytes on until `from` ends. When `to` is gone it still waits for that end.
async fn pass_on(mut from: OwnedReadHalf, to: OwnedWriteHalf) {
    let (mut to, mut buffer) = (Some(to), vec![0; 16 << 10]);
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(read) => read,
        };
        if let Some(open) = &mut to
            && open.write_all(&buffer[..read]).await.is_err()
        {
            to = None;
        }
    }
}

/// Takes leave of every process that has ended.
fn reap(main: Pid) -> Reaped {
    let mut status = None;
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, ended))) if pid == main => status = Some(ended),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Reaped { status, nothing_left: false },
            // Whatever loses its parent becomes the shim's own child: without children there is nothing below.
            Err(_) => return Reaped { status, nothing_left: true },
        }
    }
}

/// What [`reap`] found.
struct Reaped {
    /// The main process's, if it was among them.
    status: Option<WaitStatus>,
    nothing_left: bool,
}

/// Kills until nothing is left below the shim.
async fn end_tree(main: Pid, mut status: Option<WaitStatus>) -> Option<WaitStatus> {
    let give_up = Instant::now() + UNKILLABLE;
    let mut pause = Duration::from_micros(200);
    loop {
        let reaped = reap(main);
        status = reaped.status.or(status);
        if reaped.nothing_left {
            return status;
        }
        let left = signal_descendants(rustix::process::getpid(), Signal::KILL);
        if Instant::now() > give_up {
            eprintln!("task-shim: {left} processes of the task cannot be killed");
            return status;
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn exit_code(status: Option<WaitStatus>) -> ExitCode {
    let code = status.and_then(|status| {
        let signalled = status.terminating_signal().map(|signal| 128 + signal);
        status.exit_status().or(signalled).and_then(|code| u8::try_from(code).ok())
    });
    ExitCode::from(code.unwrap_or(128 + 9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_read_as_it_was_written() {
        let arguments = ShimArguments {
            nice: 10,
            grace: Duration::from_millis(1500),
            exec: true,
            argv: vec!["daybreak".into(), "--".into(), "--nice".into()],
        };
        assert_eq!(ShimArguments::parse(arguments.encode().into_iter()), Ok(arguments));
    }

    #[test]
    fn a_malformed_command_line_is_refused() {
        for words in [&["--"][..], &["--nice", "x", "--", "a"], &["--grace-ms"], &["a"]] {
            assert!(ShimArguments::parse(words.iter().map(OsString::from)).is_err(), "{words:?}");
        }
    }
}
