//! The ledger: its own account of what was accepted, kept outside the fake store from what is durable, and compared with
//! the store's rows. It counts by itself and never looks up what it could get wrong together with the code it watches.
//! To add an invariant: a check here (what happened) or in `rules.rs` (how rows have to look).

use std::collections::{BTreeMap, BTreeSet};

use daybreak_core::{AttemptEnd, Event, Resumption, RunStatus};
use daybreak_spec::{Missed, Name, Overlap, Timestamp};

use crate::accounts::{RunAccount, TaskAccount, place};
use crate::catalogue::{Catalogue, PlanId};
use crate::commands::Held;
use crate::rules;
use crate::store::{RunId, RunRow, Store};

/// One turn of a scheduler, as it was committed.
#[derive(Clone, Debug)]
pub(crate) struct FiredNote {
    pub dag: usize,
    pub plan: PlanId,
    /// Schedule, and from where to where its cursor moved.
    pub moves: Vec<(usize, Timestamp, Timestamp)>,
    pub horizon: Timestamp,
    pub now: Timestamp,
}

/// What a transaction did, in the words of those who asked for it.
#[derive(Debug)]
pub(crate) enum Note {
    Made {
        run: RunId,
        dag: usize,
        at: Option<Timestamp>,
        overlap: Option<(Overlap, bool)>,
    },
    Event {
        run: RunId,
        event: Event,
    },
    Claimed {
        held: Held,
        worker: u64,
    },
    Run {
        run: RunId,
        status: RunStatus,
    },
    /// People have their hands in the run from here on.
    ByHand {
        run: RunId,
    },
    Fired(FiredNote),
    Led {
        epoch: i64,
    },
    LeaderWrote {
        epoch: i64,
    },
    Deployed {
        dag: usize,
        cursors: Vec<Timestamp>,
    },
}

/// What the ledger counts over a seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs made of firings.
    pub fired: u64,
    /// Firings recorded as skipped.
    pub skipped: u64,
    /// Firings left out by their policy.
    pub left_out: u64,
    /// Reports that were accepted.
    pub reports: u64,
    /// Reports refused as stale.
    pub stale: u64,
    /// Workers lost under tasks.
    pub lost: u64,
    /// Leaderships taken.
    pub epochs: u64,
}

pub(crate) struct Ledger {
    pub counts: Counts,
    pub violations: Vec<String>,
    runs: Vec<RunAccount>,
    fired: BTreeMap<(usize, Timestamp), RunId>,
    cursors: Vec<Vec<Timestamp>>,
    epoch: i64,
    acknowledged: Vec<Held>,
    /// From here on the catalogue lists every instant.
    listed_from: Timestamp,
}

impl Ledger {
    pub fn new(cursors: Vec<Vec<Timestamp>>, listed_from: Timestamp) -> Self {
        Self {
            counts: Counts::default(),
            violations: Vec::new(),
            runs: Vec::new(),
            fired: BTreeMap::new(),
            cursors,
            epoch: 0,
            acknowledged: Vec::new(),
            listed_from,
        }
    }

    /// A worker was told that its report is kept.
    pub fn acknowledged(&mut self, held: Held) {
        self.acknowledged.push(held);
    }

    pub fn wrong(&mut self, what: String) {
        self.violations.push(what);
    }

    /// Takes up what has become durable and compares it with the rows.
    pub fn absorb(&mut self, notes: Vec<Note>, store: &Store, catalogue: &Catalogue) {
        let mut touched = BTreeSet::new();
        for note in notes {
            if let Some(run) = self.take(note, store, catalogue) {
                touched.insert(run);
            }
        }
        for run in touched {
            self.compare(run, store);
        }
    }

    fn take(&mut self, note: Note, store: &Store, catalogue: &Catalogue) -> Option<RunId> {
        match note {
            Note::Made { run, dag, at, overlap } => self.made(run, dag, at, overlap),
            Note::Event { run, event } => {
                self.happened(run, event, store);
                return Some(run);
            }
            Note::Claimed { held, worker } => {
                self.claimed(&held, worker);
                return Some(held.run);
            }
            Note::Run { run, status } => {
                self.run_state(run, status);
                return Some(run);
            }
            Note::ByHand { run } => self.runs[run].by_hand = true,
            Note::Fired(fired) => self.fired(&fired, catalogue),
            Note::Led { epoch } => {
                self.counts.epochs += 1;
                if epoch <= self.epoch {
                    self.wrong(format!("leadership {epoch} after leadership {}", self.epoch));
                }
                self.epoch = epoch;
            }
            Note::LeaderWrote { epoch } => {
                if epoch != self.epoch {
                    self.wrong(format!("a write of leadership {epoch} was accepted under {}", self.epoch));
                }
            }
            Note::Deployed { dag, cursors } => self.cursors[dag] = cursors,
        }
        None
    }

