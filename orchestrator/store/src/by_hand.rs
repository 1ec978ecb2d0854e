//! What people do to single tasks of a run: have them run again, or say how they end. `daybreak_core::advance` decides;
//! what is said here is why something does not apply and what to do instead. Everything is audited in its own transaction.
//! To add something that people can do: an event in `daybreak_core`, a command here.

use std::collections::BTreeSet;

use daybreak_core::{Changes, Event, Mark, Rejected, RunState, RunStatus, TaskState, TaskStatus};
use daybreak_spec::Name;

use crate::audit::audit;
use crate::changes::{decide, write};
use crate::known::Known;
use crate::load::{LoadedRun, hold};
use crate::tx::{Command, Tx};
use crate::{Caller, Error, Store};

/// Tasks named in an entry of the audit or in a refusal; the others are counted.
const MOST_NAMED: usize = 20;

/// What of a run is to run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Again {
    /// All of it, once it has ended.
    Everything,
    /// What failed, was cancelled or left out for a failure, once it has ended.
    FromFailed,
    /// One task that has ended, and all that needs it.
    Task(Name),
}

/// What runs again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunAgain {
    /// The snapshot that declares it: the run's own.
    pub version: String,
    /// In order of name.
    pub tasks: Vec<Name>,
}

/// Has tasks of a run run again.
pub(crate) struct Rerun {
    pub run_id: String,
    pub again: Again,
    pub caller: Caller,
}

/// Finds out what would run again, and writes nothing.
struct PlanRerun {
    run_id: String,
    again: Again,
}

/// How a task ends, in somebody's word.
#[derive(Clone, Debug, PartialEq)]
pub struct MarkTask {
    /// The run.
    pub run_id: String,
    /// The task.
    pub task: Name,
    /// Its end.
    pub mark: Mark,
    /// Why, for the audit.
    pub reason: String,
    /// Who says so.
    pub caller: Caller,
}

impl Command for Rerun {
    type Reply = RunAgain;
    async fn run(&self, tx: &mut Tx) -> Result<RunAgain, Error> {
        let (run, changes) = Asked { run_id: &self.run_id, again: &self.again }.decided(tx).await?;
        let again = RunAgain::of(&run, &changes);
        write(tx, run, &changes, None).await?;
        let (action, asked) = match &self.again {
            Again::Everything => ("rerun", "all of it".to_owned()),
            Again::FromFailed => ("rerun", "from its failed tasks".to_owned()),
            Again::Task(task) => ("clear", format!("`{task}` and all that needs it")),
        };
        let detail = format!("{asked}: {}", listed(again.tasks.iter().map(Name::to_string).collect()));
        audit(tx, Some(&self.caller), action, (&self.run_id, &detail));
        Ok(again)
    }

    fn run_id<'a>(&'a self, _known: &'a Known) -> Option<&'a str> {
        Some(&self.run_id)
    }
}

impl Command for PlanRerun {
    type Reply = RunAgain;
    async fn run(&self, tx: &mut Tx) -> Result<RunAgain, Error> {
        let (run, changes) = Asked { run_id: &self.run_id, again: &self.again }.decided(tx).await?;
        let again = RunAgain::of(&run, &changes);
        tx.known.keep(run);
        Ok(again)
    }

    fn run_id<'a>(&'a self, _known: &'a Known) -> Option<&'a str> {
        Some(&self.run_id)
    }
}

impl RunAgain {
    fn of(run: &LoadedRun, changes: &Changes) -> Self {
        let waits = changes.tasks.iter().filter(|change| change.after.state == TaskState::Waiting);
        let tasks: BTreeSet<Name> = waits.map(|change| change.task.clone()).collect();
        Self { version: run.version.clone(), tasks: tasks.into_iter().collect() }
    }
}

/// What is to run again of which run.
struct Asked<'a> {
    run_id: &'a str,
    again: &'a Again,
}

