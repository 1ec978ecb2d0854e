//! The simulated world: one queue of things to come, one true time, and everything that lives in it. No threads, no
//! clock, no chance but the seed's. To add something that can happen: a variant of [`Happening`] and its arm.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use daybreak_core::Moment;
use daybreak_spec::Timestamp;

use crate::catalogue::{Catalogue, PlanId};
use crate::chance::Chance;
use crate::commands::{Answer, Command};
use crate::faults::Profile;
use crate::happening::{Due, Happening, Origin, Outcome};
use crate::ledger::Ledger;
use crate::server::Server;
use crate::store::Store;
use crate::worker::Worker;
use crate::{Guards, Options};

/// A microsecond of true time since the seed began.
pub(crate) type Instant = i64;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MILLISECOND: i64 = 1_000;

pub(crate) struct World<'a> {
    pub catalogue: &'a Catalogue,
    pub chance: Chance,
    pub guards: Guards,
    pub profile: Profile,
    pub now: Instant,
    /// How far the database's clock is ahead of true time.
    pub clock_offset: i64,
    pub store: Store,
    pub store_life: u32,
    pub ledger: Ledger,
    pub servers: Vec<Server>,
    pub workers: Vec<Worker>,
    /// Plans that DAGs may be given.
    pub plans: Vec<PlanId>,
    pub gap_us: i64,
    pub next_id: u64,
    pub trace: Option<Vec<String>>,
    queue: BinaryHeap<Reverse<Due>>,
    numbers: u64,
    pub outcomes: Vec<Outcome>,
    pub flushing: bool,
}

/// Writes down what happens, when somebody wants to read it.
macro_rules! tell {
    ($world:expr, $($told:tt)*) => {
        if $world.trace.is_some() {
            let line = format!($($told)*);
            $world.told(line);
        }
    };
}
pub(crate) use tell;

impl<'a> World<'a> {
    pub fn new(catalogue: &'a Catalogue, chance: Chance, profile: Profile, store: Store, options: &Options) -> Self {
        let cursors = store.dags.iter().map(|dag| dag.cursors.clone()).collect();
        let ledger = Ledger::new(cursors, profile.listed_from);
        Self {
            catalogue,
            chance,
            guards: options.guards,
            profile,
            now: 0,
            clock_offset: 0,
            store,
            store_life: 0,
            ledger,
            servers: Vec::new(),
            workers: Vec::new(),
            plans: Vec::new(),
            gap_us: 0,
            next_id: 1,
            trace: options.trace.then(Vec::new),
            queue: BinaryHeap::new(),
            numbers: 0,
            outcomes: Vec::new(),
            flushing: false,
        }
    }

    pub fn told(&mut self, line: String) {
        let at = format!("{:>9.3} ", self.now as f64 / 1e6);
        self.trace.iter_mut().for_each(|trace| trace.push(format!("{at}{line}")));
    }

    /// Something will happen so many microseconds from now.
    pub fn later(&mut self, delay: i64, what: Happening) {
        self.numbers += 1;
        self.queue.push(Reverse(Due { at: self.now + delay.max(0), number: self.numbers, what }));
    }

    /// The next thing to come; true time goes on to it.
    pub fn next(&mut self) -> Option<Happening> {
        let Reverse(due) = self.queue.pop()?;
        self.now = due.at;
        Some(due.what)
    }

    pub fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Real time as the database has it.
    pub fn database_now(&self) -> Timestamp {
        self.profile.epoch.plus_micros(self.now + self.clock_offset)
    }

    pub fn moment(&mut self) -> Moment {
        Moment { now: self.database_now(), uniform: self.chance.uniform() }
    }

    /// Lets whoever it concerns meet what happens; those who are paused or frozen meet it when they wake.
    pub fn happen(&mut self, what: Happening) {
        if let Some(wakes) = self.sleeps(&what) {
            return self.later(wakes - self.now, what);
        }
        match what {
            Happening::Arrives { server, command, origin } => self.arrives(server, command, origin),
            Happening::Answered { worker, life, session, command, answer } => {
                self.answered(worker, (life, session), command, answer);
            }
            Happening::Transaction(open) => self.go_on(*open),
            Happening::Flush { store_life } if store_life == self.store_life => self.flush(),
            Happening::Flush { .. } => {}
            Happening::Beat { worker, life, session } => self.beat(worker, life, session),
            Happening::Poll { worker, life, session } => self.poll(worker, life, session),
            Happening::Register { worker, life } => self.register(worker, life),
            Happening::TaskEnds { worker, life, held, end } => self.task_ends(worker, life, held, end),
            Happening::Resend { worker, life, held } => self.resend(worker, life, held),
            Happening::WorkerUp { worker } => self.worker_up(worker),
            Happening::Lead { server, life } => self.ask_to_lead(server, life),
            Happening::Turn { server, life } => self.turn(server, life),
            Happening::Sweep { server, life } => self.sweep(server, life),
            Happening::ServerUp { server } => self.server_up(server),
            Happening::Fault => self.fault(),
            Happening::People => self.people(),
            Happening::Calm => self.calm_down(),
        }
    }