    fn made(&mut self, run: RunId, dag: usize, at: Option<Timestamp>, overlap: Option<(Overlap, bool)>) {
        if run != self.runs.len() {
            self.wrong(format!("run {run} was made as number {}", self.runs.len()));
        }
        let active = self.runs.iter().any(|other| other.dag == dag && !other.status.is_terminal());
        match overlap {
            Some((Overlap::Skip, false)) if active => self.wrong(format!("run {run} overlaps although it says skip")),
            Some((_, true)) if !active => self.wrong(format!("run {run} was skipped although none was active")),
            Some((Overlap::Queue | Overlap::CancelPrevious, true)) => {
                self.wrong(format!("run {run} was skipped although its policy is another"));
            }
            _ => {}
        }
        if let Some(at) = at
            && let Some(other) = self.fired.insert((dag, at), run)
        {
            self.wrong(format!("firing {at} of DAG {dag} has two runs: {other} and {run}"));
        }
        let skipped = overlap.is_some_and(|(_, skipped)| skipped);
        self.counts.skipped += u64::from(skipped);
        self.counts.fired += u64::from(at.is_some() && !skipped);
        let status = if skipped { RunStatus::Skipped } else { RunStatus::Queued };
        self.runs.push(RunAccount { dag, status, by_hand: at.is_none(), tasks: Default::default() });
    }

    fn run_state(&mut self, run: RunId, status: RunStatus) {
        let RunAccount { dag, by_hand, status: before, .. } = self.runs[run];
        if before.is_terminal() && !by_hand {
            self.wrong(format!("run {run} had ended as {before} and became {status}"));
        }
        let running = |(other, account): (RunId, &RunAccount)| {
            other != run && account.dag == dag && account.status == RunStatus::Running
        };
        // A run by hand starts at once, beside whatever runs.
        if status == RunStatus::Running && !by_hand && self.runs.iter().enumerate().any(running) {
            self.wrong(format!("run {run} was started while another run of DAG {dag} was running"));
        }
        self.runs[run].status = status;
    }

    fn claimed(&mut self, held: &Held, worker: u64) {
        let task = self.task(held.run, &held.task);
        let (before, last) = (task.holder.replace((worker, held.fence)), task.last_fence);
        task.claims += 1;
        task.last_fence = held.fence;
        if let Some(before) = before {
            self.wrong(format!("{held:?} was given to worker {worker} while {before:?} held it"));
        }
        if held.fence <= last {
            self.wrong(format!("{held:?} was given out although fence {last} had been"));
        }
    }

    fn task(&mut self, run: RunId, task: &Name) -> &mut TaskAccount {
        &mut self.runs[run].tasks[place(task)]
    }

    /// Ends a hold under the fence that was named.
    fn released(&mut self, run: RunId, task: &Name, fence: i64, what: &str) {
        let holder = self.task(run, task).holder.take();
        if holder.is_none_or(|(_, held)| held != fence) {
            self.wrong(format!(
                "{what} of `{task}` of run {run} under fence {fence} was accepted; it was held: {holder:?}"
            ));
        }
    }

    fn happened(&mut self, run: RunId, event: Event, store: &Store) {
        let by_hand = matches!(event, Event::Rerun { .. } | Event::Mark { .. });
        if self.runs[run].status.is_terminal() && !by_hand {
            self.wrong(format!("run {run} had ended and {event:?} was accepted"));
        }
        match event {
            Event::Report { task, fence, end } => self.reported(run, &task, fence, end),
            Event::Lost { task, fence } => {
                self.released(run, &task, fence, "the loss");
                let account = self.task(run, &task);
                if !account.cancelling {
                    account.lost += 1;
                    account.uncharged += 1;
                    self.counts.lost += 1;
                }
            }
            Event::Interrupted { task, fence } => {
                self.released(run, &task, fence, "an interruption");
                self.task(run, &task).uncharged += 1;
            }
            Event::TimedOut { task } | Event::ForceCancel { task } => self.task(run, &task).holder = None,
            Event::Resume { task, resumption, .. } => self.resumed(run, &task, Some(resumption)),
            Event::WaitOver { task } => self.resumed(run, &task, None),
            Event::TotalTimedOut { task, .. } => self.task(run, &task).let_go(),
            Event::Cancel { .. } | Event::Overdue { .. } => {
                for task in &mut self.runs[run].tasks {
                    task.cancelling |= task.holder.is_some();
                    task.deferred = None;
                }
            }
            Event::Mark { task, .. } => {
                let account = self.task(run, &task);
                (account.holder, account.marked, account.succeeded) = (None, true, None);
            }
            Event::Rerun { .. } => self.run_again(run, store),
            Event::Start
            | Event::RetryDue { .. }
            | Event::Claim { .. }
            | Event::CacheHit { .. }
            | Event::QueueTimedOut { .. } => {}
        }
    }

