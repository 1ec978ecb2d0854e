//! Running a run again as the version that is live now declares it: a new run of the same instant and window. The firing key
//! stays with the first run of a firing. Must never touch the run that it repeats.

use daybreak_core::RunStatus;
use daybreak_spec::Timestamp;

use crate::audit::audit;
use crate::database::query;
use crate::load::run_status;
use crate::making::{RunRow, insert_run};
use crate::runs::{NewRun, start_or_queue};
use crate::tx::{Command, Tx};
use crate::{Caller, Error, Store};

/// A run that is made again.
#[derive(Clone, Debug)]
pub struct RunLatest {
    /// The run that has ended.
    pub of: String,
    /// From what the new one is made.
    pub run: NewRun,
    /// Its nominal instant, if the first had one.
    pub nominal: Option<Timestamp>,
    /// Who asks.
    pub caller: Caller,
}

impl Command for RunLatest {
    type Reply = String;
    async fn run(&self, tx: &mut Tx) -> Result<String, Error> {
        let state: Option<String> = query("SELECT state FROM run WHERE run_id = $1 FOR SHARE")
            .bind(&self.of)
            .fetch_value(tx.direct().await?)
            .await?;
        let state = state.ok_or_else(|| Error::NotFound(format!("no run has the id `{}`", self.of)))?;
        expect_ended(&self.of, run_status(&state)?)?;
        let NewRun { template, window_start, window_end } = &self.run;
        let row = RunRow {
            scheduled_for: None,
            nominal: self.nominal,
            window_start: *window_start,
            window_end: *window_end,
            skipped: None,
        };
        let run_id = insert_run(tx, template, &row).await?;
        let run_id = run_id.ok_or_else(|| Error::Conflict { what: "a run by hand".to_owned() })?;
        query("UPDATE run SET nominal_us = $1 WHERE run_id = $2")
            .bind(self.nominal.map(|at| at.micros))
            .bind(&run_id)
            .execute(tx.direct().await?)
            .await?;
        start_or_queue(tx, template, &run_id).await?;
        let detail = format!("as run {run_id} of version {}", template.version);
        audit(tx, Some(&self.caller), "rerun", (&self.of, &detail));
        Ok(run_id)
    }
}

fn expect_ended(run_id: &str, state: RunStatus) -> Result<(), Error> {
    if state.is_terminal() {
        return Ok(());
    }
    let detail = format!("run {run_id} has not ended ({state}); wait for its end, or cancel it first");
    Err(Error::Refused(detail))
}

impl Store {
    /// Whether [`Store::run_latest`] would make a run again now.
    ///
    /// # Errors
    /// As [`Store::run_latest`].
    pub async fn plan_latest(&self, run_id: &str) -> Result<(), Error> {
        expect_ended(run_id, self.run_summary(run_id).await?.state)
    }

    /// Makes a run again, as another version declares it; the new run's id.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown run; [`Error::Refused`] for one that has not ended.
    pub async fn run_latest(&self, latest: RunLatest) -> Result<String, Error> {
        self.write(latest).await
    }
}
