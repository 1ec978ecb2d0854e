//! What happens to attempts: claimed, reported, lost, interrupted, out of time. A worker's word counts under its fence
//! only. To add a way in which an attempt ends: a variant of `AttemptEnd` and an arm in [`Draft::report`].

use daybreak_spec::Name;

use super::draft::Draft;
use super::{
    Actor, AttemptEnd, Failure, Hold, MAX_LOST, Rejected, RunStatus, TIMEOUT_GRACE_US, TaskSnapshot, TaskState,
    Transition, WorkerIdentity,
};
use crate::backoff;
use crate::retry::covers;

impl<'a> Draft<'a> {
    pub fn claim(&mut self, task: &Name, worker: &WorkerIdentity) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        if self.run_status() != RunStatus::Running {
            return Err(Rejected::NotApplicable);
        }
        let limit = snapshot.timeout_us.map(|timeout| timeout.saturating_add(TIMEOUT_GRACE_US));
        let hold = Hold { worker: worker.clone(), deadline: limit.map(|limit| self.moment.now.plus_micros(limit)) };
        self.change(name, TaskState::Running(hold), Transition::Claim, Actor::Server)?;
        self.edit(name).attempt += 1;
        Ok(())
    }

    pub fn report(&mut self, task: &Name, fence: i64, end: &AttemptEnd) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        if snapshot.progress.reported_fence == Some(fence) {
            return Err(Rejected::Repeated);
        }
        held(snapshot, fence)?;
        let cancelling = snapshot.progress.cancel_requested;
        match end {
            AttemptEnd::Succeeded { outputs } => {
                let succeeded = TaskState::Succeeded { outputs: outputs.clone() };
                self.change(name, succeeded, Transition::Succeed, Actor::Worker)?;
                self.settle_children(name)?;
            }
            // Nobody would go on with it.
            AttemptEnd::Failed { .. } | AttemptEnd::Cancelled | AttemptEnd::HandedBack | AttemptEnd::Deferred(_)
                if cancelling =>
            {
                self.end_cancelled(name, Actor::Worker)?;
            }
            AttemptEnd::Failed { failure, retry: true } => self.retry_or_fail(name, failure, Actor::Worker)?,
            AttemptEnd::Failed { failure, retry: false } => self.fail(name, failure, Actor::Worker)?,
            AttemptEnd::Cancelled => {
                let reason = "the worker ended it although nobody had asked for it".to_owned();
                self.retry_or_fail(name, &Failure { cause: "cancelled".into(), reason }, Actor::Worker)?;
            }
            AttemptEnd::HandedBack => self.hand_back(name)?,
            AttemptEnd::Deferred(wait) => self.defer(name, wait)?,
        }
        self.edit(name).reported_fence = Some(fence);
        Ok(())
    }

    /// A lost worker is counted by itself and charges no attempt; a task under which too many were lost is their cause.
    pub fn lost(&mut self, task: &Name, fence: i64) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        held(snapshot, fence)?;
        if snapshot.progress.cancel_requested {
            return self.end_cancelled(name, Actor::Server);
        }
        let lost = snapshot.progress.lost.saturating_add(1).min(MAX_LOST);
        let progress = self.edit(name);
        progress.lost = lost;
        progress.attempt = progress.attempt.saturating_sub(1);
        if !covers(&snapshot.retry, "worker_lost") {
            let reason = "the worker that ran it was lost, and `only` of its retry policy does not name `lost`".into();
            return self.fail(name, &Failure { cause: "worker_lost".into(), reason }, Actor::Server);
        }
        if lost >= MAX_LOST {
            let reason = format!("{lost} workers were lost while they ran it; look for what ends them in its log");
            return self.fail(name, &Failure { cause: "worker_lost".into(), reason }, Actor::Server);
        }
        let failure = Failure { cause: "worker_lost".into(), reason: "the worker that ran it was lost".into() };
        let waiting = TaskState::RetryWait { until: self.moment.now, failure };
        self.change(name, waiting, Transition::Retry, Actor::Server)
    }

    pub fn interrupted(&mut self, task: &Name, fence: i64) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        held(snapshot, fence)?;
        if snapshot.progress.cancel_requested {
            return self.end_cancelled(name, Actor::Server);
        }
        self.hand_back(name)
    }

    pub fn timed_out(&mut self, task: &Name) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        match &snapshot.progress.state {
            TaskState::Running(Hold { deadline: Some(deadline), .. }) if *deadline <= self.moment.now => {}
            _ => return Err(Rejected::NotApplicable),
        }
        if snapshot.progress.cancel_requested {
            return self.end_cancelled(name, Actor::Server);
        }
        let limit_s = snapshot.timeout_us.unwrap_or_default() / 1_000_000;
        let reason = format!("it ran longer than its timeout of {limit_s} s and its worker did not end it");
        self.retry_or_fail(name, &Failure { cause: "timeout".into(), reason }, Actor::Server)
    }

    pub fn force_cancel(&mut self, task: &Name) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        if !snapshot.progress.cancel_requested {
            return Err(Rejected::NotApplicable);
        }
        self.end_cancelled(name, Actor::Server)
    }

    pub fn fail(&mut self, name: &'a Name, failure: &Failure, actor: Actor) -> Result<(), Rejected> {
        self.change(name, TaskState::Failed(failure.clone()), Transition::Fail, actor)?;
        self.settle_children(name)
    }

    /// What tears it down may have waited for that.
    fn end_cancelled(&mut self, name: &'a Name, actor: Actor) -> Result<(), Rejected> {
        self.change(name, TaskState::Cancelled, Transition::CancelRunning, actor)?;
        self.settle_children(name)
    }

    fn retry_or_fail(&mut self, name: &'a Name, failure: &Failure, actor: Actor) -> Result<(), Rejected> {
        match self.after_failure(name, failure)? {
            waits @ TaskState::RetryWait { .. } => {
                self.edit(name).waiting_since = None;
                self.change(name, waits, Transition::Retry, actor)
            }
            _ => self.fail(name, failure, actor),
        }
    }

    /// What the retry policy makes of a failed attempt.
    pub fn after_failure(&self, name: &Name, failure: &Failure) -> Result<TaskState, Rejected> {
        let (_, snapshot) = self.find(name)?;
        let wait = backoff(&snapshot.retry, snapshot.progress.attempt, self.moment.uniform);
        let Some(wait) = wait.filter(|_| covers(&snapshot.retry, &failure.cause)) else {
            return Ok(TaskState::Failed(failure.clone()));
        };
        let wait_us = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        Ok(TaskState::RetryWait { until: self.moment.now.plus_micros(wait_us), failure: failure.clone() })
    }

    fn hand_back(&mut self, name: &'a Name) -> Result<(), Rejected> {
        self.change(name, TaskState::Ready, Transition::HandBack, Actor::Worker)?;
        let progress = self.edit(name);
        progress.attempt = progress.attempt.saturating_sub(1);
        Ok(())
    }
}

/// The task is held under this very fence.
fn held(snapshot: &TaskSnapshot, fence: i64) -> Result<(), Rejected> {
    let running = matches!(snapshot.progress.state, TaskState::Running(_));
    if running && snapshot.progress.fence == fence { Ok(()) } else { Err(Rejected::Stale) }
}
