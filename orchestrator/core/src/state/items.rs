//! What happens to a task that is done once per item of a list, and what follows from the states of its items: as many as
//! may are let in, in order, and once all have ended so has the task. To tasks that need it, its own state is all there is.
//! Must never look at every item where only one has changed.

use std::sync::Arc;

use daybreak_spec::Name;
use serde_json::{Map, Value as Json, json};

use super::draft::Draft;
use super::fan_out::{Counts, FanOut, MAX_ITEMS};
use super::{
    Actor, Awaited, Deferral, Failure, Rejected, Resumption, RunStatus, TaskSnapshot, TaskState, TaskStatus, Transition,
};
use crate::outputs::MAX_OUTPUTS_BYTES;

impl<'a> Draft<'a> {
    /// A ready task gets its list, or cannot have one.
    pub fn fan_out(&mut self, task: &Name, list: &Result<Arc<[Json]>, Failure>) -> Result<(), Rejected> {
        let name = self.ready(task)?;
        let Some(fan_out) = &self.run.tasks[name].fan_out else { return Err(Rejected::NotApplicable) };
        let state = match list {
            Err(failure) => TaskState::Failed(failure.clone()),
            Ok(list) if list.len() > MAX_ITEMS => {
                let items = list.len();
                let reason = format!(
                    "its list has {items} items and may have {MAX_ITEMS}: let an item stand for several, or make several tasks"
                );
                TaskState::Failed(Failure { cause: "too_many_items".to_owned(), reason })
            }
            Ok(list) => {
                self.lists.push((name, list.clone()));
                match list.is_empty() {
                    true => TaskState::Succeeded { outputs: joined(&[], Counts::default(), &[]) },
                    false => TaskState::Deferred(waits_for_items(list.len())),
                }
            }
        };
        let listed = matches!(state, TaskState::Deferred(_));
        self.change(name, state, Transition::FanOut, Actor::Server)?;
        if !listed {
            return self.settle_children(name);
        }
        // Task runs of an earlier list are run again for the items that stand at their places now.
        let length = list.as_ref().map_or(0, |list| list.len());
        for item in fan_out.all_items().iter().take(length) {
            self.run_again(&item.name, &item.task)?;
        }
        Ok(())
    }

    /// Lets in as many items as may be, or ends the task if all of them have ended. Returns whether it has ended.
    pub fn settle_items(&mut self, name: &'a Name) -> Result<bool, Rejected> {
        let Some(fan_out) = &self.run.tasks[name].fan_out else { return Ok(false) };
        let waits = self.progress(name).is_some_and(|task| matches!(task.state, TaskState::Deferred(_)));
        if !waits {
            return Ok(false);
        }
        let counts = self.counts(name, fan_out);
        if counts.open() == 0 {
            self.join(name, fan_out, counts)?;
            return Ok(true);
        }
        if self.run_status() != RunStatus::Running {
            return Ok(false);
        }
        let room = fan_out.max_parallel.saturating_sub(counts.busy) as usize;
        let untouched = |item: &&super::Item| !self.touched(&item.name);
        let next: Vec<&'a Name> = fan_out.waiting().filter(untouched).take(room).map(|item| &item.name).collect();
        for item in next {
            self.change(item, TaskState::Ready, Transition::Promote, Actor::Server)?;
        }
        Ok(false)
    }

    /// The counts as this event leaves them.
    fn counts(&self, name: &Name, fan_out: &FanOut) -> Counts {
        let mut counts = fan_out.counts();
        for (changed, after) in self.changed() {
            let Some((of, index)) = changed.item() else { continue };
            if of == name.as_str()
                && let Some(item) = fan_out.items().get(index as usize)
            {
                counts.moved(item.task.progress.state.status(), after.state.status());
            }
        }
        counts
    }

    fn join(&mut self, name: &'a Name, fan_out: &'a FanOut, counts: Counts) -> Result<(), Rejected> {
        let states: Vec<&TaskState> =
            fan_out.items().iter().filter_map(|item| Some(&self.progress(&item.name)?.state)).collect();
        let failed = (0_u32..).zip(&states).find_map(|(index, state)| match state {
            TaskState::Failed(failure) => Some((index, &failure.reason)),
            _ => None,
        });
        let state = match failed {
            _ if counts.cancelled > 0 => TaskState::Cancelled,
            Some((index, reason)) if !self.run.tasks[name].tolerated => {
                let more = match counts.failed {
                    1 => String::new(),
                    all => format!(" (and {} more of {} failed)", all - 1, states.len()),
                };
                let reason = format!("item {index} failed: {reason}{more}");
                TaskState::Failed(Failure { cause: "items_failed".to_owned(), reason })
            }
            _ => TaskState::Succeeded { outputs: joined(&states, counts, &refusals(&states)) },
        };
        let rule = if state == TaskState::Cancelled { Transition::CancelIdle } else { Transition::Resume };
        self.change(name, state, rule, Actor::Server)
    }

