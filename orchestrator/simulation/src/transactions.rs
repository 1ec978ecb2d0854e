//! The way of a transaction: decided on rows as they are read, committed if they still are so, told once it is durable.
//! To add something that can come between: a step here.

use crate::commands::{Answer, Command};
use crate::draft::decide;
use crate::happening::{Happening, Open, Origin, Outcome};
use crate::world::{MILLISECOND, World, tell};

/// Tries of a transaction that meets others.
const MAX_TRIES: u32 = 8;

impl World<'_> {
    /// A server begins a transaction.
    pub fn submit(&mut self, server: usize, command: Command, origin: Origin) {
        let (life, store_life) = (self.servers[server].life, self.store_life);
        self.go_on(Open { server, life, store_life, command, origin, tries: 0, decided: None });
    }

    pub fn go_on(&mut self, mut open: Open) {
        if open.life != self.servers[open.server].life {
            return;
        }
        if open.store_life != self.store_life {
            return self.finish(open, Answer::Conflict);
        }
        let Some((tx, answer)) = open.decided.take() else { return self.decide(open) };
        match self.store.commit(tx) {
            Ok(()) => {
                tell!(self, "server {} committed {:?}: {answer:?}", open.server, open.command);
                self.finish(open, answer);
            }
            Err(conflict) => {
                tell!(self, "server {} met another change of {}: {:?}", open.server, conflict.0, open.command);
                open.tries += 1;
                if open.tries >= MAX_TRIES {
                    return self.finish(open, Answer::Conflict);
                }
                let pause = self.chance.between(MILLISECOND, 50 * MILLISECOND);
                self.later(pause, Happening::Transaction(Box::new(open)));
            }
        }
    }

    fn decide(&mut self, mut open: Open) {
        let moment = self.moment();
        match decide((&self.store, self.catalogue), &open.command, moment, self.guards) {
            Err(answer) => self.finish(open, answer),
            Ok(decided) => {
                open.decided = Some(decided);
                let gap = self.gap_before_commit();
                if gap == 0 { self.go_on(open) } else { self.later(gap, Happening::Transaction(Box::new(open))) }
            }
        }
    }

    /// One process has one writer; on a shared database others come in between.
    fn gap_before_commit(&mut self) -> i64 {
        if !self.profile.shared || self.chance.happens(500) {
            return 0;
        }
        self.chance.between(MILLISECOND, 30 * MILLISECOND)
    }

    /// The outcome is told once everything it rests on is durable.
    fn finish(&mut self, open: Open, answer: Answer) {
        let Open { server, life, command, origin, .. } = open;
        let outcome = Outcome { server, life, command, origin, answer };
        let dirty = self.store.is_dirty();
        if dirty && !self.flushing {
            self.flushing = true;
            let delay = self.chance.between(MILLISECOND, self.profile.longest_flush);
            self.later(delay, Happening::Flush { store_life: self.store_life });
        }
        if dirty && self.guards.flush { self.outcomes.push(outcome) } else { self.tell_outcome(outcome) }
    }

    pub fn flush(&mut self) {
        self.flushing = false;
        let notes = self.store.flush();
        self.ledger.absorb(notes, &self.store, self.catalogue);
        for outcome in std::mem::take(&mut self.outcomes) {
            self.tell_outcome(outcome);
        }
    }

    /// The database goes down with what it had not flushed, and everybody's open transactions with it. Whoever waits for
    /// an outcome hears that it is unknown.
    pub fn crash_store(&mut self) {
        self.store.crash();
        self.lose_connections();
    }

    /// What was committed is durable, but those who asked for it never hear so.
    pub fn cut_connections(&mut self) {
        let notes = self.store.flush();
        self.ledger.absorb(notes, &self.store, self.catalogue);
        self.lose_connections();
    }

    fn lose_connections(&mut self) {
        self.store_life += 1;
        self.flushing = false;
        for outcome in std::mem::take(&mut self.outcomes) {
            self.tell_outcome(Outcome { answer: Answer::Conflict, ..outcome });
        }
    }

    fn tell_outcome(&mut self, outcome: Outcome) {
        let Outcome { server, life, command, origin, answer } = outcome;
        if life != self.servers[server].life {
            return;
        }
        match origin {
            Origin::Worker { worker, life, session } => self.reply(server, (worker, life, session), command, answer),
            Origin::Fire(plan) => self.fired(server, plan, &answer),
            Origin::Lead { asked } => self.lead_answered(server, asked, &answer),
            Origin::Nobody => {}
        }
    }
}
