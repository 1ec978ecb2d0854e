//! What follows from an event: the pure heart of the orchestrator. Takes a run as it stands, what happened, the time
//! and a random number, and returns what is to be written. Must never await, read a clock or draw a number itself.
//! To add an event: a variant in `event.rs` and an arm in [`advance`]; states change through [`transition`] only.

use std::collections::BTreeMap;

use daybreak_spec::Name;
use serde_json::Value as Json;

use super::{
    Actor, AttemptEnd, Changes, Event, Failure, Hold, MAX_LOST, Moment, Rejected, RunSnapshot, RunState,
    TIMEOUT_GRACE_US, TaskChange, TaskProgress, TaskSnapshot, TaskState, Transition, WorkerIdentity, transition,
};
use crate::backoff;

/// Decides what an event changes in a run. The snapshot is left alone; the changes are consistent with one another
/// and are to be written together.
///
/// # Errors
/// [`Rejected`] when nothing is to be written: a stale or repeated report, an event that does not fit the state.
pub fn advance(run: &RunSnapshot, event: &Event, moment: Moment) -> Result<Changes, Rejected> {
    let mut draft = Draft { run, tasks: BTreeMap::new(), state: None, cancel: None, moment };
    match event {
        Event::Start => draft.start()?,
        Event::Claim { task, worker } => draft.claim(task, worker)?,
        Event::Report { task, fence, end } => draft.report(task, *fence, end)?,
        Event::Lost { task, fence } => draft.lost(task, *fence)?,
        Event::Interrupted { task, fence } => draft.interrupted(task, *fence)?,
        Event::TimedOut { task } => draft.timed_out(task)?,
        Event::ForceCancel { task } => draft.force_cancel(task)?,
        Event::RetryDue { task } => draft.retry_due(task)?,
        Event::Cancel { reason } => draft.cancel(reason)?,
    }
    draft.end_run_if_done();
    Ok(draft.into_changes())
}

/// The run as it will be: the snapshot with the changed tasks laid over it.
struct Draft<'a> {
    run: &'a RunSnapshot,
    tasks: BTreeMap<&'a Name, TaskProgress>,
    state: Option<RunState>,
    cancel: Option<String>,
    moment: Moment,
}

impl<'a> Draft<'a> {
    fn start(&mut self) -> Result<(), Rejected> {
        if self.run.state != RunState::Queued {
            return Err(Rejected::NotApplicable);
        }
        self.state = Some(RunState::Running);
        let run = self.run;
        for (name, task) in &run.tasks {
            if task.parents.is_empty() {
                self.change(name, TaskState::Ready, Transition::Promote, Actor::Server)?;
            }
        }
        Ok(())
    }

