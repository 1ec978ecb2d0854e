//! "Why is this not running?": for a task of a run, and for the run itself, what it waits for, in words and as a kind that
//! programs can tell apart. Says what is, decides nothing: what follows from a state is `advance`'s word. To add an
//! answer: a variant of [`WhyKind`] and the arm that gives it.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_spec::{Name, Placement, Timestamp, item_of};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::state::{Deferral, Failure, FanOut, Resumption, RunSnapshot, RunState, TaskState, TaskStatus};

/// Tasks named in one answer; the others are counted.
const MOST_NAMED: usize = 5;

/// What kind of answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhyKind {
    /// Its run waits for its turn among the runs of its DAG.
    RunQueued,
    /// Tasks it needs have not ended.
    WaitsForTasks,
    /// It is ready and there is no worker that takes it.
    NoWorker,
    /// It is ready and no worker has had room for it yet.
    NoFreeSlot,
    /// It is ready and a limit has no slots for it.
    NoRoom,
    /// It failed or lost its worker, and is tried again later.
    Retry,
    /// It gave its slot back until a condition is met.
    Deferred,
    /// Nothing keeps it: it runs.
    Running,
    /// It did its work.
    Succeeded,
    /// It failed for good.
    Failed,
    /// It was not to be run.
    Skipped,
    /// A task it needs failed.
    UpstreamFailed,
    /// Somebody asked for its end.
    Cancelled,
    /// The DAG starts no run by itself.
    DagPaused,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Why {
    /// For programs.
    pub kind: WhyKind,
    /// For people: goes on where "the task" or "the run" begins.
    pub words: String,
}

/// What is known beside the run itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Around {
    /// Real time.
    pub now: Timestamp,
    /// The run of the same DAG that is running, if this one is queued.
    pub running_run: Option<String>,
    /// Runs of the same DAG that are queued before this one.
    pub queued_before: u64,
    /// Workers whose lease runs.
    pub workers: u64,
    /// Light tasks that run now, whatever their run.
    pub running_light: u64,
    /// Heavy tasks that run now.
    pub running_heavy: u64,
    /// Since when, by whom and why the DAG is paused.
    pub paused: Option<String>,
    /// Ready tasks that a limit has no room for, by name.
    pub limited: BTreeMap<Name, Limited>,
    /// Ready tasks that no worker takes, by name.
    pub unserved: BTreeMap<Name, Placement>,
}

/// What keeps a ready task from being handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limited {
    /// The limit, with the key that its slots are counted for: `gpu`, `customer:ana`.
    pub counter: String,
    /// Slots that running tasks have.
    pub taken: u64,
    /// Slots in all.
    pub slots: u64,
}

impl Why {
    fn new(kind: WhyKind, words: impl Into<String>) -> Self {
        Self { kind, words: words.into() }
    }
}

/// Why a run is not running, or what it does; a pause of its DAG is told beside it.
pub fn why_run(run: &RunSnapshot, around: &Around) -> Vec<Why> {
    let mut answers = vec![match &run.state {
        RunState::Queued => Why::new(WhyKind::RunQueued, format!("is {}", queued(around))),
        RunState::Running => Why::new(WhyKind::Running, "is running"),
        RunState::Succeeded => Why::new(WhyKind::Succeeded, "has succeeded"),
        RunState::Failed { reason } => Why::new(WhyKind::Failed, format!("has failed: {reason}")),
        RunState::Cancelled { reason } => Why::new(WhyKind::Cancelled, format!("was cancelled: {reason}")),
        RunState::Skipped { reason } => Why::new(WhyKind::Skipped, format!("was skipped: {reason}")),
    }];
    if let Some(pause) = &around.paused {
        let words =
            format!("belongs to a DAG that is paused {pause}; it starts no run by itself, runs that exist go on");
        answers.push(Why::new(WhyKind::DagPaused, words));
    }
    answers
}

