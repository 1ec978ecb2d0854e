//! What a server does in one transaction: reads rows, lets the real decision code decide, and says what is to be written.
//! Mirrors the real store's commands in as few lines as possible. Must never write. To add a command: a variant and a
//! method.

use std::rc::Rc;

use daybreak_core::{AttemptEnd, Event, Rejected, RunSnapshot, TaskState, WorkerIdentity, taken_over};
use daybreak_spec::{Name, Overlap, Timestamp};

use crate::catalogue::PlanId;
use crate::draft::Draft;
use crate::ledger::{FiredNote, Note};
use crate::store::{DagRow, LeaderRow, Locked, RunId, Store, WorkerRow, Write};

pub(crate) const LEASE_US: i64 = 12_000_000;
const LEADERSHIP_US: i64 = 10_000_000;
pub(crate) const CANCEL_GRACE_US: i64 = 10_000_000;

/// A task and the fence it is held under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub run: RunId,
    pub task: Name,
    pub fence: i64,
}

#[derive(Clone, Debug)]
pub(crate) enum Command {
    Register {
        id: u64,
        inside: Option<u64>,
    },
    Beat {
        worker: u64,
        held: Vec<Held>,
    },
    Claim {
        worker: u64,
        free: usize,
    },
    Report {
        held: Held,
        end: AttemptEnd,
    },
    Revoke {
        held: Held,
    },
    Sweep {
        run: RunId,
        epoch: i64,
    },
    Fire {
        dag: usize,
        firings: Vec<(Timestamp, Overlap)>,
        note: FiredNote,
        epoch: i64,
    },
    Lead {
        server: u64,
        shared: bool,
    },
    TakeOver {
        server: u64,
    },
    MakeRun {
        dag: usize,
        at: Timestamp,
    },
    Happen {
        run: RunId,
        event: Event,
    },
    SetClock(Timestamp),
    /// `now`: business time.
    Deploy {
        dag: usize,
        plan: PlanId,
        template: Rc<RunSnapshot>,
        now: Timestamp,
    },
}

/// What a command answers once it is durable.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Done,
    Registered,
    /// What the rows give the worker, and which of it is to be cancelled.
    Beaten(Vec<(Held, bool)>),
    Claimed(Vec<Held>),
    Leads(i64),
    /// The same report was accepted before.
    Repeated,
    Stale,
    ReRegister,
    Refused,
    /// Somebody else was quicker, too often.
    Conflict,
}

impl From<Rejected> for Answer {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Stale => Self::Stale,
            Rejected::Repeated => Self::Repeated,
            Rejected::NotApplicable | Rejected::UnknownTask => Self::Refused,
        }
    }
}

