//! What people do to a run: ask for its end, have tasks run again, mark them. Everything here raises fences, so that no
//! worker's word from before counts afterwards. To add something that people can do: an event and a method here.

use std::collections::BTreeSet;

use daybreak_spec::{Name, TriggerRule};

use super::draft::Draft;
use super::{Actor, Failure, Mark, Rejected, RunState, RunStatus, TaskState, Transition};

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
                TaskState::Deferred(_) if task.fan_out.is_some() => self.cancel_items(name)?,
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
        let found = tasks.iter().map(|task| self.find(task)).collect::<Result<Vec<_>, _>>()?;
        let ended = found.iter().all(|(_, task)| task.progress.state.is_terminal());
        if !allowed || found.is_empty() || !ended {
            return Err(Rejected::NotApplicable);
        }
        let (items, named): (Vec<_>, Vec<_>) = found.into_iter().partition(|(name, _)| name.item().is_some());
        let mut again: BTreeSet<&Name> = named.into_iter().map(|(name, _)| name).collect();
        // An item runs again by itself; what needs its task sees the new end.
        let of_items = items.iter().filter_map(|(name, _)| run.tasks.get_key_value(name.item()?.0));
        let of_items: BTreeSet<&Name> = of_items.map(|(name, _)| name).collect();
        again.extend(run.descendants(&again.iter().chain(&of_items).copied().collect::<Vec<_>>()));
        for name in &again {
            self.run_again(name, &run.tasks[*name])?;
        }
        for name in of_items.difference(&again) {
            self.reopen(name)?;
        }
        for (name, task) in items {
            // The list of a task that waits itself is made anew.
            if name.item().is_some_and(|(of, _)| !again.iter().any(|name| name.as_str() == of)) {
                self.run_again(name, task)?;
            }
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
        if let Some((of, _)) = name.item() {
            // Once its task has ended, that is what stands; its items are run again or left.
            let waits = matches!(self.run.tasks[of].progress.state, TaskState::Deferred(_));
            if !waits || snapshot.progress.state.is_terminal() {
                return Err(Rejected::NotApplicable);
            }
        }
        self.change(name, marked, Transition::Mark, Actor::Server)?;
        self.end_items(name)?;
        self.recount = true;
        self.settle_children(name)
    }
}
