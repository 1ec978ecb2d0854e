//! One run, event by event: every task that is ready is claimed at once, attempts end after the time they take, waits
//! before the next attempt are over when nothing else happens. Deterministic: of what happens at the same instant, tasks
//! go by their names.

use std::collections::BTreeMap;

use daybreak_core::{
    AttemptEnd, Awaited, DagGraph, Deferral, Event, Failure, Mark, Moment, Resumption, RunSnapshot, RunState,
    TaskProgress, TaskSnapshot, TaskState, TaskStatus, Wait, WorkerIdentity, advance,
};
use daybreak_protocol::Assignment;
use daybreak_runtime::rendered_parameters;
use daybreak_spec::{Dag, FlowTest, Mock, MockedCause, Name, Problem, RetryCause, Timestamp};
use serde_json::{Map, Value as Json};

use crate::FlowTests;

/// The instant of tests that name none.
const DEFAULT_AT: &str = "2026-01-01T00:00:00Z";
/// The id of every test's run.
const RUN_ID: &str = "00000000000000000000000000";
/// Draws for jitter.
const UNIFORM: f64 = 0.5;

/// A run that has been played.
#[derive(Clone, Debug)]
pub struct Played {
    /// How it ended; one that waits for something that never comes is still running.
    pub state: RunState,
    /// Its tasks.
    pub tasks: BTreeMap<Name, PlayedTask>,
}

/// A task of such a run.
#[derive(Clone, Debug, Default)]
pub struct PlayedTask {
    /// How it ended.
    pub state: Option<TaskState>,
    /// Attempts charged to it.
    pub attempts: u32,
    /// What it was given last; none where it never began or a value was missing.
    pub parameters: Option<Map<String, Json>>,
    /// The number of the event with which it first began.
    pub began: Option<u64>,
    /// The number of the event with which it ended.
    pub ended: Option<u64>,
}

/// An attempt that goes on.
struct Attempt {
    task: Name,
    fence: i64,
    ends_at: Timestamp,
    end: End,
}

/// What happens next; of what happens at the same instant, in this order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    /// The task's attempt, by its place.
    AttemptEnds(Name, usize),
    RetryDue(Name),
    WaitOver(Name),
    TooLong(Name),
    Overdue,
}

/// How it will end.
enum End {
    Reported(AttemptEnd),
    WorkerLost,
}

pub(crate) fn play(test: &FlowTest, tests: &mut FlowTests<'_>) -> Result<Played, Vec<Problem>> {
    let nothing = || vec![Problem::error("unknown_reference", test.dag.span, "there is no such DAG")];
    let dag = tests.project.dags.get(&test.dag.value).ok_or_else(nothing)?;
    let run = snapshot(dag, tests)?;
    let at = test.at.as_ref().map_or_else(|| Timestamp::parse(DEFAULT_AT), |at| Some(at.value));
    let at = at.expect("the default is an instant");
    let firings = tests.schedules.nominal(dag)?;
    let fires = firings.next_after(at.plus_micros(-1)) == Some(at);
    let mut params: Map<String, Json> =
        dag.params.iter().filter_map(|(key, param)| Some((key.clone(), param.default.as_ref()?.to_json()))).collect();
    params.extend(test.params.clone());
    let assignment = Assignment {
        task_run_id: RUN_ID.to_owned(),
        fence: 0,
        attempt: 0,
        run_id: RUN_ID.to_owned(),
        dag: test.dag.value.clone(),
        task: test.dag.value.clone(),
        kind: String::new(),
        project_hash: String::new(),
        project_root: tests.root.to_path_buf(),
        scheduled_for: fires.then_some(at),
        window_start: firings.previous_before(at),
        window_end: at,
        params,
        outputs: BTreeMap::new(),
        without_outputs: BTreeMap::new(),
        item: None,
        timeout_ms: None,
        waiting_since: None,
        token: String::new(),
    };
    let mocks = test.mocks.iter().map(|(name, mock)| (name, mock)).collect();
    let tasks = run.tasks.keys().map(|name| (name.clone(), PlayedTask::default())).collect();
    let mut stage = Stage {
        dag,
        mocks,
        assignment,
        run,
        tasks,
        attempts: Vec::new(),
        tried: BTreeMap::new(),
        ready_since: BTreeMap::new(),
        begun: at,
        now: at,
        events: 0,
    };
    stage.happens(&Event::Start);
    stage.run();
    Ok(stage.played())
}

