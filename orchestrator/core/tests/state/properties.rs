//! Random runs under random events: what must hold whatever happens. To add a property: a check in `Model::happen` (after
//! every event) or at the end of `every_run_ends_once_the_faults_stop`.

use std::collections::BTreeMap;

use daybreak_core::{
    AttemptEnd, Awaited, Changes, Event, Failure, MAX_LOST, Mark, Moment, QueueEnd, Rejected, Resumption, RunSnapshot,
    RunState, RunStatus, TaskProgress, TaskSnapshot, TaskState, TaskStatus, Wait, WorkerIdentity, advance,
    legal_changes,
};
use daybreak_spec::{Backoff, Condition, Duration, Jitter, Name, Retry, Rule, Span, Timestamp, TriggerRule};
use proptest::prelude::*;
use serde_json::{Map, Value as Json};

/// One random thing that happens to a task chosen by number.
#[derive(Clone, Debug)]
enum Step {
    Claim(usize),
    Succeed {
        task: usize,
        passed: bool,
    },
    Fail {
        task: usize,
        retry: bool,
    },
    AckCancel(usize),
    HandBack(usize),
    Defer {
        task: usize,
        limited: bool,
        again: bool,
        at_timeout: u8,
    },
    Lose(usize),
    Interrupt(usize),
    TimeOut(usize),
    ForceCancel(usize),
    RetryDue(usize),
    Resume {
        task: usize,
        how: u8,
    },
    WaitOver(usize),
    CacheHit(usize),
    QueueTimeOut {
        task: usize,
        skip: bool,
    },
    TotalTimeOut(usize),
    Overdue,
    /// Words of those who no longer hold the task.
    Stale(usize),
    RepeatLast,
    Cancel,
    Pass {
        seconds: u32,
    },
    Rerun(Vec<usize>),
    Mark {
        task: usize,
        to: u8,
    },
    Start,
}

fn steps() -> impl Strategy<Value = Step> {
    let task = 0..8_usize;
    prop_oneof![
        8 => task.clone().prop_map(Step::Claim),
        5 => (task.clone(), any::<bool>()).prop_map(|(task, passed)| Step::Succeed { task, passed }),
        3 => (task.clone(), any::<bool>()).prop_map(|(task, retry)| Step::Fail { task, retry }),
        1 => task.clone().prop_map(Step::AckCancel),
        2 => task.clone().prop_map(Step::HandBack),
        2 => (task.clone(), any::<bool>(), any::<bool>(), 0..5_u8)
            .prop_map(|(task, limited, again, at_timeout)| Step::Defer { task, limited, again, at_timeout }),
        3 => task.clone().prop_map(Step::Lose),
        1 => task.clone().prop_map(Step::Interrupt),
        1 => task.clone().prop_map(Step::TimeOut),
        1 => task.clone().prop_map(Step::ForceCancel),
        4 => task.clone().prop_map(Step::RetryDue),
        2 => (task.clone(), 0..5_u8).prop_map(|(task, how)| Step::Resume { task, how }),
        1 => task.clone().prop_map(Step::WaitOver),
        1 => task.clone().prop_map(Step::CacheHit),
        1 => (task.clone(), any::<bool>()).prop_map(|(task, skip)| Step::QueueTimeOut { task, skip }),
        1 => prop::bool::weighted(0.3).prop_map(|over| if over { Step::Overdue } else { Step::Pass { seconds: 1 } }),
        1 => task.clone().prop_map(Step::TotalTimeOut),
        2 => task.prop_map(Step::Stale),
        2 => Just(Step::RepeatLast),
        1 => prop::bool::weighted(0.2).prop_map(|cancel| if cancel { Step::Cancel } else { Step::Pass { seconds: 1 } }),
        3 => (0..120_u32).prop_map(|seconds| Step::Pass { seconds }),
    ]
}

