//! A transaction being decided: the rows as they were read with what it has written laid over them. Must never decide
//! what follows from an event; that is [`daybreak_core::advance`]. To add something that follows from every command: a
//! step at the end of [`decide`].

use std::collections::BTreeSet;
use std::rc::Rc;

use daybreak_core::{Changes, Event, Moment, Resumption, RunSnapshot, RunState, RunStatus, TaskState, advance};
use daybreak_spec::{Overlap, Timestamp};

use crate::Guards;
use crate::catalogue::Catalogue;
use crate::commands::{Answer, Command};
use crate::ledger::Note;
use crate::store::{Locked, RunId, RunRow, Store, Tx, Write};

/// Decides a command on the rows as they are.
pub(crate) fn decide(
    (store, catalogue): (&Store, &Catalogue),
    command: &Command,
    moment: Moment,
    guards: Guards,
) -> Result<(Tx, Answer), Answer> {
    let (tx, made) = (Tx::default(), store.runs.len());
    let mut draft = Draft { store, catalogue, tx, moment, made, followed: BTreeSet::new(), guards };
    let answer = draft.run(command)?;
    draft.start_queued()?;
    Ok((draft.tx, answer))
}

pub(crate) struct Draft<'a> {
    pub store: &'a Store,
    pub catalogue: &'a Catalogue,
    pub tx: Tx,
    pub moment: Moment,
    made: RunId,
    /// DAGs whose next queued run may start at the end of the transaction.
    pub followed: BTreeSet<usize>,
    pub guards: Guards,
}

impl Draft<'_> {
    pub fn note_hand(&mut self, run: RunId) {
        self.tx.notes.push(Note::ByHand { run });
    }

    pub fn lock(&mut self, row: Locked) {
        let made = matches!(row, Locked::Run(run) if run >= self.store.runs.len());
        if !made && self.tx.locked.iter().all(|(known, _)| *known != row) {
            self.tx.locked.push((row, self.store.revision(row)));
        }
    }

    /// The run as this transaction has it.
    fn snapshot(&self, run: RunId) -> Option<Rc<RunSnapshot>> {
        let written = self.tx.writes.iter().rev().find_map(|write| match write {
            Write::Run { run: id, after, .. } if *id == run => Some(after.clone()),
            Write::Make { id, row } if *id == run => Some(row.snapshot.clone()),
            _ => None,
        });
        written.or_else(|| Some(self.store.run(run)?.snapshot.clone()))
    }

    fn dag_of(&self, run: RunId) -> usize {
        let made = self.tx.writes.iter().find_map(|write| match write {
            Write::Make { id, row } if *id == run => Some(row.dag),
            _ => None,
        });
        made.unwrap_or_else(|| self.store.runs[run].dag)
    }

    /// Lets an event happen to a run.
    pub fn event(&mut self, run: RunId, event: Event) -> Result<(), Answer> {
        self.lock(Locked::Run(run));
        let said = self.out_of_time(run, &event);
        let changes = self.advance(run, &event)?;
        self.tx.notes.push(Note::Event { run, event: said.unwrap_or(event) });
        self.note_state(run, &changes);
        Ok(())
    }

    /// The end of a wait, where it was not the wait's own limit that brought it but its attempt's timeout.
    fn out_of_time(&self, run: RunId, event: &Event) -> Option<Event> {
        let Event::WaitOver { task } = event else { return None };
        let snapshot = self.snapshot(run)?;
        let TaskState::Deferred(deferral) = &snapshot.tasks.get(task)?.progress.state else { return None };
        let by_timeout = matches!(deferral.at_timeout, Resumption::FailsAttempt(_));
        let resumption = deferral.at_timeout.clone();
        by_timeout.then(|| Event::Resume { task: task.clone(), fence: 0, resumption })
    }

    pub fn advance(&mut self, run: RunId, event: &Event) -> Result<Changes, Answer> {
        let base = self.snapshot(run).ok_or(Answer::Refused)?;
        let changes = advance(&base, event, self.moment)?;
        let mut after = (*base).clone();
        after.apply(&changes);
        let (after, now) = (Rc::new(after), self.moment.now);
        self.tx.writes.push(Write::Run { run, base, after, changes: changes.clone(), now });
        Ok(changes)
    }

    pub fn note_state(&mut self, run: RunId, changes: &Changes) {
        if let Some(state) = &changes.run {
            let dag = self.dag_of(run);
            self.lock(Locked::Dag(dag));
            self.tx.notes.push(Note::Run { run, status: state.status() });
            if state.status() != RunStatus::Running {
                self.followed.insert(dag);
            }
        }
    }

    /// Starts the longest-queued run of each DAG in which a run ended or was made, unless one is running.
    fn start_queued(&mut self) -> Result<(), Answer> {
        while let Some(dag) = self.followed.pop_first() {
            self.lock(Locked::Dag(dag));
            let active = self.active(dag);
            let running = active.iter().any(|(run, _)| self.status(*run) == RunStatus::Running);
            let mut queued = active.iter().filter(|(run, _)| self.status(*run) == RunStatus::Queued);
            if let Some((next, _)) = queued.next().filter(|_| !running) {
                self.event(*next, Event::Start)?;
            }
        }
        Ok(())
    }

    fn status(&self, run: RunId) -> RunStatus {
        self.snapshot(run).expect("a run of the store").state.status()
    }

    /// The DAG's runs that have not ended, by the end of their windows.
    pub fn active(&self, dag: usize) -> Vec<(RunId, Timestamp)> {
        let made = self.tx.writes.iter().filter_map(|write| match write {
            Write::Make { id, row } => Some((*id, row)),
            _ => None,
        });
        let known = self.store.runs.iter().enumerate();
        let of_dag = known.chain(made).filter(|(run, row)| row.dag == dag && !self.status(*run).is_terminal());
        let mut active: Vec<_> = of_dag.map(|(run, row)| (run, row.window_end)).collect();
        active.sort_unstable_by_key(|(run, window_end)| (*window_end, *run));
        active
    }

    pub fn make(
        &mut self,
        dag: usize,
        at: Option<Timestamp>,
        end: Timestamp,
        overlap: Option<(Overlap, bool)>,
    ) -> RunId {
        self.lock(Locked::Dag(dag));
        let id = self.made;
        self.made += 1;
        let skipped = overlap.is_some_and(|(_, skipped)| skipped);
        let snapshot = if skipped {
            let state = RunState::Skipped { reason: "a run was still active".to_owned() };
            Rc::new(RunSnapshot {
                state,
                cancel_requested: None,
                overdue: false,
                tasks: Default::default(),
                needed_by: Default::default(),
            })
        } else {
            self.store.dags[dag].template.clone()
        };
        let row = RunRow { dag, scheduled_for: at, window_end: end, snapshot, revision: 0, cancel_at: None };
        self.tx.writes.push(Write::Make { id, row });
        self.tx.notes.push(Note::Made { run: id, dag, at, overlap });
        id
    }
}
