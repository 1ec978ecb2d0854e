//! Simulated servers: leadership, the scheduler's turns, the sweep, and the beats they count. What they decide they
//! decide with `daybreak_core`; what they keep between turns is lost when they die. To add a loop: a timer and a method.

use std::collections::BTreeMap;

use daybreak_core::{Firings, Turn, Unlisted, due};
use daybreak_spec::Timestamp;

use crate::catalogue::PlanId;
use crate::commands::{Answer, Command, Held, swept};
use crate::happening::{Happening, Origin};
use crate::ledger::FiredNote;
use crate::world::{Instant, SECOND, World, tell};

/// Firings per turn, and unended runs of a DAG beyond which they wait: small, so that both bounds are met.
const MAX_PER_TURN: usize = 3;
const MAX_ACTIVE: usize = 4;
/// As in the real scheduler: a clock that jumps further than this was not watched meanwhile.
const LONGEST_TURN_US: i64 = 60 * SECOND;
/// A leader stops by itself when it has not been able to renew for so long.
const LEADS_FOR: i64 = 10 * SECOND;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leads {
    pub epoch: i64,
    until: Instant,
}

/// What a scheduler keeps of a DAG.
pub(crate) struct Line {
    pub plan: PlanId,
    horizon: Timestamp,
    cursors: Vec<Timestamp>,
    pub next: Option<Timestamp>,
}

/// A turn for one DAG on its way to the database.
#[derive(Clone, Debug)]
pub(crate) struct FirePlan {
    dag: usize,
    moves: Vec<(usize, Timestamp)>,
}

#[derive(Default)]
pub(crate) struct Server {
    /// Differs for every process.
    pub id: u64,
    pub life: u32,
    pub alive: bool,
    pub asleep_until: Instant,
    /// How far its clock is ahead of the database's.
    pub skew: i64,
    pub leads: Option<Leads>,
    pub lines: Option<Vec<Line>>,
    /// A turn is on its way.
    pub busy: bool,
    watched_since: Option<Timestamp>,
    last_turn: Option<Timestamp>,
    unlisted: BTreeMap<u64, Unlisted<Held>>,
}

impl Server {
    pub fn business_now(&self, world: &World<'_>) -> Timestamp {
        if world.profile.simulated_time { world.store.business } else { world.database_now().plus_micros(self.skew) }
    }

    /// Counts the rows that a worker did not list; those it did not list too often are not with it.
    pub fn count_unlisted(&mut self, worker: u64, held: &[Held], rows: &[(Held, bool)]) -> Vec<Held> {
        let missing = rows.iter().map(|(row, _)| row).filter(|row| !held.contains(row));
        let mut unlisted = self.unlisted.remove(&worker).unwrap_or_default();
        let too_often = unlisted.count(missing.cloned());
        if !unlisted.is_empty() {
            self.unlisted.insert(worker, unlisted);
        }
        too_often
    }
}

impl Line {
    fn look(&mut self, firings: &Firings) {
        let schedules = firings.schedules().iter().zip(&self.cursors);
        self.next = schedules.filter_map(|(schedule, cursor)| schedule.next_after(*cursor)).min();
    }
}

