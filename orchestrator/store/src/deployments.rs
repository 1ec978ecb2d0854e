//! Deploying a project: its snapshot becomes the current one, its DAGs and schedules are taken up, those it no longer
//! declares are set aside. Runs keep the snapshot they were made from.

use std::collections::HashMap;

use daybreak_spec::{Name, Timestamp};

use crate::audit::audit;
use crate::database::{Values, execute_rows, query};
use crate::limits::declare;
use crate::outbox::{Listened, listen};
use crate::registry::raise_cursor;
use crate::tx::{Command, Tx};
use crate::{Caller, Error};

/// A project to be made current.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The project.
    pub project: Name,
    /// SHA-256 (hex) of its snapshot, an object in the artefact store.
    pub version: String,
    /// The folder that its relative paths start from.
    pub root: String,
    /// The object with the texts that it was read from, where it was read from texts.
    pub files: Option<String>,
    /// Its declared models.
    pub models: Vec<Name>,
    /// What reading it found out beside its declarations, as JSON; none: what is known of this version stays known.
    pub found: Option<String>,
    /// Its limits and their slots.
    pub limits: Vec<(Name, u32)>,
    /// What its DAGs and alerts want to hear of, each once.
    pub listens: Vec<Listened>,
    /// Its DAGs.
    pub dags: Vec<DeployedDag>,
    /// Who asks for it; none where a server starts with it.
    pub caller: Option<Caller>,
}

/// One DAG of a deployment.
#[derive(Clone, Debug)]
pub struct DeployedDag {
    /// The DAG.
    pub dag: Name,
    /// The cursor of each of its schedules.
    pub cursors: Vec<DeployedCursor>,
}

/// Where the cursor of a schedule stands from the deployment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeployedCursor {
    /// Where it stood when the deployment was thought out; none where the place had no schedule.
    pub was: Option<Timestamp>,
    /// Where it stands.
    pub to: Timestamp,
}

impl Command for Deployment {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let (project, now) = (self.project.as_str(), tx.now().micros);
        let models = serde_json::to_string(&self.models).expect("names always write");
        query(
            "INSERT INTO project (project, current_version, deployed_at_us) VALUES ($1, $2, $3) \
             ON CONFLICT (project) DO UPDATE SET current_version = excluded.current_version, \
             deployed_at_us = excluded.deployed_at_us",
        )
        .bind(project)
        .bind(&self.version)
        .bind(now)
        .execute(tx.direct().await?)
        .await?;
        query(
            "INSERT INTO project_version (project, version, root, models, deployed_at_us, files, found) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (project, version) DO UPDATE SET root = excluded.root, \
             deployed_at_us = excluded.deployed_at_us, files = COALESCE(excluded.files, project_version.files), \
             found = COALESCE(excluded.found, project_version.found)",
        )
        .bind(project)
        .bind(&self.version)
        .bind(&self.root)
        .bind(models)
        .bind(now)
        .bind(self.files.as_deref())
        .bind(self.found.as_deref())
        .execute(tx.direct().await?)
        .await?;
        query("UPDATE dag SET removed = 1 WHERE project = $1").bind(project).execute(tx.direct().await?).await?;
        self.take_up(tx).await?;
        self.set_cursors(tx).await?;
        declare(tx, project, &self.limits).await?;
        listen(tx, project, &self.listens).await?;
        tx.known.forget_roots();
        raise_cursor(tx, project).await?;
        audit(tx, self.caller.as_ref(), "deploy", (project, &self.version));
        Ok(())
    }
}

impl Deployment {
    async fn take_up(&self, tx: &mut Tx) -> Result<(), Error> {
        let row = |dag: &DeployedDag| {
            vec![self.project.to_string().into(), dag.dag.to_string().into(), self.version.clone().into()]
        };
        execute_rows(
            "INSERT INTO dag (project, dag, version, removed) VALUES ($1, $2, $3, 0) \
             ON CONFLICT (project, dag) DO UPDATE SET version = excluded.version, removed = 0",
            self.dags.iter().map(row).collect(),
            tx.direct().await?,
        )
        .await?;
        Ok(())
    }

    async fn set_cursors(&self, tx: &mut Tx) -> Result<(), Error> {
        self.delete_surplus_cursors(tx).await?;
        let (mut new, mut moved) = (Vec::new(), Vec::new());
        for dag in &self.dags {
            for (schedule, cursor) in (0_i64..).zip(&dag.cursors) {
                let mut row: Values = vec![
                    self.project.to_string().into(),
                    dag.dag.to_string().into(),
                    schedule.into(),
                    cursor.to.micros.into(),
                ];
                match cursor.was {
                    None => new.push(row),
                    Some(was) if was != cursor.to => {
                        row.push(was.micros.into());
                        moved.push(row);
                    }
                    Some(_) => {}
                }
            }
        }
        execute_rows(
            "INSERT INTO schedule_cursor (project, dag, schedule, cursor_us) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (project, dag, schedule) DO NOTHING",
            new,
            tx.direct().await?,
        )
        .await?;
        let wanted = moved.len() as u64;
        let changed = execute_rows(
            "UPDATE schedule_cursor SET cursor_us = v.column4 FROM (VALUES (CAST($1 AS TEXT), CAST($2 AS TEXT), \
             CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT))) AS v \
             WHERE schedule_cursor.project = v.column1 AND schedule_cursor.dag = v.column2 \
             AND schedule_cursor.schedule = v.column3 AND schedule_cursor.cursor_us = v.column5",
            moved,
            tx.direct().await?,
        )
        .await?;
        if changed == wanted { Ok(()) } else { Err(Error::Conflict { what: "the cursor of a schedule".to_owned() }) }
    }

    /// Those of places that a DAG no longer has.
    async fn delete_surplus_cursors(&self, tx: &mut Tx) -> Result<(), Error> {
        let rows = query("SELECT dag, MAX(schedule) AS last FROM schedule_cursor WHERE project = $1 GROUP BY dag")
            .bind(self.project.as_str())
            .fetch_all(tx.direct().await?)
            .await?;
        let mut last: HashMap<String, i64> = HashMap::new();
        for row in rows {
            last.insert(row.try_get("dag")?, row.try_get("last")?);
        }
        for dag in &self.dags {
            let kept = i64::try_from(dag.cursors.len()).unwrap_or(i64::MAX);
            if last.get(dag.dag.as_str()).is_none_or(|last| *last < kept) {
                continue;
            }
            query("DELETE FROM schedule_cursor WHERE project = $1 AND dag = $2 AND schedule >= $3")
                .bind(self.project.as_str())
                .bind(dag.dag.as_str())
                .bind(kept)
                .execute(tx.direct().await?)
                .await?;
        }
        Ok(())
    }
}