/// The run as the server makes it.
fn snapshot(dag: &Dag, tests: &FlowTests<'_>) -> Result<RunSnapshot, Vec<Problem>> {
    let graph = DagGraph::build(dag)?;
    let mut snapshots = BTreeMap::new();
    for (name, task) in &dag.tasks {
        let kind = tests.catalog.get(&task.kind).ok_or_else(|| {
            vec![Problem::error("unknown_kind", task.kind.span, format!("there is no kind `{}`", task.kind.value))]
        })?;
        let snapshot = TaskSnapshot {
            parents: graph.parents(name).into_iter().cloned().collect(),
            trigger: task.trigger.clone(),
            tolerated: task.tolerated,
            retry: task.retry.clone().unwrap_or_else(|| dag.retry.clone()),
            gated: kind.gated,
            timeout_us: task.timeout.as_ref().map(|timeout| timeout.micros),
            // A list is played as one task: its mock says what the whole hands on.
            fan_out: None,
            progress: TaskProgress::new(),
        };
        snapshots.insert(name.clone(), snapshot);
    }
    Ok(RunSnapshot {
        state: RunState::Queued,
        cancel_requested: None,
        overdue: false,
        tasks: snapshots,
        needed_by: Default::default(),
    })
}

/// A run while it is played.
struct Stage<'a> {
    dag: &'a Dag,
    mocks: BTreeMap<&'a Name, &'a Mock>,
    /// What all tasks of the run are given.
    assignment: Assignment,
    run: RunSnapshot,
    tasks: BTreeMap<Name, PlayedTask>,
    attempts: Vec<Attempt>,
    /// How often each task was begun.
    tried: BTreeMap<Name, u32>,
    /// When each task first was ready.
    ready_since: BTreeMap<Name, Timestamp>,
    begun: Timestamp,
    now: Timestamp,
    events: u64,
}

