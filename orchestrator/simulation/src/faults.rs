//! What goes wrong and what people do, while it lasts: each seed has its own mixture, and some faults at all only in some
//! seeds. Then everything calms down, and all has to come to its end. To add a fault: a number of the profile and an arm.

use daybreak_core::{Event, Failure, Mark};
use daybreak_spec::{Name, Timestamp};
use serde_json::Map;

use crate::chance::Chance;
use crate::commands::Command;
use crate::happening::{Happening, Origin};
use crate::shapes;
use crate::store::RunId;
use crate::world::{SECOND, World, tell};

/// The mixture of a seed; probabilities in thousandths.
pub(crate) struct Profile {
    /// Real time at which the seed begins.
    pub epoch: Timestamp,
    /// From here on the catalogue lists every instant.
    pub listed_from: Timestamp,
    /// Several servers on one database, rather than one with its own.
    pub shared: bool,
    /// Business time is set by hand, rather than following real time.
    pub simulated_time: bool,
    pub losses: usize,
    pub duplicates: usize,
    pub delays: usize,
    pub failures: usize,
    pub zombies: usize,
    pub disobedience: usize,
    pub longest_task: i64,
    pub longest_absence: i64,
    /// Of a flush: disks are slow or not.
    pub longest_flush: i64,
    pub chaos: i64,
    between_faults: i64,
    kinds: Vec<Fault>,
    advances: usize,
    calm: bool,
}

#[derive(Clone, Copy)]
enum Fault {
    ServerDies,
    ServerFreezes,
    WorkerDies,
    WorkerPauses,
    DatabaseCrashes,
    ClockStepsForward,
    ClockStepsBack,
}

const FAULTS: [Fault; 7] = [
    Fault::ServerDies,
    Fault::ServerFreezes,
    Fault::WorkerDies,
    Fault::WorkerPauses,
    Fault::DatabaseCrashes,
    Fault::ClockStepsForward,
    Fault::ClockStepsBack,
];

impl Profile {
    pub fn new(chance: &mut Chance, epoch: Timestamp, listed_from: Timestamp) -> Self {
        let shared = chance.happens(600);
        let simulated_time = chance.happens(500);
        let mut rate = |most: usize| if chance.happens(400) { 0 } else { chance.below(most) };
        let (losses, duplicates, delays) = (rate(150), rate(200), rate(80));
        let (failures, zombies, disobedience) = (rate(500), rate(1000), rate(700));
        let kinds = FAULTS.into_iter().filter(|_| chance.happens(600)).collect();
        Self {
            epoch,
            listed_from,
            shared,
            simulated_time,
            losses,
            duplicates,
            delays,
            failures,
            zombies,
            disobedience,
            longest_task: *chance.pick(&[SECOND / 2, 3 * SECOND, 12 * SECOND]),
            longest_absence: *chance.pick(&[2 * SECOND, 8 * SECOND, 20 * SECOND]),
            longest_flush: *chance.pick(&[SECOND / 100, SECOND / 5, SECOND]),
            chaos: chance.between(15, 45) * SECOND,
            between_faults: chance.between(2, 10) * SECOND,
            kinds,
            advances: 8,
            calm: false,
        }
    }
}

