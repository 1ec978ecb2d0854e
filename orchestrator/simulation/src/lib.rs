//! The scheduler's decisions under simulated faults: a fake store, several servers and workers, clocks and a network that
//! do as a seed says, and the real decision code of `daybreak-core`. The same seed is the same history on every machine.
//! Must never start a thread, read a clock or draw a number of its own while a seed runs.
//! To add a fault: `faults.rs`; an invariant: `ledger.rs` or `rules.rs`; something a server does: `commands.rs`.

mod accounts;
mod catalogue;
mod chance;
mod commands;
mod draft;
mod faults;
mod happening;
mod ledger;
mod rules;
mod server;
mod shapes;
mod store;
mod transactions;
mod worker;
mod world;

pub use catalogue::Catalogue;
pub use ledger::Counts;

use daybreak_core::first_cursor;
use daybreak_spec::Timestamp;

use crate::chance::Chance;
use crate::faults::Profile;
use crate::happening::Happening;
use crate::server::Server;
use crate::store::{DagRow, Store};
use crate::worker::Worker;
use crate::world::{SECOND, World};

/// Events of one seed beyond which it is taken not to end.
const MAX_EVENTS: u64 = 60_000;
/// Runs of one seed beyond which firings are taken to come from nowhere.
const MAX_RUNS: usize = 500;
/// How long after the faults have stopped everything has to have come to its end.
const LONGEST_CALM: i64 = 15 * 60 * SECOND;

/// What protects the rows. A guard is off only to show that the simulation notices.
#[derive(Clone, Copy, Debug)]
pub struct Guards {
    /// A worker's word counts under its fence only.
    pub fence: bool,
    /// A leader's transaction counts under the epoch it leads under only.
    pub epoch: bool,
    /// What was decided on rows counts while they are as they were read.
    pub revision: bool,
    /// Nothing is acknowledged before it is durable.
    pub flush: bool,
}

impl Guards {
    /// As the product is.
    pub const ALL: Self = Self { fence: true, epoch: true, revision: true, flush: true };
}

/// How a seed is run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What protects the rows.
    pub guards: Guards,
    /// Whether its history is written down.
    pub trace: bool,
}

/// What became of a seed.
#[derive(Debug)]
pub struct Report {
    /// Things that happened.
    pub events: u64,
    /// What the ledger counted.
    pub counts: Counts,
    /// What should not have been; empty when all went well.
    pub violations: Vec<String>,
    /// Its history, if it was to be written down.
    pub trace: Vec<String>,
}

/// Runs one seed to its end, or to its first violation.
pub fn simulate(catalogue: &Catalogue, seed: u64, options: &Options) -> Report {
    let mut world = begin(catalogue, seed, options);
    let calm_at = world.profile.chaos;
    let mut events = 0;
    while world.ledger.violations.is_empty() {
        let Some(what) = world.next() else { break };
        events += 1;
        world.happen(what);
        let over = world.now > calm_at + LONGEST_CALM || events > MAX_EVENTS || world.store.runs.len() > MAX_RUNS;
        if over || (world.now > calm_at + 3 * SECOND && world.is_quiet()) {
            world.close(over);
            break;
        }
    }
    Report {
        events,
        counts: world.ledger.counts,
        violations: world.ledger.violations,
        trace: world.trace.unwrap_or_default(),
    }
}

fn begin<'a>(catalogue: &'a Catalogue, seed: u64, options: &Options) -> World<'a> {
    let mut chance = Chance::new(seed);
    let (kind, jump) = (chance.below(catalogue.kind_count()), chance.below(catalogue.jumps.len()));
    let gap_us = Catalogue::gap_us(kind);
    let before_us = chance.between(0, 3 * gap_us);
    let epoch = catalogue.jumps[jump].plus_micros(-before_us);
    let profile = Profile::new(&mut chance, epoch, catalogue.listed_from(kind, jump));
    let plans: Vec<_> = catalogue.usable(kind, jump).into_iter().map(|number| (kind, number)).collect();
    let mut dags = Vec::new();
    for _ in 0..1 + chance.below(2) {
        let plan = *chance.pick(&plans);
        dags.push(dag(&mut chance, catalogue, plan, epoch));
    }
    let store = Store::new(dags, epoch, options.guards);
    let mut world = World::new(catalogue, chance, profile, store, options);
    (world.plans, world.gap_us) = (plans, gap_us);
    populate(&mut world);
    world
}

fn populate(world: &mut World<'_>) {
    let servers = if world.profile.shared { 2 + world.chance.below(2) } else { 1 };
    for server in 0..servers {
        world.servers.push(Server::default());
        let delay = world.chance.between(0, 2 * SECOND);
        world.later(delay, Happening::ServerUp { server });
    }
    for worker in 0..1 + world.chance.below(3) {
        let inside = world.chance.happens(400).then(|| world.chance.below(servers));
        let slots = 1 + world.chance.below(3);
        world.workers.push(Worker::new(inside, slots));
        world.later(SECOND, Happening::WorkerUp { worker });
    }
    let chaos = world.profile.chaos;
    world.later(2 * SECOND, Happening::Fault);
    world.later(SECOND, Happening::People);
    world.later(chaos, Happening::Calm);
}

fn dag(chance: &mut Chance, catalogue: &Catalogue, plan: catalogue::PlanId, now: Timestamp) -> DagRow {
    let schedules = catalogue.plan(plan).firings.schedules();
    let cursors = schedules.iter().map(|schedule| first_cursor(schedule, now)).collect();
    DagRow { plan, template: shapes::template(chance, catalogue), cursors, revision: 0 }
}