/// The same with what people do.
fn steps_with_hands() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => steps(),
        1 => prop::collection::vec(0..8_usize, 1..3).prop_map(Step::Rerun),
        1 => (0..8_usize, 0..3_u8).prop_map(|(task, to)| Step::Mark { task, to }),
        2 => Just(Step::Start),
    ]
}

/// A trigger before it is known which tasks are needed.
#[derive(Clone, Debug)]
enum AnyTrigger {
    Rule(Rule),
    Teardown,
    When(String),
}

impl AnyTrigger {
    fn over(self, parents: &[Name]) -> TriggerRule {
        let (Some(first), Some(last)) = (parents.first(), parents.last()) else { return TriggerRule::default() };
        match self {
            Self::Rule(rule) => TriggerRule::Rule(rule),
            Self::Teardown => TriggerRule::Teardown,
            Self::When(text) => {
                let text = text.replace("FIRST", first.as_str()).replace("LAST", last.as_str());
                TriggerRule::When(Condition::parse(&text, Span::default()).expect("a condition"))
            }
        }
    }
}

fn triggers() -> impl Strategy<Value = AnyTrigger> {
    let word = || prop::sample::select(vec!["succeeded", "failed", "skipped", "upstream_failed", "cancelled", "done"]);
    let condition = (word(), word(), any::<bool>(), any::<bool>()).prop_map(|(one, other, not, and)| {
        let (sign, negated) = (if and { "&&" } else { "||" }, if not { "!" } else { "" });
        AnyTrigger::When(format!("FIRST.{one} {sign} {negated}LAST.{other}"))
    });
    prop_oneof![
        4 => Just(AnyTrigger::Rule(Rule::AllSuccess)),
        4 => prop::sample::select(Rule::ALL.to_vec()).prop_map(AnyTrigger::Rule),
        2 => Just(AnyTrigger::Teardown),
        2 => condition,
    ]
}

fn runs() -> impl Strategy<Value = RunSnapshot> {
    let task = (any::<u8>(), 1..4_u32, prop::bool::weighted(0.3), any::<bool>(), triggers(), prop::bool::weighted(0.2));
    prop::collection::vec(task, 1..8).prop_map(|tasks| {
        let name = |number: usize| Name::parse(&format!("t{number}")).expect("a slug");
        let tasks = tasks
            .into_iter()
            .enumerate()
            .map(|(number, (needs, attempts, gated, limited, trigger, tolerated))| {
                let parents: Vec<Name> = (0..number).filter(|bit| needs & (1 << bit) != 0).map(name).collect();
                let backoff = Backoff {
                    first: Duration::parse("10s").expect("a duration"),
                    factor: 2.0,
                    max: Duration::parse("5m").expect("a duration"),
                    jitter: Jitter::Full,
                };
                let snapshot = TaskSnapshot {
                    trigger: trigger.over(&parents),
                    parents,
                    tolerated,
                    retry: Retry { attempts, backoff, only: Vec::new() },
                    gated,
                    timeout_us: limited.then_some(30_000_000),
                    fan_out: None,
                    progress: TaskProgress::new(),
                };
                (name(number), snapshot)
            })
            .collect();
        RunSnapshot {
            state: RunState::Queued,
            cancel_requested: None,
            overdue: false,
            tasks,
            needed_by: Default::default(),
        }
    })
}

struct Model {
    run: RunSnapshot,
    now: Timestamp,
    last_report: Option<Event>,
    /// Successes reported by workers, by task and generation.
    successes: BTreeMap<(Name, u32), u32>,
}

impl Model {
    fn new(run: RunSnapshot) -> Self {
        let mut model = Self { run, now: Timestamp::from_micros(0), last_report: None, successes: BTreeMap::new() };
        model.happen(&Event::Start).expect("a queued run starts");
        model
    }

