//! The floor of the nightly bench: the very functions that the tasks run, called one after the other in this process, with
//! a registry in memory. No scheduler, no database, no child.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybreak_artifacts::{Artifacts, LogName};
use daybreak_protocol::{Assignment, TaskResult};
use daybreak_runtime::{Registry, TaskContext};
use daybreak_spec::{Name, Project, Timestamp};
use daybreak_tests::memory::Memory;

/// Nights called plainly in one folder.
pub struct Nights {
    project: Arc<Project>,
    root: std::path::PathBuf,
    artifacts: Artifacts,
    registry: Registry,
    memory: Arc<Memory>,
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
            memory: Arc::default(),
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
            outputs.insert(Name::parse(task).expect("a name"), self.memory.keep(&result));
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
            waiting_since: None,
        };
        let (project, artifacts) = (self.project.clone(), self.artifacts.clone());
        let log = LogName::new(&assignment.run_id, &assignment.task, 1, 1).expect("a run's name");
        let log = artifacts.log_writer(&log);
        let folder = self.root.join("plain");
        let context = TaskContext::new(assignment, project, artifacts, self.memory.clone(), folder).logging_to(log);
        self.registry.get(&kind).expect("a kind").run(&context).await.expect("a night that succeeds")
    }
}

/// What the judge said.
fn passed(outputs: &BTreeMap<Name, serde_json::Map<String, serde_json::Value>>) -> Option<bool> {
    outputs.get("judge")?.get("passed")?.as_bool()
}