    /// Until when the one that a happening concerns sleeps.
    fn sleeps(&self, what: &Happening) -> Option<Instant> {
        let until = match what {
            Happening::Arrives { server, .. }
            | Happening::Lead { server, .. }
            | Happening::Turn { server, .. }
            | Happening::Sweep { server, .. } => self.servers[*server].asleep_until,
            Happening::Transaction(open) => self.servers[open.server].asleep_until,
            Happening::Answered { worker, .. }
            | Happening::Beat { worker, .. }
            | Happening::Poll { worker, .. }
            | Happening::Register { worker, .. }
            | Happening::TaskEnds { worker, .. }
            | Happening::Resend { worker, .. } => self.workers[*worker].asleep_until,
            Happening::Flush { .. }
            | Happening::WorkerUp { .. }
            | Happening::ServerUp { .. }
            | Happening::Fault
            | Happening::People
            | Happening::Calm => 0,
        };
        (until > self.now).then_some(until)
    }

    fn arrives(&mut self, server: usize, command: Command, origin: Origin) {
        if !self.servers[server].alive {
            return tell!(self, "server {server} is down: {command:?} is lost");
        }
        self.submit(server, command, origin);
    }

    /// A server's own part in an answer, then the way to the worker.
    pub fn reply(&mut self, server: usize, to: (usize, u32, u64), command: Command, answer: Answer) {
        if let (Command::Beat { worker, held }, Answer::Beaten(rows)) = (&command, &answer) {
            let revoked = self.servers[server].count_unlisted(*worker, held, rows);
            for held in revoked {
                self.submit(server, Command::Revoke { held }, Origin::Nobody);
            }
        }
        let (worker, life, session) = to;
        if let Some(delay) = self.way() {
            self.later(delay, Happening::Answered { worker, life, session, command, answer });
        }
    }

    /// A request on its way to a server: late, lost or doubled.
    pub fn send(&mut self, server: usize, command: Command, origin: Origin) {
        if self.chance.happens(self.profile.duplicates)
            && let Some(delay) = self.way()
        {
            self.later(delay, Happening::Arrives { server, command: command.clone(), origin: origin.clone() });
        }
        if let Some(delay) = self.way() {
            self.later(delay, Happening::Arrives { server, command, origin });
        }
    }

    /// How long a message takes; `None`: it never arrives.
    fn way(&mut self) -> Option<i64> {
        if self.chance.happens(self.profile.losses) {
            return None;
        }
        if self.chance.happens(self.profile.delays) {
            return Some(self.chance.between(SECOND, 25 * SECOND));
        }
        Some(self.chance.between(MILLISECOND / 5, 20 * MILLISECOND))
    }

    /// Looks at how everything has ended. `over`: it should have by now.
    pub fn close(&mut self, over: bool) {
        let notes = self.store.flush();
        self.ledger.absorb(notes, &self.store, self.catalogue);
        let leader = self.servers.iter().find(|server| server.leads.is_some());
        let now = leader.map_or(self.database_now(), |leader| leader.business_now(self));
        self.ledger.close(&self.store, self.catalogue, now);
        if over && self.ledger.violations.is_empty() {
            let held: Vec<usize> = self.workers.iter().map(|worker| worker.held.len()).collect();
            self.ledger.wrong(format!("it does not come to rest; workers hold {held:?}"));
        }
    }

    /// Whether there is nothing left to do.
    pub fn is_quiet(&self) -> bool {
        let leads = |server: &Server| server.alive && server.leads.is_some() && server.lines.is_some();
        let leader = self.servers.iter().find(|server| leads(server));
        let nothing_due = leader.is_some_and(|leader| {
            let now = leader.business_now(self);
            let lines = || leader.lines.iter().flatten();
            let current = lines().map(|line| line.plan).eq(self.store.dags.iter().map(|dag| dag.plan));
            !leader.busy && current && lines().all(|line| line.next.is_none_or(|next| next > now))
        });
        nothing_due
            && !self.store.is_dirty()
            && self.store.active().next().is_none()
            && self.workers.iter().all(|worker| worker.held.is_empty())
    }
}
