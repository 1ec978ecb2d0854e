//! What people do to a run: ask for its end, have tasks run again, mark them. Everything here raises fences, so that no
//! worker's word from before counts afterwards. To add something that people can do: an event and a method here.

use std::collections::BTreeSet;

use daybreak_spec::{Name, TriggerRule};

use super::draft::Draft;
use super::{Actor, Failure, Mark, Rejected, RunState, RunStatus, TaskState, TaskStatus, Transition};

impl Draft<'_> {
    pub fn cancel(&mut self, reason: &str) -> Result<(), Rejected> {
        if self.run.state.status().is_terminal() || self.run.cancel_requested.is_some() {
            return Err(Rejected::NotApplicable);
        }
        self.cancel = Some(reason.to_owned());
        let run = self.run;
        let running = self.run_status() == RunStatus::Running;
        for (name, task) in &run.tasks {
            // Whatever has been started is cleared up after: teardowns go on, or wait for what is being ended.
            if running && task.trigger == TriggerRule::Teardown {
                continue;
            }
            match task.progress.state {
                TaskState::Running(_) => self.edit(name).cancel_requested = true,
                TaskState::Waiting | TaskState::Ready | TaskState::RetryWait { .. } | TaskState::Deferred(_) => {
                    self.change(name, TaskState::Cancelled, Transition::CancelIdle, Actor::Server)?;
                }
                TaskState::Succeeded { .. }
                | TaskState::Failed(_)
                | TaskState::Skipped { .. }
                | TaskState::UpstreamFailed { .. }
                | TaskState::Cancelled => {}
            }
        }
        self.settle_waiting()
    }

    /// Ends what is left of a run that goes on; whatever was started is cleared up after.
    pub fn overdue(&mut self, reason: &str) -> Result<(), Rejected> {
        if self.run.state != RunState::Running {
            return Err(Rejected::NotApplicable);
        }
        self.overdue = true;
        self.cancel(reason)
    }

    /// The named tasks and all that need them wait again. Not while the run is being ended, nor while one of them is
    /// still under way: what it reads would change under it.
    pub fn rerun(&mut self, tasks: &[Name]) -> Result<(), Rejected> {
        let run = self.run;
        let allowed = match run.state.status() {
            RunStatus::Queued | RunStatus::Skipped => false,
            RunStatus::Running => run.cancel_requested.is_none(),
            RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled => true,
        };
        let named: Vec<&Name> =
            tasks.iter().map(|task| self.find(task).map(|(name, _)| name)).collect::<Result<_, _>>()?;
        let ended = |name: &Name| run.tasks[name].progress.state.is_terminal();
        if !allowed || named.is_empty() || !named.iter().all(|name| ended(name)) {
            return Err(Rejected::NotApplicable);
        }
        let mut again: BTreeSet<&Name> = run.descendants(&named);
        again.extend(named);
        for name in again {
            if run.tasks[name].progress.state.status() == TaskStatus::Waiting {
                continue;
            }
            self.change(name, TaskState::Waiting, Transition::Rerun, Actor::Server)?;
            let progress = self.edit(name);
            progress.generation += 1;
            (progress.attempt, progress.lost, progress.cancel_requested) = (0, 0, false);
            progress.waiting_since = None;
        }
        if run.state.status().is_terminal() {
            self.state = Some(RunState::Queued);
        }
        Ok(())
    }

    pub fn mark(&mut self, task: &Name, mark: &Mark) -> Result<(), Rejected> {
        let (name, snapshot) = self.find(task)?;
        let marked = match mark {
            Mark::Succeeded { outputs } => TaskState::Succeeded { outputs: outputs.clone() },
            Mark::Failed { reason } => TaskState::Failed(Failure { cause: "marked".into(), reason: reason.clone() }),
            Mark::Skipped { reason } => TaskState::Skipped { reason: reason.clone() },
        };
        if snapshot.progress.state.status() == marked.status() {
            return Err(Rejected::NotApplicable);
        }
        self.change(name, marked, Transition::Mark, Actor::Server)?;
        self.recount = true;
        self.settle_children(name)
    }
}