    fn happen(&mut self, event: &Event) -> Result<Changes, Rejected> {
        let changes = advance(&self.run, event, Moment { now: self.now, uniform: 0.5 })?;
        let by_hand = matches!(event, Event::Rerun { .. } | Event::Mark { .. });
        assert!(by_hand || !self.run.state.status().is_terminal(), "a run that has ended changes no more: {event:?}");
        let mut written = self.run.clone();
        for change in &changes.tasks {
            let before = written.tasks[&change.task].progress.clone();
            let guard = (before.state.status(), before.fence);
            assert_eq!((change.status_before, change.fence_before), guard, "a compare-and-set that fails: {event:?}");
            let row = (guard.0, change.after.state.status(), change.after.fence - before.fence);
            let known = (row.0 == row.1 && row.2 == 0) || legal_changes().any(|legal| legal == row);
            assert!(known, "{row:?} is not in the table: {event:?}");
            assert!(by_hand || !before.state.is_terminal(), "a task that has ended changed: {event:?}");
            assert!(change.after.lost <= MAX_LOST);
            assert!(change.after.attempt <= written.tasks[&change.task].retry.attempts, "{event:?}");
            let again = u32::from(matches!(event, Event::Rerun { .. }) && row.1 == TaskStatus::Waiting);
            assert_eq!(change.after.generation, before.generation + again);
            if row.1 == TaskStatus::Succeeded && matches!(event, Event::Report { .. }) {
                *self.successes.entry((change.task.clone(), before.generation)).or_default() += 1;
            }
            written.tasks.get_mut(&change.task).expect("a task of the run").progress = change.after.clone();
        }
        self.run.apply(&changes);
        assert_eq!(self.run.tasks, written.tasks);
        self.check_run();
        Ok(changes)
    }

    /// The run's state follows from its tasks' states.
    fn check_run(&self) {
        let states: Vec<TaskStatus> = self.run.tasks.values().map(|task| task.progress.state.status()).collect();
        let ended = states.iter().all(|state| state.is_terminal());
        let any = |wanted| states.contains(&wanted);
        let status = self.run.state.status();
        if !ended {
            return assert!(!status.is_terminal(), "a run that has ended with tasks that have not: {:?}", self.run);
        }
        let failed =
            self.run.tasks.values().any(|task| !task.tolerated && matches!(task.progress.state, TaskState::Failed(_)));
        let left_out = self.run.tasks.values().any(|task| match &task.progress.state {
            TaskState::UpstreamFailed { upstream } => !self.run.tasks[upstream].tolerated,
            _ => false,
        });
        let expected = if self.run.overdue {
            RunStatus::Failed
        } else if self.run.cancel_requested.is_some() && any(TaskStatus::Cancelled) {
            RunStatus::Cancelled
        } else if failed {
            RunStatus::Failed
        } else if any(TaskStatus::Cancelled) {
            RunStatus::Cancelled
        } else if left_out {
            RunStatus::Failed
        } else {
            RunStatus::Succeeded
        };
        assert_eq!(status, expected, "{:?}", self.run);
        assert!(!matches!(&self.run.state, RunState::Failed { reason } if reason.is_empty()));
    }

    fn task(&self, number: usize) -> Name {
        let names: Vec<_> = self.run.tasks.keys().collect();
        names[number % names.len()].clone()
    }

    fn fenced(&self, number: usize) -> (Name, i64) {
        let task = self.task(number);
        let fence = self.run.tasks[&task].progress.fence;
        (task, fence)
    }

    fn report(&mut self, task: usize, end: AttemptEnd) {
        let (task, fence) = self.fenced(task);
        let event = Event::Report { task, fence, end };
        if self.happen(&event).is_ok() {
            self.last_report = Some(event);
        }
    }