impl Asked<'_> {
    /// The run, held, and what would change, or why nothing can.
    async fn decided(&self, tx: &mut Tx) -> Result<(LoadedRun, Changes), Error> {
        let mut run = hold(tx, self.run_id).await?;
        let event = Event::Rerun { tasks: self.tasks(&run) };
        let changes = match self.refusal(&run) {
            Some(refused) => Err(refused),
            None => decide(tx, &mut run, &event).await?.map_err(|rejected| self.not_again(&run, rejected)),
        };
        match changes {
            Ok(changes) => Ok((run, changes)),
            Err(refused) => {
                tx.known.keep(run);
                Err(refused)
            }
        }
    }

    fn tasks(&self, run: &LoadedRun) -> Vec<Name> {
        let in_state = |wanted: fn(TaskStatus) -> bool| {
            let tasks = run.snapshot.tasks.iter().filter(|(_, task)| wanted(task.progress.state.status()));
            tasks.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        match self.again {
            Again::Everything => in_state(|_| true),
            Again::FromFailed => self.items_instead(
                run,
                in_state(|status| match status {
                    TaskStatus::Failed | TaskStatus::UpstreamFailed | TaskStatus::Cancelled => true,
                    TaskStatus::Waiting
                    | TaskStatus::Ready
                    | TaskStatus::Running
                    | TaskStatus::Deferred
                    | TaskStatus::RetryWait
                    | TaskStatus::Succeeded
                    | TaskStatus::Skipped => false,
                }),
            ),
            Again::Task(task) => vec![task.clone()],
        }
    }

    /// Of a task that is done once per item, those items that failed run again and not those that did their work.
    fn items_instead(&self, run: &LoadedRun, tasks: Vec<Name>) -> Vec<Name> {
        let mut again = Vec::new();
        for task in tasks {
            let fan_out = run.snapshot.tasks[&task].fan_out.as_ref();
            let items = fan_out.into_iter().flat_map(|fan_out| fan_out.items());
            let failed =
                items.filter(|item| matches!(item.task.progress.state, TaskState::Failed(_) | TaskState::Cancelled));
            let failed: Vec<Name> = failed.map(|item| item.name.clone()).collect();
            again.extend(if failed.is_empty() { vec![task] } else { failed });
        }
        again
    }

    /// What is seen before anything is decided.
    fn refusal(&self, run: &LoadedRun) -> Option<Error> {
        let (run_id, dag) = (self.run_id, &run.dag);
        let state = &run.snapshot.state;
        if let RunState::Skipped { reason } = state {
            return Some(Error::Refused(format!(
                "run {run_id} is a firing that was skipped ({reason}) and has no tasks to run again; start a run by \
                 hand: daybreak run {dag} --at {}",
                run.window_end
            )));
        }
        if let Again::Task(task) = self.again {
            return (!is_there(run, task)).then(|| no_task(run, task));
        }
        if !state.status().is_terminal() {
            return Some(Error::Refused(format!(
                "run {run_id} is {} and has not ended; wait for its end, or have a task of it that has ended run again: \
                 daybreak clear {run_id} TASK",
                state.status()
            )));
        }
        let nothing = *self.again == Again::FromFailed && self.tasks(run).is_empty();
        nothing.then(|| {
            Error::Refused(format!(
                "no task of run {run_id} failed or was cancelled; all of it runs again with: daybreak rerun {run_id}"
            ))
        })
    }

    /// Why tasks cannot run again, from the run as it is now.
    fn not_again(&self, run: &LoadedRun, rejected: Rejected) -> Error {
        let Again::Task(task) = self.again else {
            return Error::Refused(format!("run {} cannot run again: {rejected}", self.run_id));
        };
        let Some((_, snapshot)) = run.snapshot.task(task.as_str()) else { return no_task(run, task) };
        let (run_id, status) = (self.run_id, snapshot.progress.state.status());
        let detail = if !status.is_terminal() {
            format!("task `{task}` of run {run_id} is {status} and has not ended: there is nothing to run again yet")
        } else if run.snapshot.state.status() == RunStatus::Queued {
            format!("run {run_id} is queued; what is to run again waits for its start already: let it start first")
        } else if run.snapshot.cancel_requested.is_some() {
            format!("run {run_id} is being cancelled; when it has ended: daybreak clear {run_id} {task}")
        } else {
            let of = task.item().and_then(|(of, _)| run.snapshot.tasks.get_key_value(of)).map_or(task, |(of, _)| of);
            let below = run.snapshot.descendants(&[of]);
            let busy = below.into_iter().filter_map(|name| {
                let status = run.snapshot.tasks[name].progress.state.status();
                (!status.is_terminal() && status != TaskStatus::Waiting).then(|| format!("`{name}` ({status})"))
            });
            format!(
                "task `{task}` of run {run_id} cannot run again while tasks that need it are under way: {}; wait for \
                 their end, or end them: daybreak mark {run_id} TASK failed --reason …",
                listed(busy.collect())
            )
        };
        Error::Refused(detail)
    }
}

