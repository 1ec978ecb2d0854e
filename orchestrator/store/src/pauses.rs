//! Pauses: a DAG with a row fires nothing. Written with who, when and why, and into the audit in the same transaction.
//! Must never touch cursors: what a resumed DAG does with the firings it missed is the scheduler's to decide.

use std::collections::BTreeMap;

use daybreak_spec::{Name, Timestamp};

use crate::audit::audit;
use crate::database::query;
use crate::load::name;
use crate::tx::{Command, Tx};
use crate::{Caller, Error, Store};

/// Why a DAG fires nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Real time at which it began.
    pub since: Timestamp,
    /// Who paused it.
    pub by: String,
    /// Why.
    pub note: Option<String>,
}

/// A DAG to be paused or resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseChange {
    /// The project.
    pub project: Name,
    /// The DAG.
    pub dag: Name,
    /// Who asks, and from where.
    pub caller: Caller,
    /// Why.
    pub note: Option<String>,
}

pub(crate) struct SetPause(pub PauseChange);
pub(crate) struct LiftPause(pub PauseChange);

impl Command for SetPause {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let Self(PauseChange { project, dag, caller, note }) = self;
        query(
            "INSERT INTO dag_pause (project, dag, paused_at_us, paused_by, note) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (project, dag) DO UPDATE SET paused_by = excluded.paused_by, note = excluded.note",
        )
        .bind(project.as_str())
        .bind(dag.as_str())
        .bind(tx.now().micros)
        .bind(caller.to_string())
        .bind(note.as_deref())
        .execute(tx.direct().await?)
        .await?;
        audit(tx, Some(caller), "pause", (dag.as_str(), note.as_deref().unwrap_or_default()));
        Ok(())
    }
}

impl Command for LiftPause {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let Self(PauseChange { project, dag, caller, note }) = self;
        let lifted = query("DELETE FROM dag_pause WHERE project = $1 AND dag = $2")
            .bind(project.as_str())
            .bind(dag.as_str())
            .execute(tx.direct().await?)
            .await?;
        if lifted == 0 {
            return Err(Error::Refused(format!("DAG `{dag}` is not paused")));
        }
        audit(tx, Some(caller), "resume", (dag.as_str(), note.as_deref().unwrap_or_default()));
        Ok(())
    }
}

impl Store {
    /// The paused DAGs of a project.
    pub async fn pauses(&self, project: &Name) -> Result<BTreeMap<Name, Pause>, Error> {
        let rows = query("SELECT dag, paused_at_us, paused_by, note FROM dag_pause WHERE project = $1")
            .bind(project.as_str())
            .fetch_all(&self.readers)
            .await?;
        rows.iter()
            .map(|row| {
                let since = Timestamp::from_micros(row.try_get("paused_at_us")?);
                let pause = Pause { since, by: row.try_get("paused_by")?, note: row.try_get("note")? };
                Ok((name(row.try_get("dag")?)?, pause))
            })
            .collect()
    }
}
