//! Simulated workers: they register, beat, ask for work, run tasks and report until they are answered. The lease loop of
//! the real worker in small. To add a way in which a task behaves: an arm in `World::begin_task`.

use daybreak_core::{AttemptEnd, Awaited, Failure, Resumption, Wait};
use serde_json::{Map, Value as Json};

use crate::commands::{Answer, Command, Held, LEASE_US};
use crate::happening::{Happening, Origin};
use crate::world::{Instant, SECOND, World, tell};

const BEAT: i64 = 3 * SECOND;
/// With less of its lease left a worker takes no new work.
const MARGIN: i64 = 3 * SECOND;

/// A task that a worker runs, or has run and not been able to report.
pub(crate) struct Running {
    pub held: Held,
    end: Option<AttemptEnd>,
    cancelling: bool,
}

#[derive(Default)]
pub(crate) struct Worker {
    pub life: u32,
    pub alive: bool,
    pub asleep_until: Instant,
    /// The server whose process it lives in.
    pub inside: Option<usize>,
    pub slots: usize,
    pub held: Vec<Running>,
    /// Its identity while it is registered; 0 otherwise.
    session: u64,
    lease_until: Instant,
    /// Reports under way of attempts that are no longer its own.
    late: Vec<Running>,
}

impl Worker {
    pub fn new(inside: Option<usize>, slots: usize) -> Self {
        Self { inside, slots, ..Self::default() }
    }
}