impl Command for MarkTask {
    type Reply = TaskStatus;
    async fn run(&self, tx: &mut Tx) -> Result<TaskStatus, Error> {
        let mut run = hold(tx, &self.run_id).await?;
        let event = Event::Mark { task: self.task.clone(), mark: self.mark.clone() };
        let decided = match self.refusal(&run) {
            Some(refused) => Err(refused),
            None => decide(tx, &mut run, &event).await?.map_err(Error::from),
        };
        let changes = match decided {
            Ok(changes) => changes,
            Err(refused) => {
                tx.known.keep(run);
                return Err(refused);
            }
        };
        let before = run.snapshot.task(self.task.as_str()).map(|(_, task)| task.progress.state.status());
        let before = before.ok_or_else(|| no_task(&run, &self.task))?;
        write(tx, run, &changes, None).await?;
        let word = match self.mark {
            Mark::Succeeded { .. } => TaskStatus::Succeeded,
            Mark::Failed { .. } => TaskStatus::Failed,
            Mark::Skipped { .. } => TaskStatus::Skipped,
        };
        let detail = format!("`{}`, which was {before}, {word}: {}", self.task, self.reason);
        audit(tx, Some(&self.caller), "mark", (&self.run_id, &detail));
        Ok(before)
    }

    fn run_id<'a>(&'a self, _known: &'a Known) -> Option<&'a str> {
        Some(&self.run_id)
    }
}

impl MarkTask {
    fn refusal(&self, run: &LoadedRun) -> Option<Error> {
        let (run_id, task) = (&self.run_id, &self.task);
        if !is_there(run, task) {
            return Some(no_task(run, task));
        }
        let (_, snapshot) = run.snapshot.task(task.as_str())?;
        let status = snapshot.progress.state.status();
        status.is_terminal().then(|| {
            Error::Refused(format!(
                "task `{task}` of run {run_id} has ended {status} already; let it and all that needs it wait again, then \
                 mark it: daybreak clear {run_id} {task}"
            ))
        })
    }
}

impl Store {
    /// What [`Store::rerun`] would have run again now; nothing is changed.
    ///
    /// # Errors
    /// As [`Store::rerun`].
    pub async fn plan_rerun(&self, run_id: String, again: Again) -> Result<RunAgain, Error> {
        self.write(PlanRerun { run_id, again }).await
    }
}

/// Whether it is a task of the run, or an item of the list that one has now.
fn is_there(run: &LoadedRun, task: &Name) -> bool {
    let Some((of, index)) = task.item() else { return run.snapshot.tasks.contains_key(task) };
    let fan_out = run.snapshot.tasks.get(of).and_then(|task| task.fan_out.as_ref());
    fan_out.is_some_and(|fan_out| (index as usize) < fan_out.items().len())
}

fn no_task(run: &LoadedRun, task: &Name) -> Error {
    if let Some((of, _)) = task.item()
        && let Some(snapshot) = run.snapshot.tasks.get(of)
    {
        let why = match &snapshot.fan_out {
            None => "is not done once per item".to_owned(),
            Some(fan_out) if fan_out.list().is_none() => "has no list yet".to_owned(),
            Some(fan_out) => format!("has {} items, from 0", fan_out.items().len()),
        };
        return Error::NotFound(format!("run {} has no `{task}`: `{of}` {why}", run.run_id));
    }
    let tasks = listed(run.snapshot.tasks.keys().map(Name::to_string).collect());
    Error::NotFound(format!("run {} has no task `{task}`; it has {tasks}", run.run_id))
}

fn listed(mut names: Vec<String>) -> String {
    if names.len() > MOST_NAMED {
        let more = names.len() - MOST_NAMED;
        names.truncate(MOST_NAMED);
        names.push(format!("{more} more"));
    }
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
