//! The scheduler: a reconciler that turns due firings into runs. Reads cursors and business time, lets `core::due`
//! decide, writes runs and cursors in one transaction per DAG. Bounded per turn, safe to run twice, woken by signals and
//! by a timer. Must never look at a run's tasks.

use std::collections::BTreeMap;
use std::time::Duration;

use daybreak_core::{Firings, Turn, due};
use daybreak_spec::{Name, Timestamp};
use daybreak_store::{CursorMove, Effect, Fire, NewFiring};
use tokio::sync::{broadcast, watch};

use crate::deployed::{CompiledDag, Deployed};
use crate::{Error, Schedules, Server};

/// Runs of one DAG made in one turn.
const MAX_PER_TURN: usize = 64;

/// Unended runs of one DAG beyond which firings wait: a long catch-up fills no table with queued runs.
const MAX_ACTIVE: usize = 128;

/// The loop looks at least this often, whatever it was told.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A clock that follows real time and jumps further than this between two turns was not watched meanwhile: the machine
/// slept.
const LONGEST_TURN_US: i64 = 60_000_000;

/// What the scheduler keeps between turns. All of it can be read again.
pub(crate) struct Lines {
    lines: Vec<Line>,
    loaded: bool,
    /// From when on DAGs are watched that were not known before.
    watched_since: Timestamp,
    last_turn: Timestamp,
}

struct Line {
    dag: Name,
    /// Firings up to here are missed ones.
    horizon: Timestamp,
    cursors: Vec<Timestamp>,
    /// The earliest firing not dealt with.
    next: Option<Timestamp>,
}

/// What a turn leaves to be done.
enum Rest {
    /// The bound was reached: turn again at once.
    Now,
    /// The next firing is in the future, or there is none.
    At(Option<Timestamp>),
}

impl Lines {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { lines: Vec::new(), loaded: false, watched_since: now, last_turn: now }
    }

    /// A project has been deployed at `now`: what fell due before is missed by DAGs that are new.
    pub(crate) fn start_over(&mut self, now: Timestamp) {
        self.loaded = false;
        self.watched_since = now;
    }
}

impl Server {
    /// Makes runs of due firings until shut down.
    pub(crate) async fn run_scheduler(&self, mut shutdown: watch::Receiver<bool>) {
        let mut effects = self.store.effects();
        loop {
            let wait = match self.turn().await {
                Ok(Rest::Now) => Duration::ZERO,
                Ok(Rest::At(next)) => self.wait_for(next),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "firings wait: the scheduler cannot turn");
                    Duration::from_secs(1)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => {}
                () = run_ended(&mut effects) => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Makes all runs that are due now, as far as there is room for them.
    pub(crate) async fn make_due_runs(&self) -> Result<(), Error> {
        while let Rest::Now = self.turn().await? {}
        Ok(())
    }

    fn wait_for(&self, next: Option<Timestamp>) -> Duration {
        let Some(next) = next.filter(|_| !self.clock.is_simulated()) else { return LONGEST_WAIT };
        let left_us = next.micros - self.clock.business_now().micros;
        LONGEST_WAIT.min(Duration::from_micros(u64::try_from(left_us).unwrap_or_default()))
    }

    async fn turn(&self) -> Result<Rest, Error> {
        if self.schedules == Schedules::Resting {
            return Ok(Rest::At(None));
        }
        let mut lines = self.scheduler.lock().await;
        let Ok(deployed) = self.deployed() else { return Ok(Rest::At(None)) };
        let now = self.clock.business_now();
        if !self.clock.is_simulated() && now.micros - lines.last_turn.micros > LONGEST_TURN_US {
            lines.lines.iter_mut().for_each(|line| line.horizon = now);
        }
        lines.last_turn = now;
        if !lines.loaded {
            self.load_lines(&mut lines, &deployed).await?;
        }
        let mut more = false;
        for line in &mut lines.lines {
            if line.next.is_some_and(|next| next <= now) {
                match self.fire(&deployed, line, now).await {
                    Ok(left) => more |= left,
                    Err(error) => {
                        lines.loaded = false;
                        return Err(error);
                    }
                }
            }
        }
        let next = lines.lines.iter().filter_map(|line| line.next).filter(|next| *next > now).min();
        Ok(if more { Rest::Now } else { Rest::At(next) })
    }

    async fn load_lines(&self, lines: &mut Lines, deployed: &Deployed) -> Result<(), Error> {
        let stored = self.store.cursors(deployed.name()).await?;
        let horizons: BTreeMap<Name, Timestamp> = lines.lines.drain(..).map(|line| (line.dag, line.horizon)).collect();
        lines.lines = deployed
            .dags
            .iter()
            .map(|(name, dag)| {
                let cursors = (0_u32..)
                    .zip(dag.firings.schedules())
                    .filter_map(|(place, _)| stored.get(&(name.clone(), place)).copied())
                    .collect();
                let horizon = horizons.get(name).copied().unwrap_or(lines.watched_since);
                let mut line = Line { dag: name.clone(), horizon, cursors, next: None };
                line.next = line.earliest(&dag.firings);
                line
            })
            .collect();
        lines.loaded = true;
        Ok(())
    }

    /// Deals with the due firings of one DAG. Returns whether some are left for which there is room.
    async fn fire(&self, deployed: &Deployed, line: &mut Line, now: Timestamp) -> Result<bool, Error> {
        let dag = &deployed.dags[&line.dag];
        let active = self.store.active_runs(deployed.name(), &line.dag).await? as usize;
        let limit = MAX_PER_TURN.min(MAX_ACTIVE.saturating_sub(active));
        let turn = Turn { now, horizon: line.horizon, limit };
        let found = due(&dag.firings, &line.cursors, turn);
        if found.cursors.is_empty() {
            // No room: the end of a run wakes the scheduler.
            return Ok(false);
        }
        let fired = self.store.fire(self.fire_command(dag, line, &found)).await?;
        for (schedule, to) in &found.cursors {
            line.cursors[*schedule] = *to;
        }
        line.next = line.earliest(&dag.firings);
        if !fired.runs.is_empty() || fired.skipped > 0 {
            tracing::info!(dag = %line.dag, runs = fired.runs.len(), skipped = fired.skipped, "firings became runs");
        }
        Ok(found.more)
    }

    fn fire_command(&self, dag: &CompiledDag, line: &Line, found: &daybreak_core::Due) -> Fire {
        let place = |schedule: usize| u32::try_from(schedule).expect("a DAG has few schedules");
        Fire {
            template: dag.template.clone(),
            cursors: found
                .cursors
                .iter()
                .map(|(schedule, to)| CursorMove { schedule: place(*schedule), from: line.cursors[*schedule], to: *to })
                .collect(),
            firings: found
                .firings
                .iter()
                .map(|firing| NewFiring {
                    at: firing.at,
                    window_start: dag.firings.previous_before(firing.at),
                    overlap: firing.overlap,
                })
                .collect(),
            epoch: self.epoch,
        }
    }
}

impl Line {
    fn earliest(&self, firings: &Firings) -> Option<Timestamp> {
        let schedules = firings.schedules().iter().zip(&self.cursors);
        schedules.filter_map(|(schedule, cursor)| schedule.next_after(*cursor)).min()
    }
}

/// Waits until some run has ended (or so much has happened that one may have).
async fn run_ended(effects: &mut broadcast::Receiver<Effect>) {
    loop {
        match effects.recv().await {
            Ok(Effect::RunEnded { .. }) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Ok(Effect::RetryAt(_) | Effect::RegistryMoved) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
