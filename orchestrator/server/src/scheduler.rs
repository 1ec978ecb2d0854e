//! The scheduler: a reconciler that turns due firings into runs. Takes the lines that start next, lets `core::due` decide,
//! and hands the firings of many DAGs to the writer together, which makes runs and moves cursors in one transaction per
//! DAG. Bounded per turn, safe to run twice, woken by signals and by a timer. Must never look at a run's tasks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use daybreak_core::{Due, Turn, due};
use daybreak_spec::{Name, Timestamp};
use daybreak_store::{CursorMove, Effect, Fire, NewFiring};
use tokio::sync::{broadcast, watch};

use crate::deployed::{CompiledDag, Deployed};
use crate::lines::{Line, Lines};
use crate::{Error, Schedules, Server};

/// Runs of one DAG made in one turn.
const MAX_PER_TURN: usize = 64;

/// DAGs that fire in one turn.
const MAX_DAGS_PER_TURN: usize = 1_024;

/// Unended runs of one DAG beyond which firings wait: a long catch-up fills no table with queued runs.
const MAX_ACTIVE: usize = 128;

/// Firings left out by policies that are counted one by one in a turn; beyond it a count is a lower bound.
const MAX_COUNTED: u64 = 50_000;

/// The loop looks at least this often, whatever it was told: also for pauses that another server has written.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A clock that follows real time and jumps further than this between two turns was not watched meanwhile: the machine
/// slept.
const LONGEST_TURN_US: i64 = 60_000_000;

/// What a turn leaves to be done.
enum Rest {
    /// The bound was reached: turn again at once.
    Now,
    /// The next firing is in the future, or there is none.
    At(Option<Timestamp>),
}

/// One DAG's part of a turn.
struct Part {
    place: usize,
    dag: Name,
    due: Due,
}

/// What a turn has done, for the log.
#[derive(Default)]
struct Done {
    runs: usize,
    skipped: u32,
    left_out: u64,
    of: Vec<Name>,
}