/// Why a task of a run is not running, or that it is. `heavy`: it runs in a child process. None: the run has no such task.
pub fn why(run: &RunSnapshot, task: &str, heavy: bool, around: &Around) -> Option<Why> {
    let (_, snapshot) = run.task(task)?;
    let progress = &snapshot.progress;
    if run.state == RunState::Queued && !progress.state.is_terminal() {
        return Some(Why::new(WhyKind::RunQueued, format!("waits: its run is {}", queued(around))));
    }
    Some(match &progress.state {
        TaskState::Waiting if item_of(task).is_some() => waits_for_a_place(run, task),
        TaskState::Waiting => waits(run, &snapshot.parents),
        TaskState::Ready => match around.limited.get(task) {
            Some(limited) => no_room(limited),
            None => match around.unserved.get(task) {
                Some(placement) if around.workers > 0 => nobody_takes(placement),
                _ => ready(heavy, around),
            },
        },
        TaskState::Running(_) if progress.cancel_requested => {
            Why::new(WhyKind::Running, "is running, and its worker has been asked to end it")
        }
        TaskState::Running(_) => Why::new(WhyKind::Running, format!("is running (attempt {})", progress.attempt)),
        TaskState::Deferred(deferral) => match &snapshot.fan_out {
            Some(fan_out) => waits_for_items(fan_out),
            None => deferred(deferral),
        },
        TaskState::RetryWait { until, failure } => retry(*until, failure, around.now),
        TaskState::Succeeded { .. } => Why::new(WhyKind::Succeeded, "has succeeded"),
        TaskState::Failed(failure) => {
            let words = format!("failed: {}; `daybreak clear` runs it again with all that needs it", failure.reason);
            Why::new(WhyKind::Failed, words)
        }
        TaskState::Skipped { reason } => Why::new(WhyKind::Skipped, format!("was skipped: {reason}")),
        TaskState::UpstreamFailed { upstream } => upstream_failed(run, upstream),
        TaskState::Cancelled => {
            let reason = run.cancel_requested.as_deref().unwrap_or("somebody asked for its end");
            Why::new(WhyKind::Cancelled, format!("was cancelled: {reason}"))
        }
    })
}

fn queued(around: &Around) -> String {
    let before = match around.queued_before {
        0 => None,
        1 => Some("1 run that is queued before it".to_owned()),
        more => Some(format!("{more} runs that are queued before it")),
    };
    let running = around.running_run.as_ref().map(|run| format!("run {run}, which is running"));
    match (running, before) {
        (None, None) => "queued and starts next".to_owned(),
        (Some(one), None) | (None, Some(one)) => format!("queued behind {one}"),
        (Some(running), Some(before)) => format!("queued behind {running}, and {before}"),
    }
}

fn waits(run: &RunSnapshot, parents: &[Name]) -> Why {
    let open: Vec<&Name> = parents.iter().filter(|parent| has_not_ended(run, parent)).collect();
    if open.is_empty() {
        return Why::new(WhyKind::WaitsForTasks, "becomes ready at once: all that it needs has ended");
    }
    let mut words = format!("waits for {}", listed(run, &open));
    // Behind parents that wait themselves stands what keeps them.
    let behind: BTreeSet<&Name> = open
        .iter()
        .flat_map(|parent| run.ancestors(parent.as_str()))
        .filter(|task| has_not_ended(run, task) && status(run, task) != Some(TaskStatus::Waiting))
        .filter(|task| !open.contains(task))
        .collect();
    if !behind.is_empty() {
        let behind: Vec<&Name> = behind.into_iter().collect();
        words.push_str(&format!("; behind that {}", listed(run, &behind)));
    }
    Why::new(WhyKind::WaitsForTasks, words)
}

fn waits_for_items(fan_out: &FanOut) -> Why {
    let (all, counts) = (fan_out.items().len(), fan_out.counts());
    let ended = all - counts.open() as usize;
    let failed = if counts.failed > 0 { format!(", {} of them failed", counts.failed) } else { String::new() };
    let words = format!(
        "waits for its items: {ended} of {all} have ended{failed}; {} are ready or running and {} wait for their place",
        counts.busy, counts.waiting
    );
    Why::new(WhyKind::WaitsForTasks, words)
}

fn waits_for_a_place(run: &RunSnapshot, item: &str) -> Why {
    let of = item_of(item).and_then(|(of, _)| run.tasks.get(of)?.fan_out.as_ref());
    let most = of.map_or(0, |fan_out| fan_out.max_parallel);
    let words =
        format!("waits for its place: at most {most} items are ready, running or between two attempts at a time");
    Why::new(WhyKind::WaitsForTasks, words)
}

