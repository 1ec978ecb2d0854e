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
    Signal, WaitOptions, getpid, getppid, set_child_subreaper, set_parent_process_death_signal, wait,
};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;

use crate::process_tree::signal_descendants;
use crate::wire::{FromChild, Job, line};
use crate::{Registry, Task, TaskContext, TaskError, ending, project};

/// How long what a task started may resist SIGKILL.
const UNKILLABLE: Duration = Duration::from_secs(10);

/// Runs the hidden command [`crate::CHILD_COMMAND`]. Its stdin is the socket to the worker, its stdout and stderr are
/// the task's log. Needs a multi-threaded runtime, because tasks may block.
pub async fn child_main(registry: Registry) -> ExitCode {
    match run(&registry).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("the task's process cannot talk to its worker: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(registry: &Registry) -> io::Result<ExitCode> {
    let mut worker = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    worker.write_all(&line(&FromChild::Started))?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shim = getppid();
    // The shim ends us and all we start; should the shim itself be killed, we have to.
    set_parent_process_death_signal(Some(Signal::TERM))?;
    set_child_subreaper(Some(getpid()))?;
    let mut text = String::new();
    BufReader::new(worker.try_clone()?).read_line(&mut text)?;
    let job: Job = serde_json::from_str(&text).map_err(io::Error::other)?;

    let (outcome, busy_us) = match prepare(registry, job).await {
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
    worker.write_all(&line(&FromChild::Ended { outcome, busy_us }))?;
    Ok(if crashed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Without a shim: nobody else can find what the task has started.
fn end_descendants() {
    let give_up = Instant::now() + UNKILLABLE;
    while signal_descendants(getpid(), Signal::KILL) > 0 && Instant::now() < give_up {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    }
}

async fn prepare(registry: &Registry, job: Job) -> Result<(Arc<dyn Task>, TaskContext), TaskError> {
    let task = registry.get(&job.assignment.kind).ok_or_else(|| ending::unknown_kind(&job.assignment.kind))?;
    let artifacts = Artifacts::local(&job.artifacts)
        .map_err(|error| TaskError::passing(format!("the artefact store cannot be opened: {error}")))?;
    let project = Arc::new(project::load(&artifacts, &job.assignment.project_hash).await?);
    let client = Client::new(&job.server_url, &job.assignment.token);
    let context = TaskContext::new(job.assignment, project, artifacts, Arc::new(client), job.data_dir);
    let executable = std::env::current_exe()
        .map_err(|error| TaskError::passing(format!("the running binary cannot be found: {error}")))?;
    Ok((task, context.starting_programs_by(executable)))
}