impl World<'_> {
    pub fn worker_up(&mut self, worker: usize) {
        let Worker { life, alive, inside, slots, .. } = self.workers[worker];
        let homeless = inside.is_some_and(|server| !self.servers[server].alive);
        if alive || homeless {
            return;
        }
        let life = life + 1;
        self.workers[worker] = Worker { life, alive: true, inside, slots, ..Worker::default() };
        self.later(0, Happening::Register { worker, life });
    }

    pub fn kill_worker(&mut self, worker: usize) {
        if !self.workers[worker].alive {
            return;
        }
        tell!(self, "worker {worker} dies");
        let Worker { life, inside, slots, .. } = self.workers[worker];
        self.workers[worker] = Worker { life: life + 1, inside, slots, ..Worker::default() };
        let delay = self.chance.between(SECOND, self.profile.longest_absence);
        self.later(delay, Happening::WorkerUp { worker });
    }

    fn a_server(&mut self, worker: usize) -> usize {
        let count = self.servers.len();
        self.workers[worker].inside.unwrap_or_else(|| self.chance.below(count))
    }

    fn ask(&mut self, worker: usize, command: Command) {
        let server = self.a_server(worker);
        let Worker { life, session, .. } = self.workers[worker];
        self.send(server, command, Origin::Worker { worker, life, session });
    }

    pub fn register(&mut self, worker: usize, life: u32) {
        if self.workers[worker].life != life || self.workers[worker].session != 0 {
            return;
        }
        let (id, inside) = (self.id(), self.workers[worker].inside.map(|server| self.servers[server].id));
        self.ask(worker, Command::Register { id, inside });
        self.later(2 * SECOND, Happening::Register { worker, life });
    }

    pub fn beat(&mut self, worker: usize, life: u32, session: u64) {
        if self.workers[worker].life != life || self.workers[worker].session != session {
            return;
        }
        let held = self.workers[worker].held.iter().map(|running| running.held.clone()).collect();
        self.ask(worker, Command::Beat { worker: session, held });
        self.later(BEAT, Happening::Beat { worker, life, session });
    }

    pub fn poll(&mut self, worker: usize, life: u32, session: u64) {
        let here = &self.workers[worker];
        if here.life != life || here.session != session {
            return;
        }
        let free = here.slots.saturating_sub(here.held.len());
        if free > 0 && here.lease_until - self.now > MARGIN {
            self.ask(worker, Command::Claim { worker: session, free });
        }
        let pause = self.chance.between(SECOND / 2, 2 * SECOND);
        self.later(pause, Happening::Poll { worker, life, session });
    }

    pub fn answered(&mut self, worker: usize, (life, session): (u32, u64), command: Command, answer: Answer) {
        if self.workers[worker].life != life {
            return;
        }
        match (command, answer) {
            (Command::Register { id, .. }, Answer::Registered) if self.workers[worker].session == 0 => {
                self.workers[worker].session = id;
                // The lease counts from the sending; a registration that took longer is simply over.
                self.workers[worker].lease_until = self.now + LEASE_US - SECOND;
                tell!(self, "worker {worker} is {id}");
                self.later(BEAT, Happening::Beat { worker, life, session: id });
                self.later(0, Happening::Poll { worker, life, session: id });
            }
            (Command::Beat { held, .. }, Answer::Beaten(rows)) if self.workers[worker].session == session => {
                self.workers[worker].lease_until = self.now + LEASE_US - SECOND;
                self.beaten(worker, &held, &rows);
            }
            (Command::Claim { .. }, Answer::Claimed(tasks)) if self.workers[worker].session == session => {
                for held in tasks {
                    self.begin_task(worker, held);
                }
            }
            (Command::Beat { .. } | Command::Claim { .. }, Answer::ReRegister) => self.given_up(worker, session),
            (Command::Report { held, .. }, Answer::Done | Answer::Repeated) => {
                self.forget(worker, &held);
                self.ledger.acknowledged(held);
            }
            (Command::Report { held, .. }, Answer::Stale | Answer::Refused) => {
                self.forget(worker, &held);
                self.ledger.counts.stale += 1;
            }
            _ => {}
        }
    }

    fn forget(&mut self, worker: usize, held: &Held) {
        self.workers[worker].held.retain(|running| running.held != *held);
        self.workers[worker].late.retain(|running| running.held != *held);
    }

    /// Does what a heartbeat's answer says: ends what is to be cancelled, lets go of what is no longer its own.
    fn beaten(&mut self, worker: usize, listed: &[Held], rows: &[(Held, bool)]) {
        let revoked = listed.iter().filter(|held| !rows.iter().any(|(row, _)| row == *held));
        for held in revoked.cloned().collect::<Vec<_>>() {
            self.let_go(worker, &held);
        }
        for (held, _) in rows.iter().filter(|(_, cancel)| *cancel) {
            let obeys = !self.chance.happens(self.profile.disobedience);
            let running = self.workers[worker].held.iter_mut().find(|running| running.held == *held);
            let Some(running) = running.filter(|running| !running.cancelling) else { continue };
            running.cancelling = true;
            if obeys && running.end.is_none() {
                let (life, held) = (self.workers[worker].life, held.clone());
                let end = AttemptEnd::Cancelled;
                self.later(SECOND / 5, Happening::TaskEnds { worker, life, held, end });
            }
        }
    }

    /// Somebody else has the task now. Some tasks do not hear of it and report all the same.
    fn let_go(&mut self, worker: usize, held: &Held) {
        let here = &mut self.workers[worker];
        let Some(place) = here.held.iter().position(|running| running.held == *held) else { return };
        let running = here.held.remove(place);
        if self.chance.happens(self.profile.zombies) {
            self.workers[worker].late.push(running);
        }
    }

    fn given_up(&mut self, worker: usize, session: u64) {
        if self.workers[worker].session != session {
            return;
        }
        tell!(self, "worker {worker} is given up");
        self.workers[worker].session = 0;
        let held: Vec<Held> = self.workers[worker].held.iter().map(|running| running.held.clone()).collect();
        for held in held {
            self.let_go(worker, &held);
        }
        let life = self.workers[worker].life;
        self.later(SECOND / 10, Happening::Register { worker, life });
    }

    fn begin_task(&mut self, worker: usize, held: Held) {
        let here = &self.workers[worker];
        // More than it has room for is handed back by not holding it.
        if here.held.len() >= here.slots {
            return;
        }
        let life = here.life;
        self.workers[worker].held.push(Running { held: held.clone(), end: None, cancelling: false });
        let Some(end) = self.how_it_ends(&held) else {
            return tell!(self, "worker {worker} hangs in {held:?}");
        };
        let takes = self.chance.between(SECOND / 20, self.profile.longest_task);
        self.later(takes, Happening::TaskEnds { worker, life, held, end });
    }

    /// `None`: it does not end by itself.
    fn how_it_ends(&mut self, held: &Held) -> Option<AttemptEnd> {
        let failure = || Failure { cause: "task_error".to_owned(), reason: "it broke".to_owned() };
        if self.chance.happens(self.profile.failures) {
            return match self.chance.below(7) {
                0 | 1 => Some(AttemptEnd::Failed { failure: failure(), retry: true }),
                2 => Some(AttemptEnd::Failed { failure: failure(), retry: false }),
                3 => Some(AttemptEnd::HandedBack),
                4 => Some(AttemptEnd::Deferred(self.wait())),
                5 => Some(AttemptEnd::Cancelled),
                _ => None,
            };
        }
        let passed = !self.chance.happens(100);
        let outputs = [("fence".to_owned(), held.fence.into()), ("passed".to_owned(), Json::Bool(passed))];
        Some(AttemptEnd::Succeeded { outputs: Map::from_iter(outputs) })
    }

    fn wait(&mut self) -> Wait {
        let at_limit = match self.chance.below(4) {
            0 => Resumption::Skips { reason: "nobody decided".to_owned() },
            1 => Resumption::Succeeds { outputs: Map::new() },
            _ => Resumption::Continues,
        };
        let condition = Awaited::Instant { at: self.database_now() };
        Wait { condition, again_after_us: None, limit_us: Some(self.chance.between(SECOND, 15 * SECOND)), at_limit }
    }

    pub fn task_ends(&mut self, worker: usize, life: u32, held: Held, end: AttemptEnd) {
        if self.workers[worker].life != life {
            return;
        }
        let here = &mut self.workers[worker];
        let mut known = here.held.iter_mut().chain(&mut here.late);
        let Some(running) = known.find(|running| running.held == held) else { return };
        if running.end.is_none() {
            running.end = Some(end);
            self.resend(worker, life, held);
        }
    }

    /// Reports until somebody answers.
    pub fn resend(&mut self, worker: usize, life: u32, held: Held) {
        if self.workers[worker].life != life {
            return;
        }
        let here = &self.workers[worker];
        let known = here.held.iter().chain(&here.late).find(|running| running.held == held);
        let Some(end) = known.and_then(|running| running.end.clone()) else { return };
        self.ask(worker, Command::Report { held: held.clone(), end });
        let pause = self.chance.between(2 * SECOND, 4 * SECOND);
        self.later(pause, Happening::Resend { worker, life, held });
    }

    /// When faults stop, whatever hangs is ended by its worker.
    pub fn end_what_hangs(&mut self) {
        for worker in 0..self.workers.len() {
            let Worker { life, .. } = self.workers[worker];
            let hanging = self.workers[worker].held.iter().filter(|running| running.end.is_none());
            for held in hanging.map(|running| running.held.clone()).collect::<Vec<_>>() {
                self.later(30 * SECOND, Happening::TaskEnds { worker, life, held, end: AttemptEnd::HandedBack });
            }
        }
    }
}
