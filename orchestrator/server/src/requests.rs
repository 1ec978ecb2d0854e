//! What people and programs ask for: runs by hand, and waiting for their end.

use std::sync::PoisonError;

use daybreak_protocol::{RunDetail, RunSummary, TriggerRequest, Triggered};
use daybreak_spec::{Name, Timestamp};
use daybreak_store::{Caller, Effect, Made, NewRun, Once, RunTemplate, TriggerRun};
use serde_json::{Map, Value as Json};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::http::Asked;
use crate::origin::Origin;
use crate::{Error, Server};

impl Server {
    /// Makes and starts a run by hand. T is `at`, or business time now; the window begins at the firing before it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown DAG; [`Error::Values`] for parameters that it does not take, [`Error::Refused`]
    /// for a T in the future: what it makes would stand in the way of every run before that instant.
    pub async fn trigger(&self, dag: &str, at: Option<Timestamp>, params: Map<String, Json>) -> Result<String, Error> {
        let run = self.new_run(dag, at, params)?;
        Ok(self.store.make_run(run).await?)
    }

    /// The same for somebody who asks for it; once, where `key` is given.
    pub(crate) async fn trigger_by(
        &self,
        dag: &Name,
        request: TriggerRequest,
        from: &Origin,
        key: Option<String>,
    ) -> Result<Asked<Triggered>, Error> {
        let caller = from.caller(None);
        let under_way = key.as_ref().map(|key| UnderWay::begin(self, &caller, key));
        if matches!(under_way, Some(None)) {
            return Ok(Asked::InFlight);
        }
        let said = serde_json::to_string(&request).expect("a request always writes");
        let once = key.map(|key| Once::new(&key, &["trigger", dag.as_str(), &said]));
        let run = self.new_run(dag.as_str(), request.at, request.params)?;
        Ok(match self.store.trigger(TriggerRun { run, caller, once }).await? {
            Made::Now(triggered) => Asked::Made(triggered),
            Made::Before(triggered) => Asked::Before(triggered),
            Made::OtherRequest => Asked::OtherRequest,
        })
    }

    fn new_run(&self, dag: &str, at: Option<Timestamp>, params: Map<String, Json>) -> Result<NewRun, Error> {
        let deployed = self.deployed()?;
        let dag = deployed.dag(dag)?;
        let now = self.clock.business_now();
        let window_end = at.unwrap_or(now);
        if window_end > now {
            return Err(Error::Refused(format!("{window_end} lies in the future: business time is {now}")));
        }
        let template = RunTemplate { params: dag.params(params)?, ..(*dag.template).clone() };
        let window_start = dag.firings.previous_before(window_end);
        Ok(NewRun { template, window_start, window_end })
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

/// A request with a key that is being answered; others with the key are told so until this is dropped.
pub(crate) struct UnderWay<'a> {
    server: &'a Server,
    key: (String, String),
}

impl<'a> UnderWay<'a> {
    /// `None`: there is one already. Keys of different tokens never meet.
    pub(crate) fn begin(server: &'a Server, caller: &Caller, key: &str) -> Option<Self> {
        let key = (caller.token_id.clone().unwrap_or_default(), key.to_owned());
        let new = server.in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
        new.then_some(Self { server, key })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.server.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
