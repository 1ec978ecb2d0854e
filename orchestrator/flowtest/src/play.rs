//! One run, event by event: every task that is ready is claimed at once, attempts end after the time they take, waits
//! before the next attempt are over when nothing else happens. A task that is done once per item gets its list as it becomes
//! ready, as on a server, and its items are played one by one. Deterministic: of what happens at the same instant, tasks
//! go by their names and items by their places.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_core::{
    AttemptEnd, Deferral, Event, Failure, Handed, Mark, Moment, RunSnapshot, RunState, TaskProgress, TaskSnapshot,
    TaskState, TaskStatus, Values, WorkerIdentity, advance,
};
use daybreak_protocol::{AssignedItem, Assignment};
use daybreak_runtime::rendered_parameters;
use daybreak_spec::{Dag, FlowTest, Mock, Name, Problem, Task, Timestamp};
use serde_json::{Map, Value as Json};

use crate::FlowTests;
use crate::ends::{End, end_of, failed, too_long};
use crate::made::snapshot;

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
    /// Its tasks, and the items of those that are done once per item.
    pub tasks: BTreeMap<Name, PlayedTask>,
    /// How many items lists had; none of a list that nobody asked for.
    pub items: BTreeMap<Name, usize>,
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
    AttemptEnds(InOrder, usize),
    RetryDue(InOrder),
    WaitOver(InOrder),
    TooLong(Name),
    Overdue,
}

/// A task or an item; items go by their places, `score[2]` before `score[10]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct InOrder {
    of: String,
    place: Option<u32>,
    name: Name,
}

