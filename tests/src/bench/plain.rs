//! The floor of the nightly bench: the very functions that the tasks run, called one after the other in this process, with
//! a registry in memory. No scheduler, no database, no child.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use daybreak_artifacts::{Artifacts, LogName};
use daybreak_protocol::{
    Assignment, BuildRecord, Error, Heartbeat, HeartbeatReply, Live, MintPublication, ModelVersionRecord, Orchestrator,
    Poll, Register, Registration, Report, TaskResult,
};
use daybreak_runtime::{Registry, TaskContext};
use daybreak_spec::{Name, Project, Timestamp};

/// What the tasks know of earlier nights.
#[derive(Default)]
struct Memory {
    builds: Vec<BuildRecord>,
    versions: Vec<ModelVersionRecord>,
    champion: Option<u32>,
    publications: i64,
}

#[derive(Default)]
struct Plain(Mutex<Memory>);

/// Nights called plainly in one folder.
pub struct Nights {
    project: Arc<Project>,
    root: std::path::PathBuf,
    artifacts: Artifacts,
    registry: Registry,
    plain: Arc<Plain>,
}

impl Nights {
    /// Of the project in this folder; state goes to `plain/` in it.
    pub fn new(root: &Path) -> Self {
        let loaded = daybreak_spec::load(root).expect("a project");
        Self {
            project: Arc::new(loaded.project),
            root: root.to_path_buf(),
            artifacts: Artifacts::local(&root.join("plain/artifacts")).expect("a store"),
            registry: daybreak_tasks::registry(),
            plain: Arc::default(),
        }
    }

    /// One night at T: each task's time, in the order they ran.
    pub async fn night(&self, at: Timestamp) -> Vec<(String, Duration)> {
        let mut times = Vec::new();
        let mut outputs = BTreeMap::new();
        for task in ["features", "publish", "train", "judge", "promote"] {
            if task == "promote" && passed(&outputs) == Some(false) {
                continue;
            }
            let begun = Instant::now();
            let result = self.task(task, at, outputs.clone()).await;
            outputs.insert(Name::parse(task).expect("a name"), self.keep(result));
            times.push((task.to_owned(), begun.elapsed()));
        }
        times
    }

    async fn task(
        &self,
        task: &str,
        at: Timestamp,
        outputs: BTreeMap<Name, serde_json::Map<String, serde_json::Value>>,
    ) -> TaskResult {
        let (dag, task) = (Name::parse("nightly").expect("a name"), Name::parse(task).expect("a name"));
        let kind = self.project.dags[&dag].tasks[&task].kind.value.clone();
        let assignment = Assignment {
            task_run_id: "plain".into(),
            fence: 1,
            attempt: 1,
            run_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV".into(),
            dag,
            task,
            kind: kind.clone(),
            project_hash: String::new(),
            project_root: self.root.clone(),
            scheduled_for: Some(at),
            window_start: None,
            window_end: at,
            params: serde_json::Map::new(),
            outputs,
            timeout_ms: None,
            token: String::new(),
        };
        let (project, artifacts) = (self.project.clone(), self.artifacts.clone());
        let log = LogName::new(&assignment.run_id, &assignment.task, 1, 1).expect("a run's name");
        let log = artifacts.log_writer(&log);
        let folder = self.root.join("plain");
        let context = TaskContext::new(assignment, project, artifacts, self.plain.clone(), folder).logging_to(log);
        self.registry.get(&kind).expect("a kind").run(&context).await.expect("a night that succeeds")
    }

    /// Keeps what a task made; returns its outputs as later tasks see them.
    fn keep(&self, result: TaskResult) -> serde_json::Map<String, serde_json::Value> {
        let mut memory = self.plain.0.lock().expect("no panic while held");
        let mut outputs = result.outputs;
        memory.builds.extend(result.builds);
        if let Some(content) = result.model_version {
            let version = u32::try_from(memory.versions.len()).expect("few versions") + 1;
            memory.versions.push(ModelVersionRecord { version, run_id: "plain".into(), content });
            outputs.insert("version".into(), version.into());
        }
        if let Some(moved) = result.alias_move {
            memory.champion = Some(moved.version);
        }
        outputs
    }
}

/// What the judge said.
fn passed(outputs: &BTreeMap<Name, serde_json::Map<String, serde_json::Value>>) -> Option<bool> {
    outputs.get("judge")?.get("passed")?.as_bool()
}

fn not_asked<T>() -> Result<T, Error> {
    Err(Error::Refused("tasks do not ask this".into()))
}

#[async_trait]
impl Orchestrator for Plain {
    async fn register(&self, _: Register) -> Result<Registration, Error> {
        not_asked()
    }
    async fn poll(&self, _: Poll) -> Result<Vec<Assignment>, Error> {
        not_asked()
    }
    async fn heartbeat(&self, _: Heartbeat) -> Result<HeartbeatReply, Error> {
        not_asked()
    }
    async fn report(&self, _: Report) -> Result<(), Error> {
        not_asked()
    }
    async fn live(&self, _: i64, _: u64) -> Result<Live, Error> {
        not_asked()
    }
    async fn builds(&self, view: &Name, from: Timestamp, to: Timestamp) -> Result<Vec<BuildRecord>, Error> {
        let memory = self.0.lock().expect("no panic while held");
        let mut builds: Vec<_> = memory
            .builds
            .iter()
            .filter(|build| build.view == *view && (from..=to).contains(&build.as_of))
            .cloned()
            .collect();
        builds.sort_by_key(|build| build.as_of);
        Ok(builds)
    }
    async fn model_version(&self, _: &Name, version: u32) -> Result<ModelVersionRecord, Error> {
        let memory = self.0.lock().expect("no panic while held");
        let found = memory.versions.iter().find(|record| record.version == version).cloned();
        found.ok_or_else(|| Error::NotFound(format!("no version {version}")))
    }
    async fn alias(&self, _: &Name, _: &str) -> Result<Option<ModelVersionRecord>, Error> {
        let memory = self.0.lock().expect("no panic while held");
        Ok(memory
            .champion
            .and_then(|champion| memory.versions.iter().find(|record| record.version == champion).cloned()))
    }
    async fn mint_publication(&self, _: MintPublication) -> Result<i64, Error> {
        let mut memory = self.0.lock().expect("no panic while held");
        memory.publications += 1;
        Ok(memory.publications)
    }
}
