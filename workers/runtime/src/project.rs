//! The project snapshot a task runs under: an immutable object, so a cached one is never stale.

use std::sync::{Arc, Mutex, PoisonError};

use daybreak_artifacts::Artifacts;
use daybreak_spec::Project;

use crate::TaskError;

/// Snapshots kept by a worker: the one in use and those that runs in progress were made from.
const KEPT: usize = 4;

pub(crate) async fn load(artifacts: &Artifacts, project_hash: &str) -> Result<Project, TaskError> {
    let bytes = artifacts
        .get(project_hash)
        .await
        .map_err(|error| TaskError::passing(format!("the project snapshot cannot be read: {error}")))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        TaskError::lasting(format!(
            "the project snapshot {project_hash} is not understood by this version of Daybreak ({error}): deploy the \
             project again"
        ))
    })
}

/// The newest snapshots by hash.
#[derive(Default)]
pub(crate) struct ProjectCache {
    newest: Mutex<Vec<(String, Arc<Project>)>>,
}

impl ProjectCache {
    pub(crate) async fn get(&self, artifacts: &Artifacts, project_hash: &str) -> Result<Arc<Project>, TaskError> {
        let known = |(hash, project): &(String, Arc<Project>)| (hash == project_hash).then(|| project.clone());
        if let Some(project) = self.newest.lock().unwrap_or_else(PoisonError::into_inner).iter().find_map(known) {
            return Ok(project);
        }
        let project = Arc::new(load(artifacts, project_hash).await?);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        newest.insert(0, (project_hash.to_owned(), project.clone()));
        newest.truncate(KEPT);
        Ok(project)
    }
}
