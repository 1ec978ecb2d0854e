//! The run as it will be while an event is being decided: the snapshot with the changed tasks laid over it, and the
//! rules that follow from one task to the others and to the run. Must never change a state but through `transition`.
//! What a waiting task becomes is decided in `trigger.rs`; how a run ends, in [`Draft::end_of_run`].

use std::collections::BTreeMap;
use std::sync::Arc;

use daybreak_spec::{Name, Rule, TriggerRule};
use serde_json::Value as Json;

use super::{
    Actor, Changes, Moment, NewList, Rejected, RunSnapshot, RunState, RunStatus, TaskChange, TaskProgress,
    TaskSnapshot, TaskState, TaskStatus, Transition, transition,
};
use crate::{Need, Verdict, decide};

/// Needed tasks named in a reason.
const NAMED: usize = 5;

/// What an event has changed so far.
pub(super) struct Draft<'a> {
    pub run: &'a RunSnapshot,
    pub moment: Moment,
    /// The run's new state, if it changed.
    pub state: Option<RunState>,
    /// The run's end is asked for by this event.
    pub cancel: Option<String>,
    /// It is the run's deadline that asks for it.
    pub overdue: bool,
    /// How a run ended is looked at again, although it has ended.
    pub recount: bool,
    /// Lists that are known now.
    pub lists: Vec<(&'a Name, Arc<[Json]>)>,
    tasks: BTreeMap<&'a Name, TaskProgress>,
}

impl<'a> Draft<'a> {
    pub fn new(run: &'a RunSnapshot, moment: Moment) -> Self {
        let tasks = BTreeMap::new();
        Self { run, moment, state: None, cancel: None, overdue: false, recount: false, lists: Vec::new(), tasks }
    }

    pub fn find(&self, task: &Name) -> Result<(&'a Name, &'a TaskSnapshot), Rejected> {
        let found = self.run.task(task.as_str()).ok_or(Rejected::UnknownTask)?;
        if let Some((of, index)) = task.item() {
            let listed = self.run.tasks[of].fan_out.as_ref().map_or(0, |fan_out| fan_out.items().len());
            // Beyond its end stand those of an earlier, longer list.
            return if (index as usize) < listed { Ok(found) } else { Err(Rejected::UnknownTask) };
        }
        Ok(found)
    }

    /// What this event has changed so far.
    pub fn changed(&self) -> impl Iterator<Item = (&'a Name, &TaskProgress)> {
        self.tasks.iter().map(|(name, after)| (*name, after))
    }

    /// Whether this event has changed it.
    pub fn touched(&self, name: &Name) -> bool {
        self.tasks.contains_key(name)
    }

    pub fn edit(&mut self, name: &'a Name) -> &mut TaskProgress {
        let run = self.run;
        let before = || run.task(name.as_str()).map(|(_, task)| task.progress.clone()).unwrap_or_default();
        self.tasks.entry(name).or_insert_with(before)
    }

    pub fn change(&mut self, name: &'a Name, to: TaskState, rule: Transition, actor: Actor) -> Result<(), Rejected> {
        transition(self.edit(name), to, rule, actor).map_err(|_| Rejected::NotApplicable)
    }

    /// The run's state as it will be.
    pub fn run_status(&self) -> RunStatus {
        self.state.as_ref().unwrap_or(&self.run.state).status()
    }

    pub fn progress(&self, name: &Name) -> Option<&TaskProgress> {
        self.tasks.get(name).or_else(|| self.run.task(name.as_str()).map(|(_, task)| &task.progress))
    }