impl World<'_> {
    pub fn server_up(&mut self, server: usize) {
        if self.servers[server].alive {
            return;
        }
        let (id, life) = (self.id(), self.servers[server].life + 1);
        let skew = if self.profile.shared { self.chance.between(-2 * SECOND, 2 * SECOND) } else { 0 };
        let asleep_until = self.now;
        self.servers[server] = Server { id, life, alive: true, skew, asleep_until, ..Server::default() };
        let business = self.servers[server].business_now(self);
        self.servers[server].watched_since = Some(business);
        tell!(self, "server {server} is up as {id}");
        if !self.profile.shared {
            self.submit(server, Command::TakeOver { server: id }, Origin::Nobody);
        }
        self.later(0, Happening::Lead { server, life });
        for worker in 0..self.workers.len() {
            if self.workers[worker].inside == Some(server) && !self.workers[worker].alive {
                self.later(SECOND / 10, Happening::WorkerUp { worker });
            }
        }
    }

    pub fn kill_server(&mut self, server: usize) {
        if !self.servers[server].alive {
            return;
        }
        tell!(self, "server {server} dies");
        self.servers[server].alive = false;
        self.servers[server].life += 1;
        self.servers[server].leads = None;
        self.servers[server].lines = None;
        if !self.profile.shared {
            self.crash_store();
        }
        for worker in 0..self.workers.len() {
            if self.workers[worker].inside == Some(server) {
                self.kill_worker(worker);
            }
        }
        let delay = self.chance.between(SECOND / 10, self.profile.longest_absence);
        self.later(delay, Happening::ServerUp { server });
    }

    pub fn ask_to_lead(&mut self, server: usize, life: u32) {
        if self.servers[server].life != life {
            return;
        }
        let id = self.servers[server].id;
        let shared = self.profile.shared;
        self.submit(server, Command::Lead { server: id, shared }, Origin::Lead { asked: self.now });
        self.later(if shared { 3 * SECOND } else { 3600 * SECOND }, Happening::Lead { server, life });
    }

    pub fn lead_answered(&mut self, server: usize, asked: Instant, answer: &Answer) {
        let until = if self.profile.shared { asked + LEADS_FOR } else { Instant::MAX };
        match answer {
            Answer::Leads(epoch) => {
                let before = self.servers[server].leads.replace(Leads { epoch: *epoch, until });
                if before.is_none_or(|before| before.epoch != *epoch) {
                    let business = self.servers[server].business_now(self);
                    let leader = &mut self.servers[server];
                    // Who takes over has not watched before; who began by leading has.
                    if self.profile.shared {
                        leader.watched_since = Some(business);
                    }
                    (leader.lines, leader.busy, leader.last_turn) = (None, false, Some(business));
                    let life = leader.life;
                    if before.is_none() {
                        self.later(0, Happening::Turn { server, life });
                        self.later(SECOND / 2, Happening::Sweep { server, life });
                    }
                }
            }
            Answer::Refused => self.step_down(server),
            // Unknown or undone: asked again soon, and until then the lease counts.
            _ if !self.profile.shared => {
                let life = self.servers[server].life;
                self.later(SECOND / 2, Happening::Lead { server, life });
            }
            _ => {}
        }
    }

    fn step_down(&mut self, server: usize) {
        if self.servers[server].leads.take().is_some() {
            tell!(self, "server {server} leads no more");
            self.servers[server].lines = None;
        }
    }

    /// The epoch under which a server may write as leader, as far as it knows.
    fn leadership(&mut self, server: usize, life: u32) -> Option<i64> {
        if self.servers[server].life != life {
            return None;
        }
        let leads = self.servers[server].leads?;
        if leads.until <= self.now {
            self.step_down(server);
            return None;
        }
        Some(leads.epoch)
    }

    /// Makes runs of due firings, one DAG at a time.
    pub fn turn(&mut self, server: usize, life: u32) {
        let Some(epoch) = self.leadership(server, life) else { return };
        if self.servers[server].busy {
            return;
        }
        let now = self.servers[server].business_now(self);
        let last = self.servers[server].last_turn.replace(now).unwrap_or(now);
        if !self.profile.simulated_time && now.micros - last.micros > LONGEST_TURN_US {
            self.servers[server].lines.iter_mut().flatten().for_each(|line| line.horizon = now);
        }
        self.load_lines(server, now);
        let count = self.servers[server].lines.as_ref().map_or(0, Vec::len);
        for dag in 0..count {
            if self.fire(server, epoch, dag, now) {
                self.servers[server].busy = true;
                return;
            }
        }
        let pause = self.chance.between(SECOND / 2, 2 * SECOND);
        self.later(pause, Happening::Turn { server, life });
    }

    /// Reads what is deployed and the cursors again where they may have changed.
    fn load_lines(&mut self, server: usize, now: Timestamp) {
        let plans = |lines: &[Line]| lines.iter().map(|line| line.plan).eq(self.store.dags.iter().map(|dag| dag.plan));
        let known = self.servers[server].lines.take();
        if known.as_deref().is_some_and(plans) {
            self.servers[server].lines = known;
            return;
        }
        let watched_since = self.servers[server].watched_since.unwrap_or(now);
        let mut lines = Vec::new();
        for (dag, row) in self.store.dags.iter().enumerate() {
            let before = known.as_ref().and_then(|lines| lines.get(dag));
            let horizon = before.map_or(watched_since, |line| line.horizon);
            let mut line = Line { plan: row.plan, horizon, cursors: row.cursors.clone(), next: None };
            line.look(&self.catalogue.plan(row.plan).firings);
            lines.push(line);
        }
        self.servers[server].lines = Some(lines);
    }

    /// Deals with the due firings of one DAG; `true`: a transaction is on its way.
    fn fire(&mut self, server: usize, epoch: i64, dag: usize, now: Timestamp) -> bool {
        let Some(line) = self.servers[server].lines.as_ref().and_then(|lines| lines.get(dag)) else { return false };
        if line.next.is_none_or(|next| next > now) {
            return false;
        }
        let firings = &self.catalogue.plan(line.plan).firings;
        let active = self.store.active().filter(|(_, row)| row.dag == dag).count();
        let limit = MAX_PER_TURN.min(MAX_ACTIVE.saturating_sub(active));
        let found = due(firings, &line.cursors, Turn { now, horizon: line.horizon, limit, count: 1_000 });
        if found.cursors.is_empty() {
            return false;
        }
        let moves: Vec<_> = found.cursors.iter().map(|cursor| (cursor.schedule, cursor.to)).collect();
        let noted = moves.iter().map(|(schedule, to)| (*schedule, line.cursors[*schedule], *to)).collect();
        let note = FiredNote { dag, plan: line.plan, moves: noted, horizon: line.horizon, now };
        let firings = found.firings.iter().map(|firing| (firing.at, firing.overlap)).collect();
        self.submit(server, Command::Fire { dag, firings, note, epoch }, Origin::Fire(FirePlan { dag, moves }));
        true
    }

    pub fn fired(&mut self, server: usize, plan: FirePlan, answer: &Answer) {
        let life = self.servers[server].life;
        self.servers[server].busy = false;
        self.later(0, Happening::Turn { server, life });
        let Some(line) = self.servers[server].lines.as_mut().and_then(|lines| lines.get_mut(plan.dag)) else { return };
        if !matches!(answer, Answer::Done) {
            // What it believes is not so: everything is read again, horizons apart.
            line.plan = (usize::MAX, 0);
            return;
        }
        for (schedule, to) in plan.moves {
            line.cursors[schedule] = to;
        }
        line.look(&self.catalogue.plan(line.plan).firings);
    }

    pub fn sweep(&mut self, server: usize, life: u32) {
        let Some(epoch) = self.leadership(server, life) else { return };
        let now = self.database_now();
        let active: Vec<usize> = self.store.active().map(|(run, _)| run).collect();
        for run in active {
            if !swept(&self.store, run, now).is_empty() {
                self.submit(server, Command::Sweep { run, epoch }, Origin::Nobody);
            }
        }
        self.later(SECOND, Happening::Sweep { server, life });
    }
}