impl World<'_> {
    pub fn fault(&mut self) {
        if self.profile.calm || self.profile.kinds.is_empty() {
            return;
        }
        let next = self.chance.between(SECOND / 5, self.profile.between_faults);
        self.later(next, Happening::Fault);
        let (servers, workers) = (self.servers.len(), self.workers.len());
        let (server, worker) = (self.chance.below(servers), self.chance.below(workers));
        match *self.chance.pick(&self.profile.kinds) {
            Fault::ServerDies => self.kill_server(server),
            Fault::ServerFreezes => {
                let length = self.chance.between(SECOND, 25 * SECOND);
                tell!(self, "server {server} freezes for {} s", length / SECOND);
                self.servers[server].asleep_until = self.now + length;
                // The process as a whole: what runs inside it too.
                for worker in self.workers.iter_mut().filter(|worker| worker.inside == Some(server)) {
                    worker.asleep_until = self.now + length;
                }
            }
            Fault::WorkerDies => self.kill_worker(worker),
            Fault::WorkerPauses => {
                let length = self.chance.between(2 * SECOND, 30 * SECOND);
                tell!(self, "worker {worker} pauses for {} s", length / SECOND);
                self.workers[worker].asleep_until = self.now + length;
            }
            Fault::DatabaseCrashes => {
                if self.profile.shared {
                    let crashes = self.chance.happens(500);
                    tell!(self, "the database {}", if crashes { "crashes" } else { "loses its connections" });
                    if crashes { self.crash_store() } else { self.cut_connections() }
                }
            }
            Fault::ClockStepsForward => {
                let small = self.chance.between(SECOND, 15 * SECOND);
                let step = if self.chance.happens(400) { self.gap_us } else { small };
                tell!(self, "clocks step forward by {} s", step / SECOND);
                self.clock_offset += step;
            }
            Fault::ClockStepsBack => {
                let step = self.chance.between(SECOND, 20 * SECOND);
                tell!(self, "clocks step back by {} s", step / SECOND);
                self.clock_offset -= step;
            }
        }
    }

    pub fn people(&mut self) {
        if self.profile.calm {
            return;
        }
        let next = self.chance.between(SECOND, 6 * SECOND);
        self.later(next, Happening::People);
        let count = self.servers.len();
        let server = self.chance.below(count);
        if let Some(command) = self.wish() {
            self.send(server, command, Origin::Nobody);
        }
    }

    /// What somebody asks for, or a limit in real time brings about.
    fn wish(&mut self) -> Option<Command> {
        let dag = self.chance.below(self.store.dags.len());
        match self.chance.below(20) {
            0 => Some(Command::MakeRun { dag, at: self.business() }),
            1 | 2 => {
                let run = self.some_run(false)?;
                let overdue = self.chance.happens(300);
                let reason = if overdue { "its deadline has passed" } else { "by hand" }.to_owned();
                let event = if overdue { Event::Overdue { reason } } else { Event::Cancel { reason } };
                Some(Command::Happen { run, event })
            }
            3 => {
                let run = self.some_run(true)?;
                Some(Command::Happen { run, event: Event::Rerun { tasks: vec![self.some_task(run)?] } })
            }
            4 => {
                let ended = self.chance.happens(500);
                let run = self.some_run(ended)?;
                let reason = "somebody says so".to_owned();
                let mark = match self.chance.below(3) {
                    0 => Mark::Succeeded { outputs: Map::new() },
                    1 => Mark::Failed { reason },
                    _ => Mark::Skipped { reason },
                };
                Some(Command::Happen { run, event: Event::Mark { task: self.some_task(run)?, mark } })
            }
            5 => Some(self.redeclared(dag)),
            6 => {
                let run = self.some_run(false)?;
                let task = self.some_task(run)?;
                let fence = self.store.run(run)?.snapshot.tasks[&task].progress.fence;
                let reason = "it takes too long in all".to_owned();
                let failure = Failure { cause: "total_timeout".to_owned(), reason };
                Some(Command::Happen { run, event: Event::TotalTimedOut { task, fence, failure } })
            }
            _ if self.profile.advances > 0 => {
                self.profile.advances -= 1;
                self.time_passes()
            }
            _ => None,
        }
    }

    /// Business time goes on to another firing or two.
    fn time_passes(&mut self) -> Option<Command> {
        let step = self.chance.between(self.gap_us / 3, self.gap_us * 2);
        if self.profile.simulated_time {
            return Some(Command::SetClock(self.store.business.plus_micros(step)));
        }
        tell!(self, "{} s pass that nobody sees", step / SECOND);
        self.clock_offset += step;
        None
    }

    fn business(&self) -> Timestamp {
        if self.profile.simulated_time { self.store.business } else { self.database_now() }
    }

    fn some_run(&mut self, ended: bool) -> Option<RunId> {
        let runs = self.store.runs.iter().enumerate();
        let fitting: Vec<RunId> = runs
            .filter(|(_, row)| row.snapshot.state.status().is_terminal() == ended && !row.snapshot.tasks.is_empty())
            .map(|(run, _)| run)
            .collect();
        (!fitting.is_empty()).then(|| *self.chance.pick(&fitting))
    }

    fn some_task(&mut self, run: RunId) -> Option<Name> {
        let tasks: Vec<Name> = self.store.run(run)?.snapshot.tasks.keys().cloned().collect();
        (!tasks.is_empty()).then(|| self.chance.pick(&tasks).clone())
    }

    /// The DAG with other tasks and perhaps other schedules.
    fn redeclared(&mut self, dag: usize) -> Command {
        let now = self.business();
        let before = self.store.dags[dag].plan;
        let plan = if self.chance.happens(500) { before } else { *self.chance.pick(&self.plans) };
        let template = shapes::template(&mut self.chance, self.catalogue);
        Command::Deploy { dag, plan, template, now }
    }

    /// Faults stop: everybody wakes and comes back, and messages arrive.
    pub fn calm_down(&mut self) {
        tell!(self, "everything calms down");
        let profile = &mut self.profile;
        (profile.losses, profile.duplicates, profile.delays) = (0, 0, 0);
        (profile.failures, profile.zombies, profile.disobedience) = (0, 0, 0);
        (profile.longest_task, profile.longest_absence, profile.calm) = (SECOND / 2, SECOND, true);
        for server in 0..self.servers.len() {
            self.servers[server].asleep_until = self.now;
            self.later(SECOND, Happening::ServerUp { server });
        }
        for worker in 0..self.workers.len() {
            self.workers[worker].asleep_until = self.now;
            self.later(2 * SECOND, Happening::WorkerUp { worker });
        }
        self.end_what_hangs();
    }
}
