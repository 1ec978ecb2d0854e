//! Deploying a project: its snapshot becomes the current one, its DAGs and schedules are taken up, those it no longer
//! declares are set aside. Runs keep the snapshot they were made from.

use daybreak_spec::{Name, Timestamp};

use crate::Error;
use crate::registry::raise_cursor;
use crate::runs::audit;
use crate::writer::{Command, Tx};

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
    /// Where the cursor of each of its schedules starts, unless it has one already.
    pub cursors: Vec<Timestamp>,
}

impl Command for Deployment {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        let (project, now) = (self.project.as_str(), tx.sources.now().micros);
        let models = serde_json::to_string(&self.models).expect("names always write");
        sqlx::query(
            "INSERT INTO project (project, current_version, deployed_at_us) VALUES ($1, $2, $3) \
             ON CONFLICT (project) DO UPDATE SET current_version = excluded.current_version, \
             deployed_at_us = excluded.deployed_at_us",
        )
        .bind(project)
        .bind(&self.version)
        .bind(now)
        .execute(&mut tx.connection)
        .await?;
        sqlx::query(
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
        sqlx::query("UPDATE dag SET removed = 1 WHERE project = $1").bind(project).execute(&mut tx.connection).await?;
        for dag in &self.dags {
            self.take_up(tx, dag).await?;
        }
        raise_cursor(tx, project).await?;
        audit(tx, "deploy", project, &self.version).await
    }
}

impl Deployment {
    async fn take_up(&self, tx: &mut Tx, dag: &DeployedDag) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO dag (project, dag, version, removed) VALUES ($1, $2, $3, 0) \
             ON CONFLICT (project, dag) DO UPDATE SET version = excluded.version, removed = 0",
        )
        .bind(self.project.as_str())
        .bind(dag.dag.as_str())
        .bind(&self.version)
        .execute(&mut tx.connection)
        .await?;
        for (schedule, cursor) in (0_i64..).zip(&dag.cursors) {
            sqlx::query(
                "INSERT INTO schedule_cursor (project, dag, schedule, cursor_us) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (project, dag, schedule) DO NOTHING",
            )
            .bind(self.project.as_str())
            .bind(dag.dag.as_str())
            .bind(schedule)
            .bind(cursor.micros)
            .execute(&mut tx.connection)
            .await?;
        }
        Ok(())
    }
}