    /// Asks for the end of every item that has not ended, and of the task with them.
    pub fn cancel_items(&mut self, name: &'a Name) -> Result<(), Rejected> {
        let Some(fan_out) = &self.run.tasks[name].fan_out else { return Ok(()) };
        for item in fan_out.items() {
            match item.task.progress.state.status() {
                TaskStatus::Running => self.edit(&item.name).cancel_requested = true,
                status if !status.is_terminal() => {
                    self.change(&item.name, TaskState::Cancelled, Transition::CancelIdle, Actor::Server)?;
                }
                _ => {}
            }
        }
        self.settle_items(name).map(drop)
    }

    /// The task has ended over the heads of its items: nobody waits for them.
    pub fn end_items(&mut self, name: &'a Name) -> Result<(), Rejected> {
        let Some(fan_out) = self.run.tasks.get(name).and_then(|task| task.fan_out.as_ref()) else { return Ok(()) };
        for item in fan_out.items() {
            let rule = match item.task.progress.state.status() {
                TaskStatus::Running => Transition::CancelRunning,
                status if !status.is_terminal() => Transition::CancelIdle,
                _ => continue,
            };
            self.change(&item.name, TaskState::Cancelled, rule, Actor::Server)?;
        }
        Ok(())
    }

    /// An item is to run again by itself: its task waits for its items once more.
    pub fn reopen(&mut self, name: &'a Name) -> Result<(), Rejected> {
        let snapshot = &self.run.tasks[name];
        if !self.progress(name).is_some_and(|task| task.state.is_terminal()) {
            return Ok(());
        }
        let items = snapshot.fan_out.as_ref().map_or(0, |fan_out| fan_out.items().len());
        self.change(name, TaskState::Deferred(waits_for_items(items)), Transition::Reopen, Actor::Server)
    }

    /// Lets a task that has ended, or the task run of an item, wait again.
    pub fn run_again(&mut self, name: &'a Name, task: &TaskSnapshot) -> Result<(), Rejected> {
        if task.progress.state.status() == TaskStatus::Waiting {
            return Ok(());
        }
        self.change(name, TaskState::Waiting, Transition::Rerun, Actor::Server)?;
        let progress = self.edit(name);
        progress.generation += 1;
        (progress.attempt, progress.lost, progress.cancel_requested) = (0, 0, false);
        progress.waiting_since = None;
        Ok(())
    }
}

/// It holds no worker, and nobody but its items ends the wait.
fn waits_for_items(items: usize) -> Deferral {
    let condition = Awaited::Items { items };
    Deferral { condition, until: None, at_timeout: Resumption::Continues, ends_at: None }
}

/// Items whose gate said no, with why.
fn refusals(states: &[&TaskState]) -> Vec<(usize, String)> {
    let refused = states.iter().enumerate().filter_map(|(index, state)| Some((index, state.refusal()?.to_owned())));
    refused.collect()
}

/// What the task hands on. What the items handed on is part of it as long as it is small enough.
fn joined(states: &[&TaskState], counts: Counts, refusals: &[(usize, String)]) -> Map<String, Json> {
    let mut joined = Map::new();
    joined.insert("items".to_owned(), states.len().into());
    joined.insert("succeeded".to_owned(), counts.succeeded.into());
    joined.insert("failed".to_owned(), counts.failed.into());
    if let Some((index, why)) = refusals.first() {
        joined.insert("passed".to_owned(), false.into());
        joined.insert("reason".to_owned(), format!("item {index} did not pass: {why}").into());
    }
    let (mut outputs, mut size) = (Vec::with_capacity(states.len()), json!(joined).to_string().len() + 16);
    for state in states {
        let of_item = match state {
            TaskState::Succeeded { outputs } => Json::Object(outputs.clone()),
            _ => Json::Null,
        };
        size += of_item.to_string().len() + 1;
        outputs.push(of_item);
    }
    if size <= MAX_OUTPUTS_BYTES {
        joined.insert("outputs".to_owned(), outputs.into());
    } else {
        let why = format!("the outputs of the items take {size} bytes, and at most {MAX_OUTPUTS_BYTES} are handed on");
        joined.insert("outputs_left_out".to_owned(), why.into());
    }
    joined
}