impl Stage<'_> {
    fn run(&mut self) {
        while !self.run.state.status().is_terminal() {
            let ready = self.run.tasks.iter().filter(|(_, task)| task.progress.state == TaskState::Ready);
            let ready: Vec<Name> = ready.map(|(name, _)| name.clone()).collect();
            ready.iter().for_each(|task| self.begin(task));
            if ready.is_empty() && !self.next() {
                return;
            }
        }
    }

    /// Lets an event happen. One that does not fit the state is a mistake of this file, not of a test.
    fn happens(&mut self, event: &Event) {
        let moment = Moment { now: self.now, uniform: UNIFORM };
        let changes = advance(&self.run, event, moment).expect("only what fits the run's state happens in it");
        self.run.apply(&changes);
        self.events += 1;
        for (name, task) in &self.run.tasks {
            let played = self.tasks.entry(name.clone()).or_default();
            if task.progress.state.is_terminal() && played.ended.is_none() {
                played.ended = Some(self.events);
            }
            if task.progress.state == TaskState::Ready {
                self.ready_since.entry(name.clone()).or_insert(self.now);
            }
        }
    }

    /// A worker takes a task that is ready, and it is known how that will end.
    fn begin(&mut self, task: &Name) {
        let mock = self.mocks.get(task).copied().cloned().unwrap_or_default();
        if let Some(reason) = &mock.skipped {
            let mark = Mark::Skipped { reason: reason.clone() };
            return self.happens(&Event::Mark { task: task.clone(), mark });
        }
        let worker = WorkerIdentity { id: RUN_ID.to_owned(), epoch: 1 };
        self.happens(&Event::Claim { task: task.clone(), worker });
        let begun = self.tried.entry(task.clone()).or_default();
        *begun += 1;
        let tries = *begun;
        let rendered = self.rendered(task);
        let played = self.tasks.entry(task.clone()).or_default();
        played.began.get_or_insert(self.events);
        played.parameters = rendered.as_ref().ok().cloned();
        let snapshot = &self.run.tasks[task];
        let takes = mock.takes.as_ref().map_or(0, |takes| takes.micros);
        let (lasts, end) = match (rendered, snapshot.timeout_us) {
            (Err(reason), _) => (0, failed("bad_input", reason, false)),
            (Ok(parameters), Some(timeout)) if takes > timeout => {
                let takes = mock.takes.as_ref().map_or("", |takes| takes.text.as_str());
                too_long((takes, timeout), &parameters, self.now)
            }
            (Ok(_), _) => (takes, end_of(&mock, tries)),
        };
        let (fence, ends_at) = (snapshot.progress.fence, self.now.plus_micros(lasts));
        self.attempts.push(Attempt { task: task.clone(), fence, ends_at, end });
    }

    /// What the task is given, as a worker makes it; nothing for a list, whose items are not played.
    fn rendered(&self, task: &Name) -> Result<Map<String, Json>, String> {
        let declaration = &self.dag.tasks[task];
        if declaration.for_each.is_some() {
            return Ok(Map::new());
        }
        let outputs = self.run.ancestors(task.as_str()).into_iter().filter_map(|name| {
            match &self.run.tasks.get(name)?.progress.state {
                TaskState::Succeeded { outputs } => Some((name.clone(), outputs.clone())),
                _ => None,
            }
        });
        let without_outputs = self.run.ancestors(task.as_str()).into_iter().filter_map(|name| {
            let status = self.run.tasks.get(name)?.progress.state.status();
            (status != TaskStatus::Succeeded).then(|| (name.clone(), status))
        });
        let assignment = Assignment {
            without_outputs: without_outputs.collect(),
            task: task.clone(),
            kind: declaration.kind.value.clone(),
            attempt: self.run.tasks[task].progress.attempt,
            outputs: outputs.collect(),
            ..self.assignment.clone()
        };
        rendered_parameters(declaration, &assignment).map_err(|error| error.reason)
    }

    /// The next thing that happens. False: nothing will any more.
    fn next(&mut self) -> bool {
        let attempts = (0..self.attempts.len()).map(|at| {
            let attempt = &self.attempts[at];
            let asked = self.run.tasks[&attempt.task].progress.cancel_requested;
            (if asked { self.now } else { attempt.ends_at }, Next::AttemptEnds(attempt.task.clone(), at))
        });
        let waits = self.run.tasks.iter().filter_map(|(name, task)| match task.progress.state {
            TaskState::RetryWait { until, .. } => Some((until, Next::RetryDue(name.clone()))),
            TaskState::Deferred(Deferral { until: Some(until), .. }) => Some((until, Next::WaitOver(name.clone()))),
            _ => None,
        });
        let too_long = self.run.tasks.iter().filter_map(|(name, task)| {
            let limit = self.dag.tasks[name].total_timeout.as_ref()?.micros;
            let open = !task.progress.state.is_terminal() && !task.progress.cancel_requested;
            let since = self.ready_since.get(name).filter(|_| open)?;
            Some((since.plus_micros(limit), Next::TooLong(name.clone())))
        });
        let deadline = self.dag.deadline.as_ref().filter(|_| self.run.cancel_requested.is_none());
        let overdue = deadline.map(|deadline| (self.begun.plus_micros(deadline.micros), Next::Overdue));
        let Some((at, next)) = attempts.chain(waits).chain(too_long).chain(overdue).min() else { return false };
        self.now = self.now.max(at);
        match next {
            Next::AttemptEnds(_, at) => {
                let attempt = self.attempts.remove(at);
                self.end(attempt);
            }
            Next::RetryDue(task) => self.happens(&Event::RetryDue { task }),
            Next::WaitOver(task) => self.happens(&Event::WaitOver { task }),
            Next::TooLong(task) => {
                let limit = self.dag.tasks[&task].total_timeout.as_ref().map_or("", |limit| limit.text.as_str());
                let reason = format!("it took longer in all than its `total_timeout` of {limit}");
                let fence = self.run.tasks[&task].progress.fence;
                let failure = Failure { cause: "total_timeout".to_owned(), reason };
                self.happens(&Event::TotalTimedOut { task, fence, failure });
            }
            Next::Overdue => {
                let limit = self.dag.deadline.as_ref().map_or("", |limit| limit.text.as_str());
                self.happens(&Event::Overdue {
                    reason: format!("it had not ended {limit} after its start, which is the `deadline` of its DAG"),
                });
            }
        }
        true
    }

    fn end(&mut self, Attempt { task, fence, end, .. }: Attempt) {
        let progress = &self.run.tasks[&task].progress;
        // The server may have ended it meanwhile.
        if progress.fence != fence {
            return;
        }
        let end = if progress.cancel_requested { End::Reported(AttemptEnd::Cancelled) } else { end };
        self.happens(&match end {
            End::Reported(end) => Event::Report { task, fence, end },
            End::WorkerLost => Event::Lost { task, fence },
        });
    }

    fn played(mut self) -> Played {
        for (name, task) in self.run.tasks {
            let played = self.tasks.entry(name).or_default();
            played.attempts = task.progress.attempt;
            played.state = Some(task.progress.state);
        }
        Played { state: self.run.state, tasks: self.tasks }
    }
}