impl Draft<'_> {
    pub fn run(&mut self, command: &Command) -> Result<Answer, Answer> {
        let now = self.moment.now;
        match command {
            Command::Register { id, inside } => {
                let row = WorkerRow { lease_until: now.plus_micros(LEASE_US), inside: *inside };
                self.tx.writes.push(Write::Worker { id: *id, row: Some(row) });
                return Ok(Answer::Registered);
            }
            Command::Beat { worker, .. } => return self.beat(*worker),
            Command::Claim { worker, free } => return self.claim(*worker, *free),
            Command::Report { held, end } => self.report(held, end)?,
            Command::Revoke { held } => {
                self.event(held.run, Event::Lost { task: held.task.clone(), fence: held.fence })?;
            }
            Command::Sweep { run, epoch } => self.sweep(*run, *epoch)?,
            Command::Fire { dag, firings, note, epoch } => self.fire(*dag, firings, note, *epoch)?,
            Command::Lead { server, shared } => return self.lead(*server, *shared),
            Command::TakeOver { server } => self.take_over(*server)?,
            Command::MakeRun { dag, at } => {
                let run = self.make(*dag, None, *at, None);
                self.note_hand(run);
                self.event(run, Event::Start)?;
            }
            Command::Happen { run, event } => {
                if matches!(event, Event::Rerun { .. } | Event::Mark { .. }) {
                    self.note_hand(*run);
                }
                self.event(*run, event.clone())?;
            }
            Command::SetClock(at) => self.tx.writes.push(Write::Business(*at)),
            Command::Deploy { dag, plan, template, now } => self.deploy(*dag, *plan, template, *now),
        }
        Ok(Answer::Done)
    }

    fn deploy(&mut self, dag: usize, plan: PlanId, template: &Rc<RunSnapshot>, now: Timestamp) {
        self.lock(Locked::Dag(dag));
        let before = &self.store.dags[dag];
        let (old, new) = (&self.catalogue.plan(before.plan).firings, &self.catalogue.plan(plan).firings);
        let cursors = taken_over(old, &before.cursors, new, now);
        self.tx.notes.push(Note::Deployed { dag, cursors: cursors.clone() });
        let row = DagRow { plan, template: template.clone(), cursors, revision: before.revision };
        self.tx.writes.push(Write::Deploy { dag, row });
    }

    fn beat(&mut self, worker: u64) -> Result<Answer, Answer> {
        let row = *self.store.workers.get(&worker).ok_or(Answer::ReRegister)?;
        let lease_until = self.moment.now.plus_micros(LEASE_US);
        self.tx.writes.push(Write::Worker { id: worker, row: Some(WorkerRow { lease_until, ..row }) });
        let mut rows = Vec::new();
        for (run, row) in self.store.active() {
            for (task, snapshot) in &row.snapshot.tasks {
                if matches!(&snapshot.progress.state, TaskState::Running(hold) if number(&hold.worker) == worker) {
                    let held = Held { run, task: task.clone(), fence: snapshot.progress.fence };
                    rows.push((held, snapshot.progress.cancel_requested));
                }
            }
        }
        Ok(Answer::Beaten(rows))
    }

    fn claim(&mut self, worker: u64, free: usize) -> Result<Answer, Answer> {
        let now = self.moment.now;
        if self.store.workers.get(&worker).is_none_or(|row| row.lease_until <= now) {
            return Err(Answer::ReRegister);
        }
        let mut claimed = Vec::new();
        'free: for (run, row) in self.store.active() {
            for (task, snapshot) in &row.snapshot.tasks {
                if claimed.len() == free {
                    break 'free;
                }
                if snapshot.progress.state != TaskState::Ready {
                    continue;
                }
                // Handing a task out neither needs nor raises the run's revision: its own row is guard enough.
                let event = Event::Claim { task: task.clone(), worker: identity(worker) };
                let changes = self.advance(run, &event)?;
                let held = Held { run, task: task.clone(), fence: changes.tasks[0].after.fence };
                self.tx.notes.push(Note::Claimed { held: held.clone(), worker });
                claimed.push(held);
            }
        }
        Ok(Answer::Claimed(claimed))
    }

    fn report(&mut self, held: &Held, end: &AttemptEnd) -> Result<(), Answer> {
        let Held { run, task, fence } = held;
        let current = self.store.run(*run).ok_or(Answer::Refused)?.snapshot.tasks[task].progress.fence;
        let believed = if self.guards.fence { *fence } else { current };
        self.lock(Locked::Run(*run));
        let event = Event::Report { task: task.clone(), fence: believed, end: end.clone() };
        let changes = self.advance(*run, &event)?;
        // The ledger hears what the worker said.
        let said = Event::Report { task: task.clone(), fence: *fence, end: end.clone() };
        self.tx.notes.push(Note::Event { run: *run, event: said });
        self.note_state(*run, &changes);
        Ok(())
    }

    /// What real time has brought about for one run.
    fn sweep(&mut self, run: RunId, epoch: i64) -> Result<(), Answer> {
        self.lead_write(epoch);
        for event in swept(self.store, run, self.moment.now) {
            match self.event(run, event) {
                // An earlier event of this very sweep has taken its ground away.
                Ok(()) | Err(Answer::Stale | Answer::Refused) => {}
                Err(answer) => return Err(answer),
            }
        }
        Ok(())
    }

    fn lead_write(&mut self, epoch: i64) {
        self.tx.epoch = Some(epoch);
        self.tx.notes.push(Note::LeaderWrote { epoch });
    }

    fn fire(
        &mut self,
        dag: usize,
        firings: &[(Timestamp, Overlap)],
        note: &FiredNote,
        epoch: i64,
    ) -> Result<(), Answer> {
        self.lead_write(epoch);
        self.lock(Locked::Dag(dag));
        for (schedule, from, to) in &note.moves {
            self.tx.writes.push(Write::Cursor { dag, schedule: *schedule, from: *from, to: *to });
        }
        for (at, overlap) in firings {
            let made = |write: &Write| matches!(write, Write::Make { row, .. } if row.scheduled_for == Some(*at));
            if self.store.run_of(dag, *at).is_some() || self.tx.writes.iter().any(made) {
                continue;
            }
            let active = self.active(dag);
            let skipped = *overlap == Overlap::Skip && !active.is_empty();
            self.make(dag, Some(*at), *at, Some((*overlap, skipped)));
            if skipped {
                continue;
            }
            if *overlap == Overlap::CancelPrevious {
                for (previous, _) in active {
                    match self.event(previous, Event::Cancel { reason: "replaced".to_owned() }) {
                        Ok(()) | Err(Answer::Refused) => {}
                        Err(answer) => return Err(answer),
                    }
                }
            }
            self.followed.insert(dag);
        }
        self.tx.notes.push(Note::Fired(note.clone()));
        Ok(())
    }

    fn lead(&mut self, server: u64, shared: bool) -> Result<Answer, Answer> {
        let (before, now) = (self.store.leader, self.moment.now);
        let lease_until = if shared { now.plus_micros(LEADERSHIP_US) } else { Timestamp::from_micros(i64::MAX) };
        let epoch = if before.holder == server {
            before.epoch
        } else if before.lease_until <= now || !shared {
            self.tx.notes.push(Note::Led { epoch: before.epoch + 1 });
            before.epoch + 1
        } else {
            return Err(Answer::Refused);
        };
        let after = LeaderRow { holder: server, epoch, lease_until };
        self.tx.writes.push(Write::Leader { before, after });
        Ok(Answer::Leads(epoch))
    }

    /// Workers inside earlier server processes died with them. Tasks with an odd number stand for the heavy ones.
    fn take_over(&mut self, server: u64) -> Result<(), Answer> {
        let dead = |worker: u64| {
            let inside = self.store.workers.get(&worker).and_then(|row| row.inside);
            inside.is_some_and(|inside| inside != server)
        };
        let mut events = Vec::new();
        for (run, row) in self.store.active() {
            for (place, (task, snapshot)) in row.snapshot.tasks.iter().enumerate() {
                if let TaskState::Running(hold) = &snapshot.progress.state
                    && dead(number(&hold.worker))
                {
                    let (task, fence) = (task.clone(), snapshot.progress.fence);
                    let heavy = place % 2 == 1;
                    let event = if heavy { Event::Interrupted { task, fence } } else { Event::Lost { task, fence } };
                    events.push((run, event));
                }
            }
        }
        let gone: Vec<u64> = self.store.workers.keys().copied().filter(|worker| dead(*worker)).collect();
        for (run, event) in events {
            self.event(run, event)?;
        }
        self.tx.writes.extend(gone.into_iter().map(|id| Write::Worker { id, row: None }));
        Ok(())
    }
}

