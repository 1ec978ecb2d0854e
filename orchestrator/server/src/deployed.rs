//! The deployed project, compiled once: schedules, graphs and what its runs are made from.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybreak_core::{DagGraph, Firings, KindCatalog, ScheduleCompiler};
use daybreak_protocol::ScheduleView;
use daybreak_spec::{Dag, Name, Project, Schedule, ScheduleRules};
use daybreak_store::{RunTemplate, TaskTemplate};
use serde_json::{Map, Value as Json};

use crate::Error;

/// A project that runs can be made of.
pub(crate) struct Deployed {
    name: Name,
    /// SHA-256 (hex) of the snapshot.
    pub version: String,
    pub dags: BTreeMap<Name, CompiledDag>,
}

/// A DAG that is ready to fire.
pub(crate) struct CompiledDag {
    pub firings: Firings,
    pub template: Arc<RunTemplate>,
    /// Its schedules as written.
    pub schedules: Box<[ScheduleView]>,
}

impl Deployed {
    /// Compiles a project.
    pub(crate) fn compile(project: &Project, version: String, catalog: &KindCatalog) -> Result<Self, Error> {
        let mut dags = BTreeMap::new();
        let mut schedules = ScheduleCompiler::of(project);
        for (name, dag) in &project.dags {
            let invalid = |problems| Error::Invalid { dag: name.clone(), problems };
            let template = RunTemplate {
                project: project.name.value.clone(),
                dag: name.clone(),
                version: version.clone(),
                params: dag.params.iter().map(|(key, node)| (key.clone(), node.to_json())).collect(),
                tasks: tasks(name, dag, catalog)?,
            };
            let firings = schedules.firings(name, dag).map_err(invalid)?;
            let schedules = dag.schedules.iter().map(view).collect();
            dags.insert(name.clone(), CompiledDag { firings, template: Arc::new(template), schedules });
        }
        Ok(Self { name: project.name.value.clone(), version, dags })
    }

    /// The project's name.
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// A declared DAG.
    pub(crate) fn dag(&self, dag: &str) -> Result<&CompiledDag, Error> {
        self.dags.get(dag).ok_or_else(|| {
            let declared: Vec<_> = self.dags.keys().map(Name::as_str).collect();
            Error::NotFound(format!("project `{}` has no DAG `{dag}`; it has {}", self.name(), declared.join(", ")))
        })
    }
}

impl CompiledDag {
    /// The DAG's default parameters with the caller's laid over them.
    pub(crate) fn params(&self, given: Map<String, Json>) -> Result<Map<String, Json>, Error> {
        let mut params = self.template.params.clone();
        for (key, value) in given {
            let Some(default) = params.get(&key) else {
                let declared: Vec<_> = params.keys().map(String::as_str).collect();
                let dag = &self.template.dag;
                return Err(Error::Refused(format!(
                    "DAG `{dag}` has no parameter `{key}`; it has {}",
                    if declared.is_empty() { "none".to_owned() } else { declared.join(", ") }
                )));
            };
            if !fits(default, &value) {
                return Err(Error::Refused(format!("parameter `{key}` is to be {}, not `{value}`", kind(default))));
            }
            params.insert(key, value);
        }
        Ok(params)
    }
}

fn view(schedule: &Schedule) -> ScheduleView {
    let wall_clock = |at: &chrono::NaiveDateTime| at.format("%Y-%m-%dT%H:%M:%S").to_string();
    ScheduleView {
        cron: schedule.cron.value.clone(),
        timezone: schedule.timezone.value.clone(),
        start: schedule.start.as_ref().map(|start| wall_clock(&start.value)),
        end: schedule.end.as_ref().map(|end| wall_clock(&end.value)),
        rules: ScheduleRules::from(schedule),
        left_out: 0,
    }
}

fn tasks(dag_name: &Name, dag: &Dag, catalog: &KindCatalog) -> Result<Vec<TaskTemplate>, Error> {
    let graph = DagGraph::build(dag).map_err(|problems| Error::Invalid { dag: dag_name.clone(), problems })?;
    let mut tasks = Vec::new();
    for name in graph.topological_order() {
        let task = &dag.tasks[name];
        let definition = catalog.get(&task.kind).ok_or_else(|| Error::UnknownKind {
            dag: dag_name.clone(),
            task: name.clone(),
            kind: task.kind.value.clone(),
        })?;
        tasks.push(TaskTemplate {
            task: name.clone(),
            kind: task.kind.value.clone(),
            heavy: definition.heavy,
            gated: definition.gated,
            parents: graph.parents(name).into_iter().cloned().collect(),
            trigger: task.trigger.clone(),
            tolerated: task.tolerated,
            retry: task.retry.clone().unwrap_or_else(|| dag.retry.clone()),
            timeout_us: task.timeout.as_ref().map(|timeout| timeout.micros),
        });
    }
    Ok(tasks)
}

/// A value may take the place of a default of its own type; a default of nothing takes anything.
fn fits(default: &Json, value: &Json) -> bool {
    match (default, value) {
        (Json::Number(default), Json::Number(value)) => default.is_f64() || !value.is_f64(),
        (Json::Null, _)
        | (Json::Bool(_), Json::Bool(_))
        | (Json::String(_), Json::String(_))
        | (Json::Array(_), Json::Array(_))
        | (Json::Object(_), Json::Object(_)) => true,
        _ => false,
    }
}

fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "anything",
        Json::Bool(_) => "true or false",
        Json::Number(number) if number.is_f64() => "a number",
        Json::Number(_) => "a whole number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}