    fn reported(&mut self, run: RunId, task: &Name, fence: i64, end: AttemptEnd) {
        self.released(run, task, fence, "a report");
        self.counts.reports += 1;
        let account = self.task(run, task);
        account.accepted.push(fence);
        match end {
            AttemptEnd::Succeeded { .. } => account.succeeded = Some(fence),
            AttemptEnd::HandedBack if !account.cancelling => account.uncharged += 1,
            AttemptEnd::Deferred(wait) if !account.cancelling => account.deferred = Some(wait.at_limit),
            _ => {}
        }
    }

    fn resumed(&mut self, run: RunId, task: &Name, resumption: Option<Resumption>) {
        let account = self.task(run, task);
        let declared = account.deferred.take();
        let waited = declared.is_some();
        if resumption.or(declared) == Some(Resumption::Continues) {
            account.uncharged += 1;
        }
        if !waited {
            self.wrong(format!("`{task}` of run {run} was resumed although it did not wait"));
        }
    }

    fn run_again(&mut self, run: RunId, store: &Store) {
        let Some(row) = store.run(run) else { return };
        for (name, task) in &row.snapshot.tasks {
            let account = self.task(run, name);
            if task.progress.generation != account.generation {
                let TaskAccount { last_fence, accepted, .. } = std::mem::take(account);
                let generation = task.progress.generation;
                *account = TaskAccount { last_fence, accepted, generation, ..TaskAccount::default() };
            }
        }
    }

    /// Every instant that a cursor passed has a run, or its policy left it out.
    fn fired(&mut self, fired: &FiredNote, catalogue: &Catalogue) {
        let FiredNote { dag, plan, moves, horizon, now } = fired;
        let horizon = (*horizon).min(*now);
        for (schedule, from, to) in moves {
            let listed = &catalogue.plan(*plan).schedules[*schedule];
            if self.cursors[*dag][*schedule] != *from || to <= from || to > now {
                self.wrong(format!(
                    "the cursor of DAG {dag} moved from {from} to {to} at {now}; it stood at {}",
                    self.cursors[*dag][*schedule]
                ));
            }
            self.cursors[*dag][*schedule] = *to;
            let missed = listed.between(self.listed_from, horizon);
            let kept = match (listed.missed, listed.cap) {
                (Missed::None, _) => 0,
                (Missed::Last, _) => 1,
                (Missed::All, cap) => cap.unwrap_or(missed.len()),
            };
            let kept = &missed[missed.len().saturating_sub(kept)..];
            for at in listed.between((*from).max(self.listed_from), *to) {
                if self.fired.contains_key(&(*dag, *at)) {
                    continue;
                }
                self.counts.left_out += 1;
                let allowed = *at <= horizon && !kept.contains(at);
                if !allowed {
                    self.wrong(format!(
                        "firing {at} of DAG {dag} was passed over ({:?}, horizon {horizon})",
                        listed.missed
                    ));
                }
            }
        }
    }

    /// The rows of a run agree with the account.
    fn compare(&mut self, run: RunId, store: &Store) {
        let Some(row) = store.run(run) else {
            return self.wrong(format!("run {run} is gone"));
        };
        let account = &self.runs[run];
        let mut wrong = Vec::new();
        if row.snapshot.state.status() != account.status {
            wrong.push(format!("run {run} is {}, not {}", row.snapshot.state.status(), account.status));
        }
        for (name, task) in &row.snapshot.tasks {
            if let Some(what) = account.tasks[place(name)].differs(task) {
                wrong.push(format!("`{name}` of run {run}: {what}: {:?}", task.progress));
            }
        }
        wrong.extend(rules::broken(&row.snapshot, account.by_hand).map(|what| format!("run {run}: {what}")));
        self.violations.append(&mut wrong);
    }

    /// What has to hold when everything has come to its end.
    pub fn close(&mut self, store: &Store, catalogue: &Catalogue, now: Timestamp) {
        if store.runs.len() != self.runs.len() {
            self.wrong(format!("{} runs are kept, {} were made", store.runs.len(), self.runs.len()));
            return;
        }
        for run in 0..self.runs.len() {
            self.compare(run, store);
        }
        let ended = |row: &RunRow| row.snapshot.state.status().is_terminal();
        for (run, row) in store.runs.iter().enumerate().filter(|(_, row)| !ended(row)) {
            self.wrong(format!("run {run} does not end: {:?}", row.snapshot));
        }
        for held in std::mem::take(&mut self.acknowledged) {
            if !self.task(held.run, &held.task).accepted.contains(&held.fence) {
                self.wrong(format!("the report {held:?} was acknowledged and is not kept"));
            }
        }
        for (dag, row) in store.dags.iter().enumerate() {
            if row.cursors != self.cursors[dag] {
                self.wrong(format!("the cursors of DAG {dag} are {:?}, not {:?}", row.cursors, self.cursors[dag]));
            }
            for (listed, cursor) in catalogue.plan(row.plan).schedules.iter().zip(&row.cursors) {
                if let Some(at) = listed.between((*cursor).max(self.listed_from), now).first() {
                    self.wrong(format!("firing {at} of DAG {dag} was never dealt with (now {now}, cursor {cursor})"));
                }
            }
        }
    }
}