/// The events that are due for a run.
pub(crate) fn swept(store: &Store, run: RunId, now: Timestamp) -> Vec<Event> {
    let Some(row) = store.run(run) else { return Vec::new() };
    let mut events = Vec::new();
    for (name, task) in &row.snapshot.tasks {
        let (name, fence) = (|| name.clone(), task.progress.fence);
        match &task.progress.state {
            TaskState::Running(hold) => {
                let alive = store.workers.get(&number(&hold.worker)).is_some_and(|worker| worker.lease_until > now);
                let forced = row.cancel_at.is_some_and(|at| at.plus_micros(CANCEL_GRACE_US) <= now);
                if !alive {
                    events.push(Event::Lost { task: name(), fence });
                } else if hold.deadline.is_some_and(|deadline| deadline <= now) {
                    events.push(Event::TimedOut { task: name() });
                } else if forced && task.progress.cancel_requested {
                    events.push(Event::ForceCancel { task: name() });
                }
            }
            TaskState::RetryWait { until, .. } if *until <= now => events.push(Event::RetryDue { task: name() }),
            TaskState::Deferred(deferral) if deferral.until.is_some_and(|until| until <= now) => {
                events.push(Event::WaitOver { task: name() });
            }
            _ => {}
        }
    }
    events
}

/// The worker's identity as tasks carry it.
fn identity(worker: u64) -> WorkerIdentity {
    WorkerIdentity { id: worker.to_string(), epoch: 1 }
}

/// The worker of an identity.
pub(crate) fn number(worker: &WorkerIdentity) -> u64 {
    worker.id.parse().expect("identities are made here")
}