impl InOrder {
    fn new(name: &Name) -> Self {
        let (of, place) = name.item().map_or((name.as_str(), None), |(of, place)| (of, Some(place)));
        Self { of: of.to_owned(), place, name: name.clone() }
    }
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
    let mocks = test.mocks.iter().map(|(name, mock)| (&name.value, mock)).collect();
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
            let ready = self.all().filter(|(_, task)| task.progress.state == TaskState::Ready);
            let ready: BTreeSet<InOrder> = ready.map(|(name, _)| InOrder::new(name)).collect();
            ready.iter().for_each(|task| self.begin(&task.name));
            if ready.is_empty() && !self.next() {
                return;
            }
        }
    }

    /// Its tasks and the items of their lists.
    fn all(&self) -> impl Iterator<Item = (&Name, &TaskSnapshot)> {
        let items = self.run.tasks.values().filter_map(|task| task.fan_out.as_ref());
        let items = items.flat_map(|fan_out| fan_out.items()).map(|item| (&item.name, &item.task));
        self.run.tasks.iter().chain(items)
    }

    /// The task's own part of the run, or the item's.
    fn progress(&self, name: &Name) -> &TaskProgress {
        let (_, task) = self.run.task(name.as_str()).expect("what is played is in the run");
        &task.progress
    }

    /// As declared; of an item, its task.
    fn declared(&self, name: &Name) -> &Task {
        &self.dag.tasks[name.item().map_or(name.as_str(), |(of, _)| of)]
    }

    /// What the test says of it; of an item, what it says of its task unless it names the item.
    fn mock(&self, name: &Name) -> Mock {
        let of_whole = || self.mocks.iter().find(|(task, _)| name.item().is_some_and(|(of, _)| of == task.as_str()));
        let mock = self.mocks.get(name).or_else(|| of_whole().map(|(_, mock)| mock));
        mock.copied().cloned().unwrap_or_default()
    }

    /// Lets an event happen. One that does not fit the state is a mistake of this file, not of a test.
    fn happens(&mut self, event: &Event) {
        let moment = Moment { now: self.now, uniform: UNIFORM };
        let changes = advance(&self.run, event, moment).expect("only what fits the run's state happens in it");
        self.run.apply(&changes);
        self.events += 1;
        for change in &changes.tasks {
            let played = self.tasks.entry(change.task.clone()).or_default();
            if change.after.state.is_terminal() && played.ended.is_none() {
                played.ended = Some(self.events);
            }
            if change.after.state == TaskState::Ready {
                self.ready_since.entry(change.task.clone()).or_insert(self.now);
            }
        }
    }

    /// A worker takes a task that is ready, and it is known how that will end.
    fn begin(&mut self, task: &Name) {
        let mock = self.mock(task);
        if let Some(reason) = &mock.skipped {
            let mark = Mark::Skipped { reason: reason.clone() };
            return self.happens(&Event::Mark { task: task.clone(), mark });
        }
        if let Some(for_each) = self.declared(task).for_each.as_ref().filter(|_| task.item().is_none()) {
            return self.make_list(task, &for_each.list.to_json());
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
        let (_, snapshot) = self.run.task(task.as_str()).expect("it has just been claimed");
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

    /// A task that is done once per item has become ready: it gets its list, or fails.
    fn make_list(&mut self, task: &Name, declared: &Json) {
        let tasks = &self.run.tasks;
        let handed = |task: &Name| Handed::of(tasks.get(task).map(|task| &task.progress.state));
        let values = Values {
            run_id: RUN_ID,
            dag: self.assignment.dag.as_str(),
            scheduled_for: self.assignment.scheduled_for,
            window_start: self.assignment.window_start,
            window_end: self.assignment.window_end,
            params: &self.assignment.params,
            handed: &handed,
            item: None,
        };
        let list = values.list(declared);
        self.happens(&Event::FanOut { task: task.clone(), list });
        self.tasks.entry(task.clone()).or_default().began.get_or_insert(self.events);
    }

    /// What the task is given, as a worker makes it.
    fn rendered(&self, task: &Name) -> Result<Map<String, Json>, String> {
        let declaration = self.declared(task);
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
            attempt: self.progress(task).attempt,
            outputs: outputs.collect(),
            item: self.item(task),
            ..self.assignment.clone()
        };
        rendered_parameters(declaration, &assignment).map_err(|error| error.reason)
    }

    /// What an item is for.
    fn item(&self, task: &Name) -> Option<AssignedItem> {
        let (of, index) = task.item()?;
        let list = self.run.tasks.get(of)?.fan_out.as_ref()?.list()?;
        Some(AssignedItem { value: list.get(index as usize)?.clone(), index })
    }

    /// The next thing that happens. False: nothing will any more.
    fn next(&mut self) -> bool {
        let attempts = (0..self.attempts.len()).map(|at| {
            let attempt = &self.attempts[at];
            let asked = self.progress(&attempt.task).cancel_requested;
            (if asked { self.now } else { attempt.ends_at }, Next::AttemptEnds(InOrder::new(&attempt.task), at))
        });
        let waits = self.all().filter_map(|(name, task)| match task.progress.state {
            TaskState::RetryWait { until, .. } => Some((until, Next::RetryDue(InOrder::new(name)))),
            TaskState::Deferred(Deferral { until: Some(until), .. }) => {
                Some((until, Next::WaitOver(InOrder::new(name))))
            }
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
            Next::RetryDue(InOrder { name: task, .. }) => self.happens(&Event::RetryDue { task }),
            Next::WaitOver(InOrder { name: task, .. }) => self.happens(&Event::WaitOver { task }),
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
        let progress = self.progress(&task);
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
        let items =
            self.run.tasks.iter().filter_map(|(name, task)| Some((name.clone(), task.fan_out.as_ref()?.list()?.len())));
        let items = items.collect();
        let states: Vec<_> = self.all().map(|(name, task)| (name.clone(), task.progress.clone())).collect();
        for (name, progress) in states {
            let played = self.tasks.entry(name).or_default();
            played.attempts = progress.attempt;
            played.state = Some(progress.state);
        }
        Played { state: self.run.state, tasks: self.tasks, items }
    }
}
