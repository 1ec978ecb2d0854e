//! Deploying a project: its snapshot becomes the current one, its DAGs and schedules are taken up, those it no longer
//! declares are set aside. Runs keep the snapshot they were made from.

use daybreak_spec::{Name, Timestamp};

use crate::Error;
use crate::changes::exactly_one;
use crate::database::query;
use crate::registry::raise_cursor;
use crate::runs::audit;
use crate::tx::{Command, Tx};

/// A project to be made current.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The project.
    pub project: Name,
    /// SHA-256 (hex) of its snapshot, an object in the artefact store.
    pub version: String,
    /// The folder that its relative paths start from.
    pub root: String,
    /// Its declared models.
    pub models: Vec<Name>,
    /// Its DAGs.
    pub dags: Vec<DeployedDag>,
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
        .execute(&mut tx.connection)
        .await?;
        query(
            "INSERT INTO project_version (project, version, root, models, deployed_at_us) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (project, version) DO UPDATE SET root = excluded.root, \
             deployed_at_us = excluded.deployed_at_us",
        )
        .bind(project)
        .bind(&self.version)
        .bind(&self.root)
        .bind(models)
        .bind(now)
        .execute(&mut tx.connection)
        .await?;
        query("UPDATE dag SET removed = 1 WHERE project = $1").bind(project).execute(&mut tx.connection).await?;
        for dag in &self.dags {
            self.take_up(tx, dag).await?;
        }
        tx.known.forget_roots();
        raise_cursor(tx, project).await?;
        audit(tx, "deploy", project, &self.version).await
    }
}

impl Deployment {
    async fn take_up(&self, tx: &mut Tx, dag: &DeployedDag) -> Result<(), Error> {
        query(
            "INSERT INTO dag (project, dag, version, removed) VALUES ($1, $2, $3, 0) \
             ON CONFLICT (project, dag) DO UPDATE SET version = excluded.version, removed = 0",
        )
        .bind(self.project.as_str())
        .bind(dag.dag.as_str())
        .bind(&self.version)
        .execute(&mut tx.connection)
        .await?;
        for (schedule, cursor) in (0_i64..).zip(&dag.cursors) {
            match cursor.was {
                None => self.insert_cursor(tx, dag, (schedule, cursor.to)).await?,
                Some(was) if was != cursor.to => self.move_cursor(tx, dag, (schedule, was, cursor.to)).await?,
                Some(_) => {}
            }
        }
        let kept = i64::try_from(dag.cursors.len()).unwrap_or(i64::MAX);
        query("DELETE FROM schedule_cursor WHERE project = $1 AND dag = $2 AND schedule >= $3")
            .bind(self.project.as_str())
            .bind(dag.dag.as_str())
            .bind(kept)
            .execute(&mut tx.connection)
            .await?;
        Ok(())
    }

    async fn insert_cursor(&self, tx: &mut Tx, dag: &DeployedDag, (place, to): (i64, Timestamp)) -> Result<(), Error> {
        query(
            "INSERT INTO schedule_cursor (project, dag, schedule, cursor_us) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (project, dag, schedule) DO NOTHING",
        )
        .bind(self.project.as_str())
        .bind(dag.dag.as_str())
        .bind(place)
        .bind(to.micros)
        .execute(&mut tx.connection)
        .await?;
        Ok(())
    }

    async fn move_cursor(
        &self,
        tx: &mut Tx,
        dag: &DeployedDag,
        (place, was, to): (i64, Timestamp, Timestamp),
    ) -> Result<(), Error> {
        let moved = query(
            "UPDATE schedule_cursor SET cursor_us = $1 WHERE project = $2 AND dag = $3 AND schedule = $4 \
             AND cursor_us = $5",
        )
        .bind(to.micros)
        .bind(self.project.as_str())
        .bind(dag.dag.as_str())
        .bind(place)
        .bind(was.micros)
        .execute(&mut tx.connection)
        .await?;
        exactly_one(moved, || format!("the cursor of schedule {place} of DAG `{}`", dag.dag))
    }
}
