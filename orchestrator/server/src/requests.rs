//! What people and programs ask for: runs by hand, and waiting for their end.

use daybreak_protocol::{RunDetail, RunSummary};
use daybreak_spec::{Name, Timestamp};
use daybreak_store::{Effect, NewRun, RunTemplate};
use serde_json::{Map, Value as Json};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{Error, Server};

impl Server {
    /// Makes and starts a run by hand. T is `at`, or business time now; the window begins at the firing before it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown DAG; [`Error::Values`] for parameters that it does not take, [`Error::Refused`]
    /// for a T in the future: what it makes would stand in the way of every run before that instant.
    pub async fn trigger(&self, dag: &str, at: Option<Timestamp>, params: Map<String, Json>) -> Result<String, Error> {
        let deployed = self.deployed()?;
        let dag = deployed.dag(dag)?;
        let now = self.clock.business_now();
        let window_end = at.unwrap_or(now);
        if window_end > now {
            return Err(Error::Refused(format!("{window_end} lies in the future: business time is {now}")));
        }
        let template = RunTemplate { params: dag.params(params)?, ..(*dag.template).clone() };
        let window_start = dag.firings.previous_before(window_end);
        Ok(self.store.make_run(NewRun { template, window_start, window_end }).await?)
    }

    /// One run with its tasks.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn run_detail(&self, run_id: &str) -> Result<RunDetail, Error> {
        Ok(self.store.run(run_id).await?)
    }

    /// Waits for the end of a run.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn wait_run(&self, run_id: &str) -> Result<RunSummary, Error> {
        let mut effects = self.store.effects();
        loop {
            let run = self.store.run_summary(run_id).await?;
            if run.state.is_terminal() {
                return Ok(run);
            }
            next_end(&mut effects, Some(run_id)).await?;
        }
    }

    /// Waits for the end of the run of a firing that is due.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the DAG has no such firing, or it is left out or not due yet.
    pub async fn wait_firing(&self, dag: &str, at: Timestamp) -> Result<RunSummary, Error> {
        let deployed = self.deployed()?;
        let name = deployed.dag(dag)?.template.dag.clone();
        let mut effects = self.store.effects();
        loop {
            self.make_due_runs().await?;
            if let Some(run_id) = self.store.run_of_firing(deployed.name(), &name, at).await? {
                return self.wait_run(&run_id).await;
            }
            self.expect_room_later(deployed.name(), &name, at).await?;
            next_end(&mut effects, None).await?;
        }
    }

    /// A due firing without a run is one that waits for room.
    async fn expect_room_later(&self, project: &Name, dag: &Name, at: Timestamp) -> Result<(), Error> {
        let now = self.clock.business_now();
        if at <= now && self.store.active_runs(project, dag).await? > 0 {
            return Ok(());
        }
        Err(Error::NotFound(format!("DAG `{dag}` has no run for {at}: at {now} it has not fired for it")))
    }
}

/// Waits for the end of a run (of this one, if named), or for so much to happen that it may have been missed.
async fn next_end(effects: &mut broadcast::Receiver<Effect>, wanted: Option<&str>) -> Result<(), Error> {
    loop {
        match effects.recv().await {
            Ok(Effect::RunEnded { run_id, .. }) if wanted.is_none_or(|wanted| wanted == run_id) => return Ok(()),
            Ok(Effect::Elsewhere) | Err(RecvError::Lagged(_)) => return Ok(()),
            Err(RecvError::Closed) => return Err(Error::Store(daybreak_store::Error::Closed)),
            Ok(_) => {}
        }
    }
}
