//! Pausing and resuming DAGs. The row is written first, then the scheduler follows it; runs that exist go on, and runs by
//! hand are made as ever. Must never make or end a run.

use daybreak_protocol::{PauseRequest, PauseView};
use daybreak_spec::Name;
use daybreak_store::{Pause, PauseChange};

use crate::origin::Origin;
use crate::{Error, Server};

impl Server {
    /// Lets a DAG fire nothing until it is resumed. A pause that stands keeps its beginning and takes the new note.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown DAG.
    pub async fn pause(&self, dag: &str, request: PauseRequest, from: &Origin) -> Result<(), Error> {
        self.store.pause(self.pause_change(dag, request, from)?).await?;
        self.follow_pauses().await
    }

    /// Lets a DAG fire again. What fell due meanwhile is missed: its policy says what becomes of it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown DAG, [`Error::Refused`] when it is not paused.
    pub async fn resume(&self, dag: &str, request: PauseRequest, from: &Origin) -> Result<(), Error> {
        self.store.resume(self.pause_change(dag, request, from)?).await?;
        self.follow_pauses().await?;
        self.wake.notify_one();
        Ok(())
    }

    fn pause_change(&self, dag: &str, request: PauseRequest, from: &Origin) -> Result<PauseChange, Error> {
        let deployed = self.deployed()?;
        let dag: Name = deployed.dag(dag)?.template.dag.clone();
        let caller = from.caller(request.by);
        Ok(PauseChange { project: deployed.name().clone(), dag, caller, note: request.note })
    }
}

/// A pause as people see it.
pub(crate) fn view(pause: &Pause) -> PauseView {
    PauseView { since: pause.since, by: pause.by.clone(), note: pause.note.clone() }
}