    fn claim(&mut self, task: &Name, worker: &WorkerIdentity) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        if self.run.state != RunState::Running {
            return Err(Rejected::NotApplicable);
        }
        let deadline = snapshot.timeout_us.map(|timeout| self.moment.now.plus_micros(timeout + TIMEOUT_GRACE_US));
        let hold = Hold { worker: worker.clone(), deadline };
        self.change(name, TaskState::Running(hold), Transition::Claim, Actor::Server)?;
        self.edit(name).attempt += 1;
        Ok(())
    }

    fn report(&mut self, task: &Name, fence: i64, end: &AttemptEnd) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        if snapshot.progress.reported_fence == Some(fence) {
            return Err(Rejected::Repeated);
        }
        self.held(snapshot, fence)?;
        let cancelling = snapshot.progress.cancel_requested;
        match end {
            AttemptEnd::Succeeded { outputs } => {
                let succeeded = TaskState::Succeeded { outputs: outputs.clone() };
                self.change(name, succeeded, Transition::Succeed, Actor::Worker)?;
                self.settle_children(name)?;
            }
            AttemptEnd::Failed { .. } | AttemptEnd::Cancelled if cancelling => {
                self.change(name, TaskState::Cancelled, Transition::CancelRunning, Actor::Worker)?;
            }
            AttemptEnd::HandedBack if cancelling => {
                self.change(name, TaskState::Cancelled, Transition::CancelRunning, Actor::Worker)?;
            }
            AttemptEnd::Failed { failure, retry: true } => self.retry_or_fail(name, failure, Actor::Worker)?,
            AttemptEnd::Failed { failure, retry: false } => self.fail(name, failure, Actor::Worker)?,
            AttemptEnd::Cancelled => {
                let reason = "the worker ended it although nobody had asked for it".to_owned();
                self.retry_or_fail(name, &Failure { cause: "cancelled".into(), reason }, Actor::Worker)?;
            }
            AttemptEnd::HandedBack => self.hand_back(name)?,
        }
        self.edit(name).reported_fence = Some(fence);
        Ok(())
    }

    fn lost(&mut self, task: &Name, fence: i64) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        self.held(snapshot, fence)?;
        if snapshot.progress.cancel_requested {
            return self.change(name, TaskState::Cancelled, Transition::CancelRunning, Actor::Server);
        }
        let lost = snapshot.progress.lost + 1;
        let progress = self.edit(name);
        progress.lost = lost;
        progress.attempt -= 1;
        if lost >= MAX_LOST {
            let reason = format!("{lost} workers were lost while they ran it; look for what ends them in its log");
            return self.fail(name, &Failure { cause: "worker_lost".into(), reason }, Actor::Server);
        }
        let failure = Failure { cause: "worker_lost".into(), reason: "the worker that ran it was lost".into() };
        let waiting = TaskState::RetryWait { until: self.moment.now, failure };
        self.change(name, waiting, Transition::Retry, Actor::Server)
    }

    fn interrupted(&mut self, task: &Name, fence: i64) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        self.held(snapshot, fence)?;
        if snapshot.progress.cancel_requested {
            return self.change(name, TaskState::Cancelled, Transition::CancelRunning, Actor::Server);
        }
        self.hand_back(name)
    }

    fn timed_out(&mut self, task: &Name) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        match &snapshot.progress.state {
            TaskState::Running(Hold { deadline: Some(deadline), .. }) if *deadline <= self.moment.now => {}
            _ => return Err(Rejected::NotApplicable),
        }
        if snapshot.progress.cancel_requested {
            return self.change(name, TaskState::Cancelled, Transition::CancelRunning, Actor::Server);
        }
        let limit_s = snapshot.timeout_us.unwrap_or_default() / 1_000_000;
        let reason = format!("it ran longer than its timeout of {limit_s} s and its worker did not end it");
        self.retry_or_fail(name, &Failure { cause: "timeout".into(), reason }, Actor::Server)
    }

    fn force_cancel(&mut self, task: &Name) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        if !snapshot.progress.cancel_requested {
            return Err(Rejected::NotApplicable);
        }
        self.change(name, TaskState::Cancelled, Transition::CancelRunning, Actor::Server)
    }

    fn retry_due(&mut self, task: &Name) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        match snapshot.progress.state {
            TaskState::RetryWait { until, .. } if until <= self.moment.now => {}
            _ => return Err(Rejected::NotApplicable),
        }
        self.change(name, TaskState::Ready, Transition::RetryDue, Actor::Server)
    }

    fn cancel(&mut self, reason: &str) -> Result<(), Rejected> {
        if self.run.state.status().is_terminal() || self.run.cancel_requested.is_some() {
            return Err(Rejected::NotApplicable);
        }
        self.cancel = Some(reason.to_owned());
        let run = self.run;
        for (name, task) in &run.tasks {
            match task.progress.state {
                TaskState::Running(_) => self.edit(name).cancel_requested = true,
                TaskState::Waiting | TaskState::Ready | TaskState::RetryWait { .. } | TaskState::Deferred => {
                    self.change(name, TaskState::Cancelled, Transition::CancelIdle, Actor::Server)?;
                }
                TaskState::Succeeded { .. }
                | TaskState::Failed(_)
                | TaskState::Skipped { .. }
                | TaskState::UpstreamFailed { .. }
                | TaskState::Cancelled => {}
            }
        }
        Ok(())
    }

    fn retry_or_fail(&mut self, name: &'a Name, failure: &Failure, actor: Actor) -> Result<(), Rejected> {
        let (_, snapshot) = self.find(name)?;
        let Some(wait) = backoff(&snapshot.retry, snapshot.progress.attempt, self.moment.uniform) else {
            return self.fail(name, failure, actor);
        };
        let wait_us = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        let until = self.moment.now.plus_micros(wait_us);
        self.change(name, TaskState::RetryWait { until, failure: failure.clone() }, Transition::Retry, actor)
    }

    fn fail(&mut self, name: &'a Name, failure: &Failure, actor: Actor) -> Result<(), Rejected> {
        self.change(name, TaskState::Failed(failure.clone()), Transition::Fail, actor)?;
        self.settle_children(name)
    }

    fn hand_back(&mut self, name: &'a Name) -> Result<(), Rejected> {
        self.change(name, TaskState::Ready, Transition::HandBack, Actor::Worker)?;
        self.edit(name).attempt -= 1;
        Ok(())
    }

    /// Lets everything that waited for `ended`, directly or through tasks ruled out by it, become what it now is.
    fn settle_children(&mut self, ended: &'a Name) -> Result<(), Rejected> {
        let run = self.run;
        let mut open = vec![ended];
        while let Some(parent) = open.pop() {
            for (name, task) in run.tasks.iter().filter(|(_, task)| task.parents.contains(parent)) {
                let Some(state) = self.settled(name, task) else { continue };
                if state == TaskState::Ready {
                    self.change(name, state, Transition::Promote, Actor::Server)?;
                } else {
                    self.change(name, state, Transition::RuleOut, Actor::Server)?;
                    open.push(name);
                }
            }
        }
        Ok(())
    }

    /// What a waiting task becomes now that some task it needs has ended; `None`: it waits on.
    fn settled(&self, name: &Name, task: &TaskSnapshot) -> Option<TaskState> {
        if self.progress(name)?.state != TaskState::Waiting {
            return None;
        }
        let (mut skipped, mut all_ended) = (None, true);
        for parent in &task.parents {
            match &self.progress(parent)?.state {
                TaskState::Failed(_) | TaskState::Cancelled => {
                    return Some(TaskState::UpstreamFailed { upstream: parent.clone() });
                }
                TaskState::UpstreamFailed { upstream } => {
                    return Some(TaskState::UpstreamFailed { upstream: upstream.clone() });
                }
                TaskState::Skipped { .. } => skipped = Some(format!("`{parent}` was skipped")),
                TaskState::Succeeded { outputs } if task.gated && outputs.get("passed") == Some(&Json::Bool(false)) => {
                    let why = outputs.get("reason").and_then(Json::as_str).unwrap_or("no reason was given");
                    skipped = Some(format!("`{parent}` did not pass: {why}"));
                }
                TaskState::Succeeded { .. } => {}
                TaskState::Waiting
                | TaskState::Ready
                | TaskState::Running(_)
                | TaskState::Deferred
                | TaskState::RetryWait { .. } => all_ended = false,
            }
        }
        match skipped {
            Some(reason) => Some(TaskState::Skipped { reason }),
            None if all_ended => Some(TaskState::Ready),
            None => None,
        }
    }

    fn end_run_if_done(&mut self) {
        let ended = self.run.tasks.keys().all(|name| self.progress(name).is_some_and(|task| task.state.is_terminal()));
        let over = self.state.as_ref().unwrap_or(&self.run.state).status().is_terminal();
        if !ended || over {
            return;
        }
        let cancel = self.cancel.as_ref().or(self.run.cancel_requested.as_ref());
        let states = || self.run.tasks.keys().filter_map(|name| Some((name, &self.progress(name)?.state)));
        let any_cancelled = states().any(|(_, state)| *state == TaskState::Cancelled);
        let failures: Vec<String> = states()
            .filter_map(|(name, state)| match state {
                TaskState::Failed(failure) => Some(format!("task `{name}` failed: {}", failure.reason)),
                _ => None,
            })
            .collect();
        // A queued run without tasks cannot end before it starts, but it can be cancelled.
        self.state = match (cancel, failures.first()) {
            (Some(reason), _) if any_cancelled || self.run.tasks.is_empty() => {
                Some(RunState::Cancelled { reason: reason.clone() })
            }
            (_, Some(first)) if failures.len() == 1 => Some(RunState::Failed { reason: first.clone() }),
            (_, Some(first)) => {
                Some(RunState::Failed { reason: format!("{first} (and {} more failed)", failures.len() - 1) })
            }
            (_, None) => Some(RunState::Succeeded),
        };
    }

    fn find(&self, task: &Name) -> Result<(&'a Name, &'a TaskSnapshot), Rejected> {
        self.run.tasks.get_key_value(task).ok_or(Rejected::UnknownTask)
    }

    /// The task is held under this very fence.
    fn held(&self, snapshot: &TaskSnapshot, fence: i64) -> Result<(), Rejected> {
        let running = matches!(snapshot.progress.state, TaskState::Running(_));
        if running && snapshot.progress.fence == fence { Ok(()) } else { Err(Rejected::Stale) }
    }

    fn progress(&self, name: &Name) -> Option<&TaskProgress> {
        self.tasks.get(name).or_else(|| self.run.tasks.get(name).map(|task| &task.progress))
    }

    fn edit(&mut self, name: &'a Name) -> &mut TaskProgress {
        let run = self.run;
        self.tasks.entry(name).or_insert_with(|| run.tasks[name].progress.clone())
    }

    fn change(&mut self, name: &'a Name, to: TaskState, rule: Transition, actor: Actor) -> Result<(), Rejected> {
        transition(self.edit(name), to, rule, actor).map_err(|_| Rejected::NotApplicable)
    }

    fn into_changes(self) -> Changes {
        let tasks = self
            .tasks
            .into_iter()
            .map(|(name, after)| {
                let before = &self.run.tasks[name].progress;
                TaskChange {
                    task: name.clone(),
                    status_before: before.state.status(),
                    fence_before: before.fence,
                    after,
                }
            })
            .collect();
        Changes { tasks, run: self.state, cancel_requested: self.cancel }
    }
}
