//! One attempt from its assignment to its report. A report is sent until the server has taken it or the attempt is no
//! longer ours; the task stays held meanwhile, so that nobody else starts it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use daybreak_artifacts::LogName;
use daybreak_protocol::{Assignment, Error, Outcome, Report};
use daybreak_spec::Project;
use tokio::sync::OwnedSemaphorePermit;

use crate::heavy::Start;
use crate::held::{Hold, Stop};
use crate::mask::Mask;
use crate::wire::Job;
use crate::worker::Worker;
use crate::{AttemptLog, Secrets, Task, TaskContext, TaskError, ending, heavy, light, project};

/// Waits between reports that the server could not take.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long a report waits for the end of its log to be readable elsewhere.
const LOG_OVERDUE: Duration = Duration::from_secs(10);

/// How an attempt ended.
pub(crate) enum End {
    /// By itself or by its timeout.
    Itself(Outcome),
    /// Because it was told to.
    Stopped,
}

pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) busy_us: u64,
    pub(crate) start_us: u64,
}

/// Waits for an instant; for none, for ever.
pub(crate) async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

/// Runs the attempt and reports how it ended.
pub(crate) async fn run(worker: &Worker, assignment: Assignment, mut hold: Hold, slot: OwnedSemaphorePermit) {
    let (task_run_id, fence) = (assignment.task_run_id.clone(), assignment.fence);
    let (run_id, task, attempt) = (assignment.run_id.clone(), assignment.task.clone(), assignment.attempt);
    let writer = match LogName::new(&run_id, &task, attempt, fence) {
        Ok(name) => worker.artifacts.log_writer(&name),
        Err(error) => {
            tracing::error!(run.id = run_id, task.name = %task, %error, "an assignment names no run: dropped");
            return;
        }
    };
    let prepared = prepare(worker, &assignment).await;
    let mask = prepared.as_ref().map_or_else(|_| Mask::default(), |prepared| Mask::of(&prepared.secrets));
    let log = AttemptLog::new(writer, mask.clone());
    let ended = match prepared {
        Ok(prepared) => execute(worker, assignment, prepared, (&log, &mut hold)).await,
        Err(error) => Ended { end: End::Itself(ending::failed(error)), busy_us: 0, start_us: 0 },
    };
    log.finish();
    let outcome = match (ended.end, hold.why()) {
        (_, Some(Stop::Revoked)) => {
            tracing::info!(run.id = run_id, task.name = %task, attempt, "the task was revoked and has been ended");
            return;
        }
        (End::Itself(outcome), _) => mask.outcome(outcome),
        (End::Stopped, Some(Stop::Draining)) => Outcome::HandedBack,
        (End::Stopped, _) => Outcome::Cancelled,
    };
    match &outcome {
        Outcome::Failed { reason, cause, .. } => {
            log.line(&format!("daybreak: attempt {attempt} failed ({cause}): {reason}"));
            tracing::warn!(run.id = run_id, task.name = %task, attempt, cause, reason, "the attempt failed");
        }
        Outcome::Cancelled => log.line(&format!("daybreak: attempt {attempt} was cancelled")),
        Outcome::HandedBack => log.line(&format!("daybreak: attempt {attempt} was handed back, its worker stops")),
        Outcome::Succeeded(_) | Outcome::Deferred(_) => {}
    }
    // The slot is free, and whoever asks for work goes first: the commit that takes the report can then give the next task.
    drop(slot);
    tokio::task::yield_now().await;
    match tokio::time::timeout(LOG_OVERDUE, log.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(run.id = run_id, task.name = %task, attempt, error = %error, "the end of the log is lost");
        }
        Err(_) => tracing::warn!(run.id = run_id, task.name = %task, attempt, "the end of the log comes later"),
    }
    drop(log);
    let report = Report { task_run_id, fence, outcome, busy_us: ended.busy_us, start_us: ended.start_us };
    send(worker, report, &hold).await;
}

/// What an attempt is begun with.
struct Prepared {
    kind: Arc<dyn Task>,
    project: Arc<Project>,
    secrets: Secrets,
    /// `memory:` of the task.
    memory_bytes: Option<u64>,
}

