//! Waits whose end the server itself sees: instants of business time, runs of other DAGs, runs that tasks have made. A
//! reconciler: reads what the rows say, tells the tasks, and is safe to run at any moment and twice, for each word carries
//! the fence of its wait. Woken by what commits bring about, by the business clock and by a timer; a turn looks at one part
//! of the waits. Must never look at files or addresses: workers do. To add something that the server sees: a look-up in the
//! store's `waits.rs`, a step of [`Server::settle_waits`].

use std::time::Duration;

use daybreak_core::{Awaited, Resumption, Wait};
use daybreak_protocol::Error as ProtocolError;
use daybreak_store::{Effect, MetWait, NewRun, ParentRun, ReportedEnd, RunTemplate, SubRunSettled};
use serde_json::{Map, Value as Json};
use tokio::sync::{broadcast, watch};

use crate::apply::lasting_failure;
use crate::deployed::Deployed;
use crate::error::of_store;
use crate::{Error, Server};

/// Shortest time between two turns, so that many signals together are one.
const BETWEEN_TURNS: Duration = Duration::from_millis(20);

/// Most bytes of what a task may say that it waits for.
const MAX_WAIT_BYTES: usize = 16 << 10;

/// Shortest time after which an attempt is looked at again.
const SHORTEST_PAUSE_US: i64 = 100_000;

impl Server {
    /// Tells tasks that what they wait for has come about, until shut down.
    pub(crate) async fn run_waits(&self, mut shutdown: watch::Receiver<bool>) {
        let mut effects = self.store.effects();
        let mut after = String::new();
        loop {
            let longest = match self.settle_waits(&mut after).await {
                Ok(true) => Duration::ZERO,
                Ok(false) => self.until_next_instant().await,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "waits are looked at again: it failed");
                    after.clear();
                    self.timings.sweep
                }
            };
            tokio::select! {
                () = tokio::time::sleep(longest) => {}
                () = self.wake_waits.notified() => {}
                () = something_happened(&mut effects) => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
            tokio::time::sleep(BETWEEN_TURNS).await;
            // What came meanwhile is seen by the turn that follows.
            while effects.try_recv().is_ok() {}
        }
    }

    /// One turn. Returns whether there is more to look at.
    async fn settle_waits(&self, after: &mut String) -> Result<bool, daybreak_store::Error> {
        if !self.leads() {
            return Ok(false);
        }
        let due = self.store.due_instants(self.clock.business_now()).await?;
        let windows = self.store.met_windows(after).await?;
        let sub_runs = self.store.unsettled_sub_runs().await?;
        let mut told: Vec<(MetWait, Resumption)> = Vec::with_capacity(due.len() + windows.met.len());
        told.extend(due.into_iter().map(|met| (met, Resumption::Succeeds { outputs: Map::new() })));
        told.extend(windows.met.into_iter().map(|met| {
            let run_id = met.by_run.clone().map_or(Json::Null, Json::String);
            (met, Resumption::Succeeds { outputs: Map::from_iter([("run_id".to_owned(), run_id)]) })
        }));
        let mut moved = self.store.resume_waits(told).await?;
        for run_id in sub_runs {
            moved += u64::from(self.store.settle_sub_run(run_id).await? != SubRunSettled::Open);
        }
        *after = windows.next.unwrap_or_default();
        Ok(moved > 0 || !after.is_empty())
    }

    /// How long until an instant that is waited for, at most until the timer.
    async fn until_next_instant(&self) -> Duration {
        let timer = self.timings.sweep;
        if self.clock.is_simulated() || !self.leads() {
            return timer;
        }
        let Ok(Some(next)) = self.store.next_instant().await else { return timer };
        let left_us = next.micros - self.clock.business_now().micros;
        timer.min(Duration::from_micros(u64::try_from(left_us).unwrap_or_default()))
    }

    /// What a worker's word that its task waits is to the store. A run that it waits for is made with it.
    pub(crate) async fn waiting_end(&self, task_run_id: &str, wait: Wait) -> Result<ReportedEnd, ProtocolError> {
        let size = serde_json::to_vec(&wait).map_or(usize::MAX, |text| text.len());
        if size > MAX_WAIT_BYTES {
            let reason = format!("what it waits for takes {size} bytes as JSON and may take {MAX_WAIT_BYTES}");
            return Ok(lasting_failure("bad_result", reason));
        }
        let again_after_us = wait.again_after_us.map(|after| after.max(SHORTEST_PAUSE_US));
        let wait = Wait { again_after_us, ..wait };
        let Awaited::Run { dag, params, .. } = &wait.condition else {
            return Ok(ReportedEnd::Other(daybreak_core::AttemptEnd::Deferred(wait)));
        };
        let parent = self.store.parent_run(task_run_id).await.map_err(of_store)?;
        match self.run_of_task(dag.as_str(), params.clone(), parent).await {
            Ok(run) => Ok(ReportedEnd::MadeRun { run: Box::new(run), wait }),
            Err(error @ (Error::NotFound(_) | Error::Values { .. } | Error::Refused(_))) => {
                Ok(lasting_failure("bad_input", format!("its run could not be made: {error}")))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// The run that a task makes: of the version that its own run was made from, with its window.
    async fn run_of_task(&self, dag: &str, params: Map<String, Json>, parent: ParentRun) -> Result<NewRun, Error> {
        let ParentRun { version, window_start, window_end } = parent;
        let current = self.deployed()?;
        let template = if current.version == version {
            template(&current, dag, params)?
        } else {
            let snapshot = self.artifacts.get(&version).await?;
            let project = serde_json::from_slice(&snapshot).map_err(|error| {
                Error::Refused(format!("the snapshot {version} that its run was made from does not read: {error}"))
            })?;
            template(&Deployed::compile(&project, version, &self.catalog)?, dag, params)?
        };
        Ok(NewRun { template, window_start, window_end })
    }
}

fn template(deployed: &Deployed, dag: &str, params: Map<String, Json>) -> Result<RunTemplate, Error> {
    let dag = deployed.dag(dag)?;
    Ok(RunTemplate { params: dag.params(params)?, ..(*dag.template).clone() })
}

/// Waits until a run or a wait has ended or begun, or so much has happened that one may have.
async fn something_happened(effects: &mut broadcast::Receiver<Effect>) {
    loop {
        match effects.recv().await {
            Ok(Effect::RunEnded { .. } | Effect::Waits | Effect::Elsewhere)
            | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Ok(
                Effect::Announced
                | Effect::RetryAt(_)
                | Effect::RegistryMoved
                | Effect::CancelRequested { .. }
                | Effect::Revoked { .. },
            ) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
