//! Where a task's data comes from and goes to: the project's files, the artefact store and the server's records of
//! builds. A build counts only when its record has the view's present definition and its object is whole; what is
//! missing or damaged is made again, with the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use daybreak_artifacts::Artifacts;
use daybreak_offline::{BuildRequest, Offline, ViewBuild, definition_hash};
use daybreak_protocol::{BuildRecord, Orchestrator};
use daybreak_runtime::{TaskContext, TaskError};
use daybreak_spec::{Name, Project, Timestamp};
use tokio::task::JoinSet;

use crate::failure::{self, blocking};

/// Objects read or written at one time.
const AT_ONCE: usize = 16;

/// What tasks read and write.
#[derive(Clone)]
pub struct Stores {
    /// The project.
    pub project: Arc<Project>,
    /// Its files, and the footers read so far.
    pub offline: Arc<Offline>,
    /// Objects.
    pub artifacts: Artifacts,
    /// Records of builds, versions and aliases.
    pub orchestrator: Arc<dyn Orchestrator>,
}

/// A build that was just made and stored, not yet recorded.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub record: BuildRecord,
    pub parquet: Bytes,
    /// No row of any source counted.
    pub is_without_source_rows: bool,
}

/// What a task's log says of a build whose object did not read back, once it has been made again.
pub(crate) fn mended(damaged: &BuildRecord, made: &[Made]) -> String {
    let BuildRecord { view, as_of, object, .. } = damaged;
    let again = made.iter().find(|made| made.record.view == *view && made.record.as_of == *as_of);
    let outcome = match again {
        Some(again) if again.record.object == *object => "made again with the same bytes".to_owned(),
        Some(again) => {
            format!("made again as object {}, because its sources hold other rows now", again.record.object)
        }
        None => "not needed".to_owned(),
    };
    format!("view {view}: the build at {as_of} (object {object}) is missing or damaged: {outcome}")
}

impl Stores {
    /// Of a project whose relative paths start at `root`.
    pub fn new(project: Arc<Project>, root: &Path, artifacts: Artifacts, orchestrator: Arc<dyn Orchestrator>) -> Self {
        let offline = Arc::new(Offline::new(Arc::clone(&project), root));
        Self { project, offline, artifacts, orchestrator }
    }

    /// Of a running task.
    pub(crate) fn of(context: &TaskContext) -> Self {
        let (project, artifacts) = (Arc::clone(&context.project), context.artifacts.clone());
        Self::new(project, &context.assignment.project_root, artifacts, Arc::clone(&context.orchestrator))
    }

    /// Records of a view's builds with `from <= T <= to` and its present definition, by T.
    pub(crate) async fn recorded(
        &self,
        view: &Name,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<BTreeMap<Timestamp, BuildRecord>, TaskError> {
        let hash = definition_hash(&self.project, view);
        let found = self.orchestrator.builds(view, from, to).await.map_err(|error| failure::orchestrator(&error))?;
        let current = found.into_iter().filter(|record| record.definition_hash == hash);
        Ok(current.map(|record| (record.as_of, record)).collect())
    }

    /// The objects of some builds; `None` where one is missing or damaged.
    pub(crate) async fn read(&self, records: Vec<BuildRecord>) -> Result<Vec<(BuildRecord, Option<Bytes>)>, TaskError> {
        let mut read = Vec::with_capacity(records.len());
        for some in records.chunks(AT_ONCE) {
            let mut reading = JoinSet::new();
            for (place, record) in some.iter().enumerate() {
                let (artifacts, object) = (self.artifacts.clone(), record.object.clone());
                reading.spawn(async move { (place, artifacts.get(&object).await) });
            }
            let mut bytes = BTreeMap::new();
            while let Some(one) = reading.join_next().await {
                let (place, result) = joined(one)?;
                let whole = match result {
                    Ok(object) => Some(object),
                    Err(daybreak_artifacts::Error::Missing { .. } | daybreak_artifacts::Error::Corrupt { .. }) => None,
                    Err(error) => return Err(failure::artifacts(&error)),
                };
                bytes.insert(place, whole);
            }
            read.extend(some.iter().cloned().zip(bytes.into_values()));
        }
        Ok(read)
    }

    /// Which of some builds have an object, whose content is not looked at.
    pub(crate) async fn present(&self, records: &[&BuildRecord]) -> Result<BTreeSet<Timestamp>, TaskError> {
        let mut present = BTreeSet::new();
        for some in records.chunks(AT_ONCE) {
            let mut looking = JoinSet::new();
            for record in some {
                let (artifacts, object, as_of) = (self.artifacts.clone(), record.object.clone(), record.as_of);
                looking.spawn(async move { (as_of, artifacts.exists(&object).await) });
            }
            while let Some(one) = looking.join_next().await {
                let (as_of, result) = joined(one)?;
                if result.map_err(|error| failure::artifacts(&error))? {
                    present.insert(as_of);
                }
            }
        }
        Ok(present)
    }

    /// Builds views at instants in one pass over the sources and stores the objects; by view, then by T.
    pub(crate) async fn make(&self, wanted: BTreeMap<Name, BTreeSet<Timestamp>>) -> Result<Vec<Made>, TaskError> {
        let requests: Vec<BuildRequest> = wanted
            .into_iter()
            .filter(|(_, instants)| !instants.is_empty())
            .map(|(view, instants)| BuildRequest { view, instants: instants.into_iter().collect() })
            .collect();
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let offline = Arc::clone(&self.offline);
        let built = blocking(move || offline.build_many(&requests).map_err(|error| failure::offline(&error))).await?;
        self.store(built.into_iter().flatten().collect()).await
    }

    async fn store(&self, builds: Vec<ViewBuild>) -> Result<Vec<Made>, TaskError> {
        let mut made = Vec::with_capacity(builds.len());
        let mut builds = builds.into_iter();
        loop {
            let mut writing = JoinSet::new();
            for (place, build) in builds.by_ref().take(AT_ONCE).enumerate() {
                let artifacts = self.artifacts.clone();
                let hash = definition_hash(&self.project, &build.view);
                writing.spawn(async move { (place, put(&artifacts, build, hash).await) });
            }
            if writing.is_empty() {
                return Ok(made);
            }
            let mut some = BTreeMap::new();
            while let Some(one) = writing.join_next().await {
                let (place, result) = joined(one)?;
                some.insert(place, result?);
            }
            made.extend(some.into_values());
        }
    }
}

async fn put(artifacts: &Artifacts, build: ViewBuild, definition_hash: String) -> Result<Made, TaskError> {
    let is_without_source_rows = build.is_without_source_rows();
    let parquet = Bytes::from(build.parquet);
    let object = artifacts.put(parquet.clone()).await.map_err(|error| failure::artifacts(&error))?;
    let record = BuildRecord {
        view: build.view,
        as_of: build.as_of,
        definition_hash,
        object,
        rows: build.rows,
        size_bytes: parquet.len() as u64,
    };
    Ok(Made { record, parquet, is_without_source_rows })
}

fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, TaskError> {
    result.map_err(|error| TaskError::passing(format!("reading or writing objects was cut off: {error}")))
}
