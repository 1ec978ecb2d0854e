//! The sweeper: a reconciler of everything that real time brings about (leases, deadlines, cancellation grace, waits
//! before the next attempt). Woken by the next wait that is over and by a timer; each turn looks at what is.

use std::time::Duration;

use daybreak_spec::Timestamp;
use daybreak_store::{Effect, Sweep, Swept};
use tokio::sync::{broadcast, watch};

use crate::Server;

impl Server {
    /// Sweeps until shut down.
    pub(crate) async fn run_sweeper(&self, mut shutdown: watch::Receiver<bool>) {
        let mut effects = self.store.effects();
        let cancel_grace_us = micros(self.timings.cancel_grace);
        loop {
            let epoch = self.epoch();
            let swept = match epoch {
                // Another server leads, and sweeps.
                0 => Ok(Swept::default()),
                _ => self.store.sweep(Sweep { epoch, cancel_grace_us }).await,
            };
            let next = match swept {
                Ok(swept) => {
                    self.metrics.lost(swept.lost);
                    if swept.lost + swept.timed_out + swept.forced > 0 {
                        let (lost, timed_out, forced) = (swept.lost, swept.timed_out, swept.forced);
                        tracing::warn!(lost, timed_out, forced, "attempts were ended without their worker");
                    }
                    if swept.untaken + swept.too_long + swept.overdue > 0 {
                        let (untaken, too_long, overdue) = (swept.untaken, swept.too_long, swept.overdue);
                        tracing::warn!(untaken, too_long, overdue, "tasks and runs were ended at their limits");
                    }
                    swept.next_retry
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the sweep failed: trying again");
                    None
                }
            };
            let deadline = tokio::time::Instant::now() + self.timings.sweep.min(self.until(next));
            tokio::select! {
                () = tokio::time::sleep_until(deadline) => {}
                () = self.retry_due_before(&mut effects, deadline) => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
        }
    }

    fn until(&self, next: Option<Timestamp>) -> Duration {
        next.map_or(Duration::MAX, |next| {
            Duration::from_micros(u64::try_from(next.micros - self.store.now().micros).unwrap_or_default())
        })
    }

    /// Waits for the end of a wait that began meanwhile and is over before `deadline`.
    async fn retry_due_before(&self, effects: &mut broadcast::Receiver<Effect>, deadline: tokio::time::Instant) {
        let mut earliest = deadline;
        loop {
            let effect = tokio::select! {
                effect = effects.recv() => effect,
                () = tokio::time::sleep_until(earliest) => return,
            };
            match effect {
                Ok(Effect::RetryAt(at)) => earliest = earliest.min(tokio::time::Instant::now() + self.until(Some(at))),
                Ok(
                    Effect::RunEnded { .. }
                    | Effect::RegistryMoved
                    | Effect::CancelRequested { .. }
                    | Effect::Revoked { .. }
                    | Effect::Waits
                    | Effect::Announced
                    | Effect::Elsewhere,
                ) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

/// A length of time as rows have it.
pub(crate) fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}