    fn step(&mut self, step: Step) {
        let event = match step {
            Step::Claim(task) => {
                Event::Claim { task: self.task(task), worker: WorkerIdentity { id: "w".to_owned(), epoch: 1 } }
            }
            Step::Succeed { task, passed } => {
                return self.report(task, AttemptEnd::Succeeded { outputs: outputs(passed) });
            }
            Step::Fail { task, retry } => return self.report(task, AttemptEnd::Failed { failure: broke(), retry }),
            Step::AckCancel(task) => return self.report(task, AttemptEnd::Cancelled),
            Step::HandBack(task) => return self.report(task, AttemptEnd::HandedBack),
            Step::Defer { task, limited, again, at_timeout } => {
                let limit_us = limited.then_some(60_000_000);
                let condition = Awaited::Instant { at: self.now };
                let (again_after_us, at_limit) = (again.then_some(20_000_000), resumption(at_timeout));
                let wait = Wait { condition, again_after_us, limit_us, at_limit };
                return self.report(task, AttemptEnd::Deferred(wait));
            }
            Step::Lose(task) => {
                let (task, fence) = self.fenced(task);
                Event::Lost { task, fence }
            }
            Step::Interrupt(task) => {
                let (task, fence) = self.fenced(task);
                Event::Interrupted { task, fence }
            }
            Step::TimeOut(task) => Event::TimedOut { task: self.task(task) },
            Step::ForceCancel(task) => Event::ForceCancel { task: self.task(task) },
            Step::RetryDue(task) => Event::RetryDue { task: self.task(task) },
            Step::Resume { task, how } => {
                let (task, fence) = self.fenced(task);
                Event::Resume { task, fence, resumption: resumption(how) }
            }
            Step::WaitOver(task) => Event::WaitOver { task: self.task(task) },
            Step::CacheHit(task) => Event::CacheHit { task: self.task(task), outputs: outputs(true) },
            Step::QueueTimeOut { task, skip } => {
                let (task, fence) = self.fenced(task);
                let skipped = QueueEnd::Skipped { reason: "nobody took it".to_owned() };
                Event::QueueTimedOut { task, fence, end: if skip { skipped } else { QueueEnd::Failed(broke()) } }
            }
            Step::TotalTimeOut(task) => {
                let (task, fence) = self.fenced(task);
                Event::TotalTimedOut { task, fence, failure: broke() }
            }
            Step::Overdue => Event::Overdue { reason: "it took too long".to_owned() },
            Step::Stale(task) => return self.stale_words(task),
            Step::RepeatLast => return self.repeat_last(),
            Step::Cancel => Event::Cancel { reason: "by hand".to_owned() },
            Step::Pass { seconds } => {
                self.now = self.now.plus_micros(i64::from(seconds) * 1_000_000);
                return;
            }
            Step::Rerun(tasks) => Event::Rerun { tasks: tasks.into_iter().map(|task| self.task(task)).collect() },
            Step::Mark { task, to } => Event::Mark { task: self.task(task), mark: mark(to) },
            Step::Start => Event::Start,
        };
        let _ = self.happen(&event);
    }

    /// Everything that carries a fence is refused under every other fence.
    fn stale_words(&mut self, task: usize) {
        let (task, fence) = self.fenced(task);
        for fence in [fence - 1, fence + 1] {
            let task = || task.clone();
            let words = [
                Event::Report { task: task(), fence, end: AttemptEnd::Succeeded { outputs: outputs(true) } },
                Event::Report { task: task(), fence, end: AttemptEnd::HandedBack },
                Event::Lost { task: task(), fence },
                Event::Interrupted { task: task(), fence },
                Event::Resume { task: task(), fence, resumption: Resumption::Continues },
                Event::TotalTimedOut { task: task(), fence, failure: broke() },
            ];
            for event in words {
                let refused = self.happen(&event);
                assert!(matches!(refused, Err(Rejected::Stale | Rejected::Repeated)), "{event:?}: {refused:?}");
            }
        }
    }

    fn repeat_last(&mut self) {
        if let Some(event) = self.last_report.clone() {
            let again = self.happen(&event);
            assert!(matches!(again, Err(Rejected::Repeated | Rejected::Stale)), "{again:?}");
        }
    }

