//! What happens to tasks that no worker holds: their run starts, their wait is over, their result is known already, or
//! nobody took them in time. To add something a task can wait for: `wait.rs`.

use daybreak_spec::Name;
use serde_json::{Map, Value as Json};

use super::draft::Draft;
use super::{
    Actor, Deferral, Failure, QueueEnd, Rejected, Resumption, RunState, RunStatus, TaskState, TaskStatus, Transition,
    Wait,
};

impl<'a> Draft<'a> {
    pub fn start(&mut self) -> Result<(), Rejected> {
        if self.run.state != RunState::Queued {
            return Err(Rejected::NotApplicable);
        }
        self.state = Some(RunState::Running);
        self.settle_waiting()
    }

    pub fn retry_due(&mut self, task: &Name) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        match snapshot.progress.state {
            TaskState::RetryWait { until, .. } if until <= self.moment.now => {}
            _ => return Err(Rejected::NotApplicable),
        }
        self.change(name, TaskState::Ready, Transition::RetryDue, Actor::Server)
    }

    /// Its limits count from the first time that the attempt gave its slot back.
    pub fn defer(&mut self, name: &'a Name, wait: &Wait) -> Result<(), Rejected> {
        let (_, snapshot) = self.find(name)?;
        let since = snapshot.progress.waiting_since.unwrap_or(self.moment.now);
        let deferral = wait.deferral(since, self.moment.now, snapshot.timeout_us);
        self.change(name, TaskState::Deferred(deferral), Transition::Defer, Actor::Worker)?;
        self.edit(name).waiting_since = Some(since);
        Ok(())
    }

    pub fn resume(&mut self, task: &Name, fence: i64, resumption: &Resumption) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        if snapshot.progress.state.status() != TaskStatus::Deferred || snapshot.progress.fence != fence {
            return Err(Rejected::Stale);
        }
        self.end_wait(name, resumption)
    }

    pub fn wait_over(&mut self, task: &Name) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        match &snapshot.progress.state {
            TaskState::Deferred(Deferral { until: Some(until), at_timeout, .. }) if *until <= self.moment.now => {
                self.end_wait(name, at_timeout)
            }
            _ => Err(Rejected::NotApplicable),
        }
    }

    pub fn cache_hit(&mut self, task: &Name, outputs: &Map<String, Json>) -> Result<(), Rejected> {
        let name = self.ready(task)?;
        let succeeded = TaskState::Succeeded { outputs: outputs.clone() };
        self.change(name, succeeded, Transition::CacheHit, Actor::Server)?;
        self.settle_children(name)
    }

    pub fn queue_timed_out(&mut self, task: &Name, fence: i64, end: &QueueEnd) -> Result<(), Rejected> {
        let name = self.ready(task)?;
        if self.run.tasks[name].progress.fence != fence {
            return Err(Rejected::Stale);
        }
        let ended = match end {
            QueueEnd::Failed(failure) => TaskState::Failed(failure.clone()),
            QueueEnd::Skipped { reason } => TaskState::Skipped { reason: reason.clone() },
        };
        self.change(name, ended, Transition::QueueTimeout, Actor::Server)?;
        self.settle_children(name)
    }

    /// Whoever holds it hears that it is no longer his.
    pub fn total_timed_out(&mut self, task: &Name, fence: i64, failure: &Failure) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        if snapshot.progress.fence != fence {
            return Err(Rejected::Stale);
        }
        if snapshot.progress.cancel_requested {
            return Err(Rejected::NotApplicable);
        }
        self.change(name, TaskState::Failed(failure.clone()), Transition::TotalTimeout, Actor::Server)?;
        self.settle_children(name)
    }

    fn end_wait(&mut self, name: &'a Name, resumption: &Resumption) -> Result<(), Rejected> {
        let state = match resumption {
            Resumption::Continues => TaskState::Ready,
            Resumption::Succeeds { outputs } => TaskState::Succeeded { outputs: outputs.clone() },
            Resumption::Fails(failure) => TaskState::Failed(failure.clone()),
            Resumption::FailsAttempt(failure) => self.after_failure(name, failure)?,
            Resumption::Skips { reason } => TaskState::Skipped { reason: reason.clone() },
        };
        let again = matches!(state, TaskState::RetryWait { .. });
        self.change(name, state, Transition::Resume, Actor::Server)?;
        if again {
            self.edit(name).waiting_since = None;
            return Ok(());
        }
        if *resumption == Resumption::Continues {
            // The next claim goes on with the attempt that was charged already.
            let progress = self.edit(name);
            progress.attempt = progress.attempt.saturating_sub(1);
            return Ok(());
        }
        self.settle_children(name)
    }

    fn ready(&self, task: &Name) -> Result<&'a Name, Rejected> {
        let (name, snapshot) = self.find(task)?;
        let ready = snapshot.progress.state == TaskState::Ready && self.run_status() == RunStatus::Running;
        if ready { Ok(name) } else { Err(Rejected::NotApplicable) }
    }
}