fn status(run: &RunSnapshot, task: &Name) -> Option<TaskStatus> {
    run.tasks.get(task).map(|task| task.progress.state.status())
}

fn has_not_ended(run: &RunSnapshot, task: &Name) -> bool {
    status(run, task).is_some_and(|status| !status.is_terminal())
}

/// "`a` (running), `b` (ready) and 7 more".
fn listed(run: &RunSnapshot, tasks: &[&Name]) -> String {
    let mut named: Vec<String> = tasks
        .iter()
        .take(MOST_NAMED)
        .map(|task| format!("`{task}` ({})", status(run, task).map_or("unknown", TaskStatus::as_str)))
        .collect();
    if tasks.len() > MOST_NAMED {
        named.push(format!("{} more", tasks.len() - MOST_NAMED));
    }
    match named.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => named.concat(),
    }
}

fn ready(heavy: bool, around: &Around) -> Why {
    if around.workers == 0 {
        let words = "is ready, but no worker is registered; `daybreak up` starts one";
        return Why::new(WhyKind::NoWorker, words);
    }
    let (class, running) = if heavy { ("heavy", around.running_heavy) } else { ("light", around.running_light) };
    let workers = if around.workers == 1 { "1 worker is" } else { &format!("{} workers are", around.workers) };
    let tasks = if running == 1 { "task runs" } else { "tasks run" };
    let words = format!(
        "is ready, but no worker has had a free slot for {class} tasks yet: {workers} registered, {running} {class} \
         {tasks} now"
    );
    Why::new(WhyKind::NoFreeSlot, words)
}

fn nobody_takes(placement: &Placement) -> Why {
    let Placement { queue, labels } = placement;
    let pairs: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={}", value.as_str())).collect();
    let (told, start) = match pairs.is_empty() {
        true => (String::new(), String::new()),
        false => (format!(" (labels {})", pairs.join(", ")), format!(" --labels {}", pairs.join(","))),
    };
    let words = format!(
        "is ready, but there is no worker for queue `{queue}`{told}; `daybreak worker --queues {queue}{start}` is one"
    );
    Why::new(WhyKind::NoWorker, words)
}

fn no_room(limited: &Limited) -> Why {
    let Limited { counter, taken, slots } = limited;
    let before = if taken < slots { ", and a task that needs more of them comes first" } else { "" };
    let words =
        format!("is ready, but limit `{counter}` has no room for it: {taken} of {slots} slots are taken{before}");
    Why::new(WhyKind::NoRoom, words)
}

fn retry(until: Timestamp, failure: &Failure, now: Timestamp) -> Why {
    let left_us = until.micros.saturating_sub(now.micros);
    let when = if left_us > 0 {
        format!("at {until} (in {} s)", (left_us + 999_999) / 1_000_000)
    } else {
        "at once".to_owned()
    };
    Why::new(WhyKind::Retry, format!("is tried again {when} after {}: {}", failure.cause, failure.reason))
}

fn deferred(deferral: &Deferral) -> Why {
    let condition = &deferral.condition;
    let mut words = match deferral.ends_at {
        Some(ends_at) => format!("gave its slot back and waits until {ends_at} at the latest for {condition}"),
        None => format!("gave its slot back and waits for {condition}"),
    };
    if let Some(next) = deferral.until.filter(|_| deferral.at_timeout == Resumption::Continues) {
        words.push_str(&format!("; looks again at {next}"));
    }
    Why::new(WhyKind::Deferred, words)
}

fn upstream_failed(run: &RunSnapshot, upstream: &Name) -> Why {
    let because = match run.tasks.get(upstream).map(|task| &task.progress.state) {
        Some(TaskState::Failed(failure)) => format!("`{upstream}`, which it needs, failed: {}", failure.reason),
        Some(TaskState::Cancelled) => format!("`{upstream}`, which it needs, was cancelled"),
        _ => format!("`{upstream}`, which it needs, had failed, and it was not run again since"),
    };
    Why::new(WhyKind::UpstreamFailed, format!("was left out because {because}"))
}