async fn prepare(worker: &Worker, assignment: &Assignment) -> Result<Prepared, TaskError> {
    let kind = worker.registry.get(&assignment.kind).ok_or_else(|| ending::unknown_kind(&assignment.kind))?;
    let project = worker.projects.get(&worker.artifacts, &assignment.project_hash).await?;
    let task = project::task(&project, assignment)?;
    let folder = project.secrets.folder.as_ref().map(|folder| assignment.project_root.join(&folder.value));
    let secrets = worker.config.secrets.of_task(task, folder.as_deref())?;
    let memory_bytes = task.memory_bytes.as_ref().map(|bytes| bytes.value);
    Ok(Prepared { kind, project, secrets, memory_bytes })
}

async fn execute(
    worker: &Worker,
    assignment: Assignment,
    prepared: Prepared,
    (log, hold): (&AttemptLog, &mut Hold),
) -> Ended {
    let Prepared { kind, project, secrets, memory_bytes } = prepared;
    let timeout = assignment.timeout_ms.map(Duration::from_millis);
    let data_dir = worker.config.data_dir.clone();
    if !kind.definition().heavy {
        let (artifacts, orchestrator) = (worker.artifacts.clone(), worker.orchestrator.clone());
        let context = TaskContext::new(assignment, project, artifacts, orchestrator, data_dir);
        let context = context.logging_to(log.clone()).with_secrets(secrets);
        let context = context.asking_buckets(worker.config.buckets.clone());
        return light::run(kind, context, timeout, hold).await;
    }
    let job = Job {
        assignment,
        server_url: worker.config.server_url.clone(),
        artifacts: worker.artifacts.place(),
        data_dir,
        memory_bytes: memory_bytes.or(worker.config.limits.memory_bytes),
        doors: Vec::new(),
    };
    let start = Start { config: &worker.config, spare: &worker.spare, job, timeout, log: log.clone(), secrets };
    heavy::run(start, hold).await
}

/// Tells the server how an attempt ended until that has decided. What it cannot be told at once is kept on the disk; whether
/// the attempt is still ours its fence says, not what was heard meanwhile.
async fn send(worker: &Worker, mut report: Report, hold: &Hold) {
    let (mut pause, mut kept) = (FIRST_PAUSE, false);
    loop {
        match worker.orchestrator.report(report.clone()).await {
            Ok(()) => break,
            Err(error @ Error::Unavailable { .. }) => {
                tracing::warn!(task.run.id = report.task_run_id, %error, "the server takes no report: trying again");
                if !kept {
                    kept = keep(worker, &report).await;
                    hold.kept(kept);
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(Error::Refused(detail)) if matches!(report.outcome, Outcome::Succeeded(_) | Outcome::Deferred(_)) => {
                let reason = format!("the server refused the task's result: {detail}");
                report.outcome = Outcome::Failed { reason, cause: "task_error".to_owned(), retry: false };
            }
            // Somebody else owns the task or it has ended: the result is not wanted.
            Err(error) => {
                tracing::info!(task.run.id = report.task_run_id, %error, "the result was dropped");
                break;
            }
        }
    }
    if kept {
        worker.spool.forget(&report.task_run_id, report.fence);
    }
}

async fn keep(worker: &Worker, report: &Report) -> bool {
    let (spool, report) = (worker.spool.clone(), report.clone());
    match tokio::task::spawn_blocking(move || spool.keep(&report)).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "a report that the server does not take could not be kept on the disk");
            false
        }
        Err(_) => false,
    }
}

/// Tells what an earlier process of this worker could not.
pub(crate) async fn tell_left(worker: &Worker) {
    let spool = worker.spool.clone();
    let left = tokio::task::spawn_blocking(move || spool.left()).await.unwrap_or_default();
    for report in left {
        let (mut pause, id) = (FIRST_PAUSE, report.task_run_id.clone());
        loop {
            match worker.orchestrator.report(report.clone()).await {
                Ok(()) => {
                    tracing::info!(task.run.id = id, "a report from before this process began was taken");
                    break;
                }
                Err(Error::Unavailable { .. }) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => {
                    tracing::warn!(task.run.id = id, %error, "a report from before this process began was dropped");
                    break;
                }
            }
        }
        worker.spool.forget(&id, report.fence);
    }
}