/// How a try ends (1-based).
fn end_of(mock: &Mock, tries: u32) -> End {
    let fails = mock.fails.as_ref().filter(|fails| fails.times.is_none_or(|times| tries <= times));
    let Some(fails) = fails else { return End::Reported(AttemptEnd::Succeeded { outputs: mock.outputs.clone() }) };
    let reason = fails.reason.clone().unwrap_or_else(|| "the test lets it fail".to_owned());
    let cause = match &fails.cause {
        MockedCause::Final(cause) => return failed(cause, reason, false),
        MockedCause::Tried(RetryCause::Lost) => return End::WorkerLost,
        MockedCause::Tried(RetryCause::Exit(code)) => format!("exit_{code}"),
        MockedCause::Tried(RetryCause::AnyExit) => "exit_1".to_owned(),
        MockedCause::Tried(RetryCause::Error) => "task_error".to_owned(),
        MockedCause::Tried(RetryCause::Timeout) => "timeout".to_owned(),
        MockedCause::Tried(RetryCause::OutOfMemory) => "out_of_memory".to_owned(),
        MockedCause::Tried(RetryCause::Crashed) => "crashed".to_owned(),
    };
    failed(&cause, reason, true)
}

/// The end of an attempt that would take longer than its timeout. A task that waits says itself what comes of that.
fn too_long((takes, timeout): (&str, i64), parameters: &Map<String, Json>, now: Timestamp) -> (i64, End) {
    let reason = format!("it takes {takes}, longer than its timeout");
    let at_limit = match parameters.get("at_timeout").and_then(Json::as_str) {
        None => return (timeout, failed("timeout", reason, true)),
        Some("skip") => Resumption::Skips { reason },
        Some("succeed") => Resumption::Succeeds { outputs: Map::from_iter([("timed_out".to_owned(), true.into())]) },
        Some(_) => Resumption::Fails(Failure { cause: "wait_timeout".to_owned(), reason }),
    };
    let condition = Awaited::Instant { at: now };
    let wait = Wait { condition, again_after_us: None, limit_us: Some(timeout), at_limit };
    (0, End::Reported(AttemptEnd::Deferred(wait)))
}

fn failed(cause: &str, reason: String, retry: bool) -> End {
    End::Reported(AttemptEnd::Failed { failure: Failure { cause: cause.to_owned(), reason }, retry })
}
