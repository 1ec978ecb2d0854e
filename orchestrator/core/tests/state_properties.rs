//! Random runs under random events: what must hold whatever happens. To add a property: a check in `Model::step` (after
//! every event) or at the end of `every_run_ends_once_the_faults_stop`.

use std::collections::BTreeMap;

use daybreak_core::{
    AttemptEnd, Changes, Event, Failure, MAX_LOST, Moment, Rejected, RunSnapshot, RunState, TaskProgress, TaskSnapshot,
    TaskState, TaskStatus, WorkerIdentity, advance, legal_pairs,
};
use daybreak_spec::{Backoff, Duration, Jitter, Name, Retry, Timestamp};
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

/// One random thing that happens to a task chosen by number.
#[derive(Clone, Debug)]
enum Step {
    Claim(usize),
    Succeed { task: usize, passed: bool, stale: bool },
    Fail { task: usize, retry: bool },
    AckCancel(usize),
    HandBack(usize),
    Lose(usize),
    Interrupt(usize),
    TimeOut(usize),
    ForceCancel(usize),
    RetryDue(usize),
    RepeatLast,
    Cancel,
    Pass { seconds: u32 },
}

fn steps() -> impl Strategy<Value = Step> {
    let task = 0..8_usize;
    prop_oneof![
        6 => task.clone().prop_map(Step::Claim),
        5 => (task.clone(), any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(task, passed, stale)| Step::Succeed { task, passed, stale }),
        3 => (task.clone(), any::<bool>()).prop_map(|(task, retry)| Step::Fail { task, retry }),
        1 => task.clone().prop_map(Step::AckCancel),
        2 => task.clone().prop_map(Step::HandBack),
        3 => task.clone().prop_map(Step::Lose),
        1 => task.clone().prop_map(Step::Interrupt),
        1 => task.clone().prop_map(Step::TimeOut),
        1 => task.clone().prop_map(Step::ForceCancel),
        4 => task.prop_map(Step::RetryDue),
        2 => Just(Step::RepeatLast),
        1 => prop::bool::weighted(0.2).prop_map(|cancel| if cancel { Step::Cancel } else { Step::Pass { seconds: 1 } }),
        3 => (0..120_u32).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

fn runs() -> impl Strategy<Value = RunSnapshot> {
    let task = (any::<u8>(), 1..4_u32, prop::bool::weighted(0.3), any::<bool>());
    prop::collection::vec(task, 1..8).prop_map(|tasks| {
        let name = |number: usize| Name::parse(&format!("t{number}")).expect("a slug");
        let tasks = tasks
            .into_iter()
            .enumerate()
            .map(|(number, (needs, attempts, gated, limited))| {
                let parents = (0..number).filter(|bit| needs & (1 << bit) != 0).map(name).collect();
                let backoff = Backoff {
                    first: Duration::parse("10s").expect("a duration"),
                    factor: 2.0,
                    max: Duration::parse("5m").expect("a duration"),
                    jitter: Jitter::Full,
                };
                let snapshot = TaskSnapshot {
                    parents,
                    retry: Retry { attempts, backoff },
                    gated,
                    timeout_us: limited.then_some(30_000_000),
                    progress: TaskProgress::new(),
                };
                (name(number), snapshot)
            })
            .collect();
        RunSnapshot { state: RunState::Queued, cancel_requested: None, tasks }
    })
}

struct Model {
    run: RunSnapshot,
    now: Timestamp,
    last_report: Option<Event>,
    successes: BTreeMap<Name, u32>,
}

impl Model {
    fn new(run: RunSnapshot) -> Self {
        let mut model = Self { run, now: Timestamp::from_micros(0), last_report: None, successes: BTreeMap::new() };
        model.happen(&Event::Start).expect("a queued run starts");
        model
    }

    fn happen(&mut self, event: &Event) -> Result<Changes, Rejected> {
        let changes = advance(&self.run, event, Moment { now: self.now, uniform: 0.5 })?;
        let was_over = self.run.state.status().is_terminal();
        assert!(!was_over || changes == Changes::default(), "a run that has ended changes no more: {event:?}");
        for change in &changes.tasks {
            let before = &self.run.tasks[&change.task].progress;
            let pair = (before.state.status(), change.after.state.status());
            assert!(pair.0 == pair.1 || legal_pairs().any(|legal| legal == pair), "{pair:?} is not in the table");
            assert!(change.after.fence >= before.fence, "a fence fell");
            assert!(!before.state.is_terminal(), "a task that has ended changed: {event:?}");
            assert!(change.after.lost <= MAX_LOST);
            assert!(change.after.attempt <= self.run.tasks[&change.task].retry.attempts);
            let claimed = pair == (TaskStatus::Ready, TaskStatus::Running);
            assert!(!claimed || change.after.fence > before.fence, "an acquisition without a new fence");
            if pair.1 == TaskStatus::Succeeded {
                *self.successes.entry(change.task.clone()).or_default() += 1;
            }
        }
        self.write(&changes);
        Ok(changes)
    }

    fn write(&mut self, changes: &Changes) {
        for change in &changes.tasks {
            self.run.tasks.get_mut(&change.task).expect("a task of the run").progress = change.after.clone();
        }
        if let Some(state) = &changes.run {
            self.run.state = state.clone();
        }
        if changes.cancel_requested.is_some() {
            self.run.cancel_requested.clone_from(&changes.cancel_requested);
        }
    }

    fn task(&self, number: usize) -> Name {
        let names: Vec<_> = self.run.tasks.keys().collect();
        names[number % names.len()].clone()
    }

    fn report(&mut self, task: usize, end: AttemptEnd) {
        let task = self.task(task);
        let fence = self.run.tasks[&task].progress.fence;
        let event = Event::Report { task, fence, end };
        if self.happen(&event).is_ok() {
            self.last_report = Some(event);
        }
    }

    fn step(&mut self, step: Step) {
        let fence = |model: &Self, task: &Name| model.run.tasks[task].progress.fence;
        match step {
            Step::Claim(task) => {
                let task = self.task(task);
                let worker = WorkerIdentity { id: "w".to_owned(), epoch: 1 };
                let _ = self.happen(&Event::Claim { task, worker });
            }
            Step::Succeed { task, passed, stale: true } => {
                let task = self.task(task);
                let end = AttemptEnd::Succeeded { outputs: outputs(passed) };
                let fence = fence(self, &task) - 1;
                let refused = self.happen(&Event::Report { task, fence, end });
                assert!(matches!(refused, Err(Rejected::Stale | Rejected::Repeated)), "{refused:?}");
            }
            Step::Succeed { task, passed, stale: false } => {
                self.report(task, AttemptEnd::Succeeded { outputs: outputs(passed) });
            }
            Step::Fail { task, retry } => {
                let failure = Failure { cause: "task_error".to_owned(), reason: "it broke".to_owned() };
                self.report(task, AttemptEnd::Failed { failure, retry });
            }
            Step::AckCancel(task) => self.report(task, AttemptEnd::Cancelled),
            Step::HandBack(task) => self.report(task, AttemptEnd::HandedBack),
            Step::Lose(task) => {
                let task = self.task(task);
                let fence = fence(self, &task);
                let _ = self.happen(&Event::Lost { task, fence });
            }
            Step::Interrupt(task) => {
                let task = self.task(task);
                let fence = fence(self, &task);
                let _ = self.happen(&Event::Interrupted { task, fence });
            }
            Step::TimeOut(task) => drop(self.happen(&Event::TimedOut { task: self.task(task) })),
            Step::ForceCancel(task) => drop(self.happen(&Event::ForceCancel { task: self.task(task) })),
            Step::RetryDue(task) => drop(self.happen(&Event::RetryDue { task: self.task(task) })),
            Step::RepeatLast => {
                if let Some(event) = self.last_report.clone() {
                    let again = self.happen(&event);
                    assert!(matches!(again, Err(Rejected::Repeated | Rejected::Stale)), "{again:?}");
                }
            }
            Step::Cancel => drop(self.happen(&Event::Cancel { reason: "by hand".to_owned() })),
            Step::Pass { seconds } => self.now = self.now.plus_micros(i64::from(seconds) * 1_000_000),
        }
    }
}

fn outputs(passed: bool) -> Map<String, Json> {
    Map::from_iter([("passed".to_owned(), Json::Bool(passed))])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_once_the_faults_stop(run in runs(), steps in prop::collection::vec(steps(), 0..120)) {
        let mut model = Model::new(run);
        for step in steps {
            model.step(step);
        }
        let mut rounds = 0;
        while !model.run.state.status().is_terminal() {
            rounds += 1;
            prop_assert!(rounds < 50, "the run does not end: {:?}", model.run);
            model.step(Step::Pass { seconds: 600 });
            for number in 0..model.run.tasks.len() {
                model.step(Step::RetryDue(number));
                model.step(Step::Claim(number));
                model.step(Step::Succeed { task: number, passed: true, stale: false });
            }
        }
        prop_assert!(model.run.tasks.values().all(|task| task.progress.state.is_terminal()));
        prop_assert!(model.successes.values().all(|count| *count == 1), "a task succeeded twice");
        let failed = model.run.tasks.values().any(|task| matches!(task.progress.state, TaskState::Failed(_)));
        match &model.run.state {
            RunState::Failed { reason } => prop_assert!(failed && !reason.is_empty()),
            RunState::Succeeded => prop_assert!(!failed),
            RunState::Cancelled { .. } => prop_assert!(model.run.cancel_requested.is_some()),
            RunState::Queued | RunState::Running | RunState::Skipped { .. } => prop_assert!(false, "not an end"),
        }
    }

    #[test]
    fn a_task_runs_only_after_all_it_needs_succeeded(run in runs(), steps in prop::collection::vec(steps(), 0..120)) {
        let mut model = Model::new(run);
        for step in steps {
            model.step(step);
            for task in model.run.tasks.values() {
                let started = task.progress.attempt > 0 || task.progress.state == TaskState::Ready;
                let ready = task.parents.iter().all(|parent| {
                    matches!(model.run.tasks[parent].progress.state, TaskState::Succeeded { .. })
                });
                prop_assert!(!started || ready, "started too early: {task:?}");
            }
        }
    }
}
