//! The project snapshot a task runs under: an immutable object, so a cached one is never stale.

use std::sync::Arc;

use daybreak_artifacts::Artifacts;
use daybreak_protocol::Assignment;
use daybreak_spec::{Dag, Project, Task};
use tokio::sync::Mutex;

use crate::TaskError;

/// Snapshots kept by a worker: the one in use and those that runs in progress were made from.
const KEPT: usize = 4;

pub(crate) async fn load(artifacts: &Artifacts, project_hash: &str) -> Result<Project, TaskError> {
    let bytes = artifacts.get(project_hash).await.map_err(|error| match error {
        daybreak_artifacts::Error::Missing { .. } => TaskError::passing(format!(
            "{} does not hold the project snapshot {project_hash}: give this worker the artefact store of its server",
            artifacts.place()
        )),
        error => {
            let error = TaskError::of_artifacts(&error);
            TaskError { reason: format!("the project snapshot cannot be read: {}", error.reason), ..error }
        }
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        TaskError::lasting(format!(
            "the project snapshot {project_hash} is not understood by this version of Daybreak ({error}): deploy the \
             project again"
        ))
    })
}

/// The DAG of an assignment as the snapshot declares it.
pub(crate) fn dag<'p>(project: &'p Project, assignment: &Assignment) -> Result<&'p Dag, TaskError> {
    let dag = project.dags.get(&assignment.dag);
    dag.ok_or_else(|| TaskError::lasting(format!("the project has no DAG `{}`", assignment.dag)))
}

/// Its task; that of the whole list for an item.
pub(crate) fn task<'p>(project: &'p Project, assignment: &Assignment) -> Result<&'p Task, TaskError> {
    let (declared, name) = (dag(project, assignment)?, assignment.declared_task());
    let task = declared.tasks.get(name).map(Box::as_ref);
    task.ok_or_else(|| TaskError::lasting(format!("the DAG `{}` has no task `{name}`", assignment.dag)))
}

/// The newest snapshots by hash. Whoever needs one that is being read waits for it, so that a burst of tasks reads it once.
#[derive(Default)]
pub(crate) struct ProjectCache {
    newest: Mutex<Vec<(String, Arc<Project>)>>,
}

impl ProjectCache {
    pub(crate) async fn get(&self, artifacts: &Artifacts, project_hash: &str) -> Result<Arc<Project>, TaskError> {
        let mut newest = self.newest.lock().await;
        if let Some((_, project)) = newest.iter().find(|(hash, _)| hash == project_hash) {
            return Ok(project.clone());
        }
        let project = Arc::new(load(artifacts, project_hash).await?);
        newest.insert(0, (project_hash.to_owned(), project.clone()));
        newest.truncate(KEPT);
        Ok(project)
    }
}