    /// No more faults: everything that is due happens and every worker does its work.
    fn finish(&mut self) {
        let mut rounds = 0;
        while !self.run.state.status().is_terminal() {
            rounds += 1;
            assert!(rounds < 50, "the run does not end: {:?}", self.run);
            self.step(Step::Pass { seconds: 600 });
            self.step(Step::Start);
            for task in 0..self.run.tasks.len() {
                self.step(Step::Resume { task, how: 0 });
                self.step(Step::RetryDue(task));
                self.step(Step::Claim(task));
                self.step(Step::Succeed { task, passed: true });
            }
        }
    }
}

fn outputs(passed: bool) -> Map<String, Json> {
    Map::from_iter([("passed".to_owned(), Json::Bool(passed))])
}

fn broke() -> Failure {
    Failure { cause: "task_error".to_owned(), reason: "it broke".to_owned() }
}

fn resumption(how: u8) -> Resumption {
    match how {
        0 => Resumption::Continues,
        1 => Resumption::Succeeds { outputs: outputs(true) },
        2 => Resumption::Fails(broke()),
        3 => Resumption::FailsAttempt(broke()),
        _ => Resumption::Skips { reason: "nobody approved".to_owned() },
    }
}

fn mark(to: u8) -> Mark {
    let reason = "somebody says so".to_owned();
    match to {
        0 => Mark::Succeeded { outputs: outputs(true) },
        1 => Mark::Failed { reason },
        _ => Mark::Skipped { reason },
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_once_the_faults_stop(run in runs(), steps in prop::collection::vec(steps(), 0..120)) {
        let mut model = Model::new(run);
        for step in steps {
            model.step(step);
        }
        model.finish();
        prop_assert!(model.successes.values().all(|count| *count == 1), "a task succeeded twice");
    }

    #[test]
    fn every_run_ends_whatever_people_do_to_it(
        run in runs(), steps in prop::collection::vec(steps_with_hands(), 0..160),
    ) {
        let mut model = Model::new(run);
        for step in steps {
            model.step(step);
        }
        model.finish();
        prop_assert!(model.successes.values().all(|count| *count == 1), "a task succeeded twice in a generation");
    }

    #[test]
    fn a_teardown_runs_whenever_something_it_tears_down_ran(
        run in runs(), steps in prop::collection::vec(steps(), 0..120),
    ) {
        let mut model = Model::new(run);
        for step in steps {
            model.step(step);
        }
        model.finish();
        for task in model.run.tasks.values().filter(|task| task.trigger == TriggerRule::Teardown && !task.gated) {
            let ran = task.parents.iter().any(|parent| {
                let parent = &model.run.tasks[parent].progress;
                parent.attempt > 0 || matches!(parent.state, TaskState::Succeeded { .. } | TaskState::Failed(_))
            });
            let ruled_out = match &task.progress.state {
                TaskState::Skipped { reason } => reason.starts_with("nothing that it tears down"),
                TaskState::UpstreamFailed { .. } | TaskState::Cancelled => true,
                _ => false,
            };
            prop_assert!(!ran || !ruled_out, "it did not tear down: {task:?}");
        }
    }

    #[test]
    fn a_task_runs_only_after_all_it_needs_succeeded(run in runs(), steps in prop::collection::vec(steps(), 0..120)) {
        let mut model = Model::new(run);
        for step in steps {
            model.step(step);
            for task in model.run.tasks.values().filter(|task| task.trigger.is_default()) {
                let started = task.progress.attempt > 0 || task.progress.state == TaskState::Ready;
                let ready = task.parents.iter().all(|parent| {
                    matches!(model.run.tasks[parent].progress.state, TaskState::Succeeded { .. })
                });
                prop_assert!(!started || ready, "started too early: {task:?}");
            }
        }
    }
}