impl Server {
    /// Makes runs of due firings until shut down.
    pub(crate) async fn run_scheduler(&self, mut shutdown: watch::Receiver<bool>) {
        let mut effects = self.store.effects();
        let mut looked = Instant::now();
        loop {
            if looked.elapsed() >= LONGEST_WAIT {
                looked = Instant::now();
                if let Err(error) = self.follow_pauses().await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the pauses of DAGs cannot be read");
                }
            }
            let wait = match self.turn().await {
                Ok(Rest::Now) => Duration::ZERO,
                Ok(Rest::At(next)) => self.wait_for(next),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "firings wait: the scheduler cannot turn");
                    Duration::from_secs(1)
                }
            };
            let crowded = self.scheduler.lock().await.are_crowded();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.notified() => {}
                () = run_ended(&mut effects), if crowded => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Makes all runs that are due now, as far as there is room for them.
    pub(crate) async fn make_due_runs(&self) -> Result<(), Error> {
        while let Rest::Now = self.turn().await? {}
        Ok(())
    }

    /// Reads which DAGs are paused.
    pub(crate) async fn follow_pauses(&self) -> Result<(), Error> {
        let mut lines = self.scheduler.lock().await;
        let Ok(deployed) = self.deployed() else { return Ok(()) };
        let pauses = self.store.pauses(deployed.name()).await?;
        lines.follow(&deployed, &pauses, self.clock.business_now());
        Ok(())
    }

    fn wait_for(&self, next: Option<Timestamp>) -> Duration {
        let Some(next) = next.filter(|_| !self.clock.is_simulated()) else { return LONGEST_WAIT };
        let left_us = next.micros - self.clock.business_now().micros;
        LONGEST_WAIT.min(Duration::from_micros(u64::try_from(left_us).unwrap_or_default()))
    }

    async fn turn(&self) -> Result<Rest, Error> {
        if self.schedules == Schedules::Resting || !self.leads() {
            return Ok(Rest::At(None));
        }
        let mut lines = self.scheduler.lock().await;
        let Ok(deployed) = self.deployed() else { return Ok(Rest::At(None)) };
        let now = self.clock.business_now();
        if !self.clock.is_simulated() && now.micros - lines.last_turn.micros > LONGEST_TURN_US {
            lines.were_unwatched(now);
        }
        lines.last_turn = now;
        if !lines.loaded {
            let stored = self.store.cursors(deployed.name()).await?;
            let pauses = self.store.pauses(deployed.name()).await?;
            lines.load(&deployed, &stored, &pauses);
        }
        let full = self.fire_due(&mut lines, &deployed, now).await;
        // However long the writing took, somebody watched.
        lines.last_turn = self.clock.business_now().max(now);
        let full = full?;
        let next = lines.next();
        Ok(if full || next.is_some_and(|next| next <= now) { Rest::Now } else { Rest::At(next) })
    }

    /// Deals with the DAGs that are due. Returns whether some firings are left for which there is room.
    async fn fire_due(&self, lines: &mut Lines, deployed: &Arc<Deployed>, now: Timestamp) -> Result<bool, Error> {
        if !lines.are_crowded() && lines.next().is_none_or(|next| next > now) {
            return Ok(false);
        }
        let active = self.store.active_counts(deployed.name()).await?;
        let room = |dag: &Name| MAX_ACTIVE.saturating_sub(active.get(dag).map_or(0, |active| *active as usize));
        lines.let_in(deployed, |dag| room(dag) > 0);
        let mut parts = Vec::new();
        let mut count = MAX_COUNTED;
        for place in lines.take_due(now, MAX_DAGS_PER_TURN) {
            let line = lines.line(place);
            let Some(dag) = deployed.dags.get(&line.dag) else { continue };
            let limit = MAX_PER_TURN.min(room(&line.dag));
            let due = due(&dag.firings, &line.cursors, Turn { now, horizon: line.horizon, limit, count });
            count = count.saturating_sub(due.cursors.iter().map(|cursor| cursor.left_out).sum());
            match (due.cursors.is_empty(), due.more) {
                (false, _) => parts.push(Part { place, dag: line.dag.clone(), due }),
                (true, true) => lines.set_aside(place),
                (true, false) => lines.put_back(place, &dag.firings),
            }
        }
        let fires = parts
            .iter()
            .map(|part| self.fire_command(&deployed.dags[&part.dag], lines.line(part.place), &part.due))
            .collect();
        let answers = self.store.fire(fires).await;
        let (mut more, mut done, mut failed) = (false, Done::default(), None);
        for (part, answer) in parts.into_iter().zip(answers) {
            match answer {
                Ok(fired) => {
                    more |= part.due.more;
                    done.add(&part, fired.runs.len(), fired.skipped);
                    part.due.firings.iter().for_each(|firing| self.metrics.fired(firing.at, now));
                    let line = lines.line_mut(part.place);
                    part.due.cursors.iter().for_each(|cursor| line.cursors[cursor.schedule] = cursor.to);
                    lines.put_back(part.place, &deployed.dags[&part.dag].firings);
                }
                Err(error) => {
                    // The rows say something else than these lines.
                    lines.loaded = false;
                    failed = Some(error);
                }
            }
        }
        done.log();
        failed.map_or(Ok(more), |error| Err(error.into()))
    }

    fn fire_command(&self, dag: &CompiledDag, line: &Line, found: &Due) -> Fire {
        let place = |schedule: usize| u32::try_from(schedule).expect("a DAG has few schedules");
        let cursors = found.cursors.iter().map(|cursor| CursorMove {
            schedule: place(cursor.schedule),
            from: line.cursors[cursor.schedule],
            to: cursor.to,
            left_out: cursor.left_out,
        });
        let firings = found.firings.iter().map(|firing| NewFiring {
            at: firing.at,
            window_start: dag.firings.previous_before(firing.at),
            overlap: firing.overlap,
        });
        let (cursors, firings) = (cursors.collect(), firings.collect());
        Fire { template: dag.template.clone(), cursors, firings, epoch: self.epoch() }
    }
}

impl Done {
    fn add(&mut self, part: &Part, runs: usize, skipped: u32) {
        self.runs += runs;
        self.skipped += skipped;
        let left_out: u64 = part.due.cursors.iter().map(|cursor| cursor.left_out).sum();
        if left_out > 0 {
            self.left_out += left_out;
            self.of.push(part.dag.clone());
        }
    }

    fn log(&self) {
        if self.runs > 0 || self.skipped > 0 {
            tracing::info!(runs = self.runs, skipped = self.skipped, "firings became runs");
        }
        if self.left_out > 0 {
            let shown: Vec<&str> = self.of.iter().take(5).map(Name::as_str).collect();
            tracing::warn!(
                firings = self.left_out,
                dags = self.of.len(),
                "missed firings are left out as `missed` says: {}{}",
                shown.join(", "),
                if self.of.len() > shown.len() { ", …" } else { "" }
            );
        }
    }
}

/// Waits until some run has ended (or so much has happened that one may have).
pub(crate) async fn run_ended(effects: &mut broadcast::Receiver<Effect>) {
    loop {
        match effects.recv().await {
            Ok(Effect::RunEnded { .. } | Effect::Elsewhere) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Ok(
                Effect::RetryAt(_)
                | Effect::RegistryMoved
                | Effect::CancelRequested { .. }
                | Effect::Revoked { .. }
                | Effect::Waits
                | Effect::Announced,
            ) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
