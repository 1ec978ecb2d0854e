//! The fake store: rows in memory, transactions that are made or not, group commit. What has not been flushed is lost in
//! a crash. Mirrors the real store's guards in as few lines as possible: compare-and-set on every row, a run's revision,
//! the leader's epoch. Must never decide what follows from an event. To add a row: a field, a `Write`, its undoing.

use std::collections::BTreeMap;
use std::rc::Rc;

use daybreak_core::{Changes, RunSnapshot, RunState};
use daybreak_spec::Timestamp;

use crate::Guards;
use crate::catalogue::PlanId;
use crate::ledger::Note;

pub(crate) type RunId = usize;

#[derive(Clone)]
pub(crate) struct RunRow {
    pub dag: usize,
    pub scheduled_for: Option<Timestamp>,
    pub window_end: Timestamp,
    pub snapshot: Rc<RunSnapshot>,
    pub revision: u64,
    pub cancel_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct DagRow {
    pub plan: PlanId,
    pub template: Rc<RunSnapshot>,
    pub cursors: Vec<Timestamp>,
    /// Rises with every change of which runs are active; stands for the lock on the DAG's row.
    pub revision: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct WorkerRow {
    pub lease_until: Timestamp,
    /// The server process it lives in.
    pub inside: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeaderRow {
    pub holder: u64,
    pub epoch: i64,
    pub lease_until: Timestamp,
}

/// One statement of a transaction, with what it was decided on.
pub(crate) enum Write {
    Run { run: RunId, base: Rc<RunSnapshot>, after: Rc<RunSnapshot>, changes: Changes, now: Timestamp },
    Make { id: RunId, row: RunRow },
    Cursor { dag: usize, schedule: usize, from: Timestamp, to: Timestamp },
    Worker { id: u64, row: Option<WorkerRow> },
    Leader { before: LeaderRow, after: LeaderRow },
    Business(Timestamp),
    Deploy { dag: usize, row: DagRow },
}

/// A row whose revision has to be the one that was read, and rises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Locked {
    Run(RunId),
    Dag(usize),
}

/// What a command wants written.
#[derive(Default)]
pub(crate) struct Tx {
    pub writes: Vec<Write>,
    pub locked: Vec<(Locked, u64)>,
    /// The leader's epoch, checked in the transaction.
    pub epoch: Option<i64>,
    pub notes: Vec<Note>,
}

enum Undo {
    Run(RunId, RunRow),
    Made,
    Dag(usize, DagRow),
    Worker(u64, Option<WorkerRow>),
    Leader(LeaderRow),
    Business(Timestamp),
}

/// Somebody else changed what a transaction was decided on.
pub(crate) struct Conflict(pub &'static str);

pub(crate) struct Store {
    pub runs: Vec<RunRow>,
    pub dags: Vec<DagRow>,
    pub workers: BTreeMap<u64, WorkerRow>,
    pub leader: LeaderRow,
    /// Simulated business time.
    pub business: Timestamp,
    guards: Guards,
    undo: Vec<Undo>,
    notes: Vec<Note>,
}

impl Store {
    pub fn new(dags: Vec<DagRow>, business: Timestamp, guards: Guards) -> Self {
        Self {
            runs: Vec::new(),
            dags,
            workers: BTreeMap::new(),
            leader: LeaderRow { holder: 0, epoch: 0, lease_until: Timestamp::from_micros(i64::MIN) },
            business,
            guards,
            undo: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn run(&self, run: RunId) -> Option<&RunRow> {
        self.runs.get(run)
    }

    /// Runs that have not ended, oldest first.
    pub fn active(&self) -> impl Iterator<Item = (RunId, &RunRow)> {
        let ended = |row: &RunRow| row.snapshot.state.status().is_terminal();
        self.runs.iter().enumerate().filter(move |(_, row)| !ended(row))
    }

    /// Whether something would be lost in a crash.
    pub fn is_dirty(&self) -> bool {
        !self.undo.is_empty()
    }

    pub fn revision(&self, locked: Locked) -> u64 {
        match locked {
            Locked::Run(run) => self.runs.get(run).map_or(u64::MAX, |row| row.revision),
            Locked::Dag(dag) => self.dags[dag].revision,
        }
    }

    /// Writes a transaction as a whole or not at all.
    pub fn commit(&mut self, tx: Tx) -> Result<(), Conflict> {
        if self.guards.epoch && tx.epoch.is_some_and(|epoch| epoch != self.leader.epoch) {
            return Err(Conflict("the leadership"));
        }
        if self.guards.revision && tx.locked.iter().any(|(row, read)| self.revision(*row) != *read) {
            return Err(Conflict("a revision"));
        }
        let before = self.undo.len();
        for write in tx.writes {
            if let Err(conflict) = self.write(write) {
                self.undo_to(before);
                return Err(conflict);
            }
        }
        for (row, _) in tx.locked {
            self.raise(row);
        }
        self.notes.extend(tx.notes);
        Ok(())
    }

    /// Everything committed so far is durable; what happened since the last time.
    pub fn flush(&mut self) -> Vec<Note> {
        self.undo.clear();
        std::mem::take(&mut self.notes)
    }

    /// The volatile image is gone.
    pub fn crash(&mut self) {
        self.undo_to(0);
        self.notes.clear();
    }

    fn raise(&mut self, row: Locked) {
        match row {
            Locked::Run(run) => {
                self.keep_run(run);
                self.runs[run].revision += 1;
            }
            Locked::Dag(dag) => {
                self.undo.push(Undo::Dag(dag, self.dags[dag].clone()));
                self.dags[dag].revision += 1;
            }
        }
    }

    fn keep_run(&mut self, run: RunId) {
        self.undo.push(Undo::Run(run, self.runs[run].clone()));
    }

    fn write(&mut self, write: Write) -> Result<(), Conflict> {
        match write {
            Write::Run { run, base, after, changes, now } => {
                let row = self.runs.get(run).ok_or(Conflict("a run"))?;
                let written = if Rc::ptr_eq(&row.snapshot, &base) {
                    after
                } else {
                    Rc::new(compare_and_set(&row.snapshot, &base, &changes)?)
                };
                self.keep_run(run);
                let row = &mut self.runs[run];
                row.snapshot = written;
                if changes.cancel_requested.is_some() {
                    row.cancel_at = Some(now);
                }
                if changes.run == Some(RunState::Queued) {
                    row.cancel_at = None;
                }
            }
            Write::Make { id, row } => {
                let taken = row.scheduled_for.is_some_and(|at| self.run_of(row.dag, at).is_some());
                if id != self.runs.len() || taken {
                    return Err(Conflict("a new run"));
                }
                self.undo.push(Undo::Made);
                self.runs.push(row);
            }
            Write::Cursor { dag, schedule, from, to } => {
                if self.dags[dag].cursors.get(schedule) != Some(&from) {
                    return Err(Conflict("a cursor"));
                }
                self.undo.push(Undo::Dag(dag, self.dags[dag].clone()));
                self.dags[dag].cursors[schedule] = to;
            }
            Write::Worker { id, row } => {
                self.undo.push(Undo::Worker(id, self.workers.get(&id).copied()));
                set(&mut self.workers, id, row);
            }
            Write::Leader { before, after } => {
                if self.leader != before {
                    return Err(Conflict("the leadership"));
                }
                self.undo.push(Undo::Leader(before));
                self.leader = after;
            }
            Write::Business(at) => {
                self.undo.push(Undo::Business(self.business));
                self.business = self.business.max(at);
            }
            Write::Deploy { dag, row } => {
                self.undo.push(Undo::Dag(dag, self.dags[dag].clone()));
                self.dags[dag] = row;
            }
        }
        Ok(())
    }

    /// The run of a firing.
    pub fn run_of(&self, dag: usize, at: Timestamp) -> Option<RunId> {
        self.runs.iter().position(|row| row.dag == dag && row.scheduled_for == Some(at))
    }

    fn undo_to(&mut self, length: usize) {
        while self.undo.len() > length {
            match self.undo.pop().expect("longer than the length") {
                Undo::Run(run, row) => self.runs[run] = row,
                Undo::Made => drop(self.runs.pop()),
                Undo::Dag(dag, row) => self.dags[dag] = row,
                Undo::Worker(id, row) => set(&mut self.workers, id, row),
                Undo::Leader(row) => self.leader = row,
                Undo::Business(at) => self.business = at,
            }
        }
    }
}

/// `UPDATE task_run ... WHERE state = before AND fence = before`, `UPDATE run ... WHERE state = before`.
fn compare_and_set(now: &RunSnapshot, base: &RunSnapshot, changes: &Changes) -> Result<RunSnapshot, Conflict> {
    let mut written = now.clone();
    for change in &changes.tasks {
        let task = written.tasks.get_mut(&change.task).ok_or(Conflict("a task"))?;
        if (task.progress.state.status(), task.progress.fence) != (change.status_before, change.fence_before) {
            return Err(Conflict("a task"));
        }
        task.progress = change.after.clone();
    }
    let run_changes = changes.run.is_some() || changes.cancel_requested.is_some();
    if run_changes && now.state.status() != base.state.status() {
        return Err(Conflict("a run"));
    }
    written.apply(&Changes { tasks: Vec::new(), ..changes.clone() });
    Ok(written)
}

fn set<T>(rows: &mut BTreeMap<u64, T>, id: u64, row: Option<T>) {
    match row {
        Some(row) => drop(rows.insert(id, row)),
        None => drop(rows.remove(&id)),
    }
}
