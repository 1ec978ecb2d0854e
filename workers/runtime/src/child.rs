//! The task's own process: reads its job, runs the task, answers. It may be killed at any instruction; what it leaves
//! behind counts only through the answer or through calls that carry the attempt's fence.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybreak_artifacts::Artifacts;
use daybreak_protocol::{Client, Outcome};
use rustix::process::{
    Resource, Rlimit, Signal, WaitOptions, getpid, getppid, set_child_subreaper, set_parent_process_death_signal,
    setrlimit, wait,
};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::process_tree::signal_descendants;
use crate::wire::{FromChild, Job, line};
use crate::{Registry, Secrets, Task, TaskContext, TaskError, cgroup, ending, project};

/// How long what a task started may resist SIGKILL.
const UNKILLABLE: Duration = Duration::from_secs(10);

/// How long the worker may take to read what was printed last.
const OUTPUT_OVERDUE: Duration = Duration::from_secs(2);

/// Runs the hidden command [`crate::CHILD_COMMAND`]. Its stdin is the socket to the worker, its stdout and stderr are
/// the task's log. Needs a multi-threaded runtime, because tasks may block.
pub async fn child_main(registry: Registry) -> ExitCode {
    match run(&registry).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("the task's process cannot begin or cannot answer: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(registry: &Registry) -> io::Result<ExitCode> {
    let mut worker = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut terminate = signal(SignalKind::terminate())?;
    let shim = getppid();
    // The shim ends us and all we start; should the shim itself be killed, we have to.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    set_child_subreaper(Some(getpid()))?;
    let mut text = String::new();
    let mut lines = BufReader::new(worker.try_clone()?);
    lines.read_line(&mut text)?;
    if text.is_empty() {
        // Nobody had a task for it.
        return Ok(ExitCode::SUCCESS);
    }
    let mut secrets = String::new();
    lines.read_line(&mut secrets)?;
    worker.write_all(&line(&FromChild::Started))?;
    let job: Job = serde_json::from_str(&text).map_err(io::Error::other)?;
    cgroup::enter(&job.doors)?;
    limit_memory(job.memory_bytes)?;
    let secrets = Secrets::of_line(&secrets).map_err(io::Error::other)?;

    let (outcome, busy_us) = match prepare(registry, job, secrets).await {
        Err(error) => (ending::failed(error), 0),
        Ok((task, context)) => {
            let (cancel, acts_outside) = (context.cancel(), task.definition().side_effects);
            let begun = Instant::now();
            // Off the runtime's own threads, so that a task that blocks does not keep signals from being heard.
            let mut running = spawn_blocking(move || Handle::current().block_on(task.run(&context)));
            let ended = tokio::select! {
                ended = &mut running => ended,
                _ = terminate.recv() => {
                    cancel.set();
                    if getppid() != shim {
                        end_descendants();
                        std::process::exit(1);
                    }
                    if !acts_outside {
                        // Nothing of it can be seen yet, so there is nothing to tidy.
                        std::process::exit(128 + 15);
                    }
                    running.await
                }
            };
            (ending::of_task(ended), ending::micros(begun.elapsed()))
        }
    };
    let crashed = matches!(&outcome, Outcome::Failed { cause, .. } if cause == "crashed");
    output_taken_up();
    worker.write_all(&line(&FromChild::Ended { outcome, busy_us }))?;
    Ok(if crashed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Waits until the worker has read all that was printed, so that its answer can be believed before this process is gone.
fn output_taken_up() {
    let _ = io::stdout().flush();
    let give_up = Instant::now() + OUTPUT_OVERDUE;
    while rustix::io::ioctl_fionread(io::stdout()).is_ok_and(|left| left > 0) && Instant::now() < give_up {
        std::thread::park_timeout(Duration::from_micros(200));
    }
}

/// For this process and all that it starts.
fn limit_memory(bytes: Option<u64>) -> io::Result<()> {
    let Some(bytes) = bytes else { return Ok(()) };
    // Not the address space: LMDB's large map and Polars' reservations would not fit.
    setrlimit(Resource::Data, Rlimit { current: Some(bytes), maximum: Some(bytes) })?;
    Ok(())
}

/// Without a shim: nobody else can find what the task has started.
fn end_descendants() {
    let give_up = Instant::now() + UNKILLABLE;
    while signal_descendants(getpid(), Signal::KILL) > 0 && Instant::now() < give_up {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    }
}

async fn prepare(registry: &Registry, job: Job, secrets: Secrets) -> Result<(Arc<dyn Task>, TaskContext), TaskError> {
    let task = registry.get(&job.assignment.kind).ok_or_else(|| ending::unknown_kind(&job.assignment.kind))?;
    let artifacts = Artifacts::open(&job.artifacts)
        .map_err(|error| TaskError::passing(format!("the artefact store cannot be opened: {error}")))?;
    let project = Arc::new(project::load(&artifacts, &job.assignment.project_hash).await?);
    let client = Client::new(&job.server_url, &job.assignment.token);
    let context = TaskContext::new(job.assignment, project, artifacts, Arc::new(client), job.data_dir);
    let executable = std::env::current_exe()
        .map_err(|error| TaskError::passing(format!("the running binary cannot be found: {error}")))?;
    Ok((task, context.with_secrets(secrets).starting_programs_by(executable)))
}