    /// Lets everything that waited for `ended`, its task where that is an item, directly or through tasks ruled out by it, become what it now is. In a
    /// run that has not started everything waits for its start.
    pub fn settle_children(&mut self, ended: &'a Name) -> Result<(), Rejected> {
        if self.run_status() != RunStatus::Running {
            return Ok(());
        }
        let run = self.run;
        let mut open = vec![ended];
        while let Some(parent) = open.pop() {
            if let Some((of, _)) = parent.item() {
                let of = run.tasks.get_key_value(of).map(|(name, _)| name);
                if let Some(of) = of
                    && self.settle_items(of)?
                {
                    open.push(of);
                }
                continue;
            }
            for (name, task) in run.children(parent) {
                if self.settle(name, task)? {
                    open.push(name);
                }
            }
        }
        Ok(())
    }

    /// The same for everything that waits.
    pub fn settle_waiting(&mut self) -> Result<(), Rejected> {
        if self.run_status() != RunStatus::Running {
            return Ok(());
        }
        let run = self.run;
        for (name, task) in &run.tasks {
            if self.settle(name, task)? || self.settle_items(name)? {
                self.settle_children(name)?;
            }
        }
        Ok(())
    }

    /// Returns whether the task has been ruled out, so that others may follow.
    fn settle(&mut self, name: &'a Name, task: &TaskSnapshot) -> Result<bool, Rejected> {
        let Some(state) = self.settled(name, task) else { return Ok(false) };
        let ready = state == TaskState::Ready;
        let rule = if ready { Transition::Promote } else { Transition::RuleOut };
        self.change(name, state, rule, Actor::Server)?;
        Ok(!ready)
    }

    /// What a waiting task becomes now that some task it needs has ended; `None`: it waits on.
    fn settled(&self, name: &Name, task: &TaskSnapshot) -> Option<TaskState> {
        if self.progress(name)?.state != TaskState::Waiting {
            return None;
        }
        let mut refusal = None;
        let mut needs = Vec::with_capacity(task.parents.len());
        for parent in &task.parents {
            let progress = self.progress(parent)?;
            let items = self.run.tasks.get(parent).and_then(|task| task.fan_out.as_ref()?.list());
            let begun = progress.has_begun() || items.is_some();
            let mut need = Need { task: parent, status: progress.state.status(), begun };
            if task.gated
                && let Some(why) = progress.state.refusal()
            {
                // To a task behind a gate that says no it is as if there had been nothing to do.
                need.status = TaskStatus::Skipped;
                refusal = Some(format!("`{parent}` did not pass: {why}"));
            }
            needs.push(need);
        }
        match (decide(&task.trigger, &needs), refusal) {
            (Verdict::UpstreamFailed, _) => self.culprit(task).map(|upstream| TaskState::UpstreamFailed { upstream }),
            // No rule leads past a gate.
            (_, Some(reason)) => Some(TaskState::Skipped { reason }),
            (Verdict::Wait, None) => None,
            // What is still to come may be the gate.
            (Verdict::Run, None) if task.gated && needs.iter().any(|need| !need.status.is_terminal()) => None,
            (Verdict::Run, None) => Some(TaskState::Ready),
            (Verdict::Skip, None) => Some(TaskState::Skipped { reason: why_skipped(&task.trigger, &needs) }),
        }
    }

    /// The task whose failure leaves this one out: one that it needs, or where that was left out itself, the one because
    /// of which it was.
    fn culprit(&self, task: &TaskSnapshot) -> Option<Name> {
        task.parents.iter().find_map(|parent| match &self.progress(parent)?.state {
            TaskState::Failed(_) | TaskState::Cancelled => Some(parent.clone()),
            TaskState::UpstreamFailed { upstream } => Some(upstream.clone()),
            _ => None,
        })
    }

    pub fn end_run_if_done(&mut self) {
        // Most events leave something to be done themselves: then the others need not be looked at.
        if self.tasks.iter().any(|(name, task)| name.item().is_none() && !task.state.is_terminal()) {
            return;
        }
        let ends_now = |name: &Name| self.tasks.get(name).is_some_and(|task| task.state.is_terminal());
        let mut all = self.run.tasks.iter();
        let ended = all.all(|(name, task)| task.progress.state.is_terminal() || ends_now(name));
        let over = self.run_status().is_terminal() && !self.recount;
        if ended && !over {
            let end = self.end_of_run();
            self.state = Some(end).filter(|end| *end != self.run.state);
        }
    }

    /// How a run ended all of whose tasks have ended.
    fn end_of_run(&self) -> RunState {
        let states = || self.run.tasks.keys().filter_map(|name| Some((name, &self.progress(name)?.state)));
        let cancelled = states().find(|(_, state)| **state == TaskState::Cancelled).map(|(name, _)| name);
        let asked = self.cancel.as_ref().or(self.run.cancel_requested.as_ref());
        if let Some(reason) = asked.filter(|_| self.overdue || self.run.overdue) {
            return RunState::Failed { reason: reason.clone() };
        }
        // A queued run without tasks cannot end before it starts, but it can be cancelled.
        if let Some(reason) = asked.filter(|_| cancelled.is_some() || self.run.tasks.is_empty()) {
            return RunState::Cancelled { reason: reason.clone() };
        }
        let mut failures = states().filter_map(|(name, state)| match state {
            TaskState::Failed(failure) if !self.tolerates(name) => {
                Some(format!("task `{name}` failed: {}", failure.reason))
            }
            _ => None,
        });
        if let Some(first) = failures.next() {
            let reason = match failures.count() {
                0 => first,
                more => format!("{first} (and {more} more failed)"),
            };
            return RunState::Failed { reason };
        }
        // What follows is met only where somebody has run or marked single tasks by hand.
        if let Some(name) = cancelled {
            return RunState::Cancelled { reason: format!("task `{name}` had been cancelled and was not run again") };
        }
        let left_out = states().find_map(|(name, state)| match state {
            TaskState::UpstreamFailed { upstream } if !self.tolerates(upstream) => Some((name, upstream)),
            _ => None,
        });
        match left_out {
            Some((name, upstream)) => RunState::Failed {
                reason: format!("task `{name}` was left out because `{upstream}` had failed, and was not run again"),
            },
            None => RunState::Succeeded,
        }
    }

    /// Whether the run can succeed although the task failed, and so although others were left out because of it.
    fn tolerates(&self, name: &Name) -> bool {
        self.run.tasks.get(name).is_some_and(|task| task.tolerated)
    }

    pub fn into_changes(self) -> Changes {
        let tasks = self
            .tasks
            .into_iter()
            .map(|(name, after)| {
                let (_, before) = self.run.task(name.as_str()).expect("what is changed was found in the run");
                let before = &before.progress;
                TaskChange {
                    task: name.clone(),
                    status_before: before.state.status(),
                    fence_before: before.fence,
                    after,
                }
            })
            .collect();
        let lists = self.lists.into_iter().map(|(task, list)| NewList { task: task.clone(), list }).collect();
        Changes { lists, tasks, run: self.state, cancel_requested: self.cancel, overdue: self.overdue }
    }
}

/// Why a task is not to be run, for people.
fn why_skipped(trigger: &TriggerRule, needs: &[Need<'_>]) -> String {
    let skipped = || needs.iter().rev().find(|need| need.status == TaskStatus::Skipped);
    match trigger {
        TriggerRule::Rule(Rule::AllSuccess) => {
            skipped().map_or_else(String::new, |need| format!("`{}` was skipped", need.task))
        }
        TriggerRule::Rule(rule) => format!("`rule: {}` does not hold: {}", rule.name(), listed(needs)),
        TriggerRule::When(condition) => format!("`when: {condition}` does not hold: {}", listed(needs)),
        TriggerRule::Teardown => format!("nothing that it tears down was started: {}", listed(needs)),
    }
}

fn listed(needs: &[Need<'_>]) -> String {
    let ended = needs.iter().filter(|need| need.status.is_terminal());
    let mut named: Vec<String> = ended.map(|need| format!("`{}` is {}", need.task, need.status)).collect();
    if named.len() > NAMED {
        named.truncate(NAMED);
        named.push("…".to_owned());
    }
    named.join(", ")
}
