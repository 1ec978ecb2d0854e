//! The deployed project, compiled once: schedules, graphs and what its runs are made from.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybreak_core::{DagGraph, Firings, KindCatalog, ScheduleCompiler};
use daybreak_protocol::{ErrorItem, ScheduleView};
use daybreak_spec::{Cache, Dag, LimitUse, Name, Node, Param, Predictions, Project, Schedule, ScheduleRules, Task};
use daybreak_store::{CacheRule, LimitShare, RunTemplate, TaskTemplate};
use serde_json::{Map, Value as Json, json};

use crate::Error;

/// A project that runs can be made of.
pub(crate) struct Deployed {
    name: Name,
    /// SHA-256 (hex) of the snapshot.
    pub version: String,
    pub dags: BTreeMap<Name, CompiledDag>,
    /// How long predictions are kept.
    pub predictions: Predictions,
}

/// A DAG that is ready to fire.
pub(crate) struct CompiledDag {
    pub firings: Firings,
    pub template: Arc<RunTemplate>,
    /// Its schedules as written.
    pub schedules: Box<[ScheduleView]>,
    /// What a run by hand may be given.
    params: BTreeMap<String, Param>,
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
                params: defaults(dag),
                max_active: dag.max_active_runs,
                deadline_us: dag.deadline.as_ref().map(|deadline| deadline.micros),
                tasks: tasks(name, dag, catalog)?,
            };
            let firings = schedules.firings(name, dag).map_err(invalid)?;
            let schedules = dag.schedules.iter().map(view).collect();
            let params = dag.params.clone();
            dags.insert(name.clone(), CompiledDag { firings, template: Arc::new(template), schedules, params });
        }
        Ok(Self { name: project.name.value.clone(), version, dags, predictions: project.predictions.clone() })
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
    ///
    /// # Errors
    /// [`Error::Values`] with every value that is unknown, missing or not what its parameter takes.
    pub(crate) fn params(&self, given: Map<String, Json>) -> Result<Map<String, Json>, Error> {
        let mut wrong: Vec<(&str, &'static str, String)> = Vec::new();
        for (key, value) in &given {
            match self.params.get(key) {
                None => {
                    let declared: Vec<_> = self.params.keys().map(String::as_str).collect();
                    let there = if declared.is_empty() { "none".to_owned() } else { declared.join(", ") };
                    wrong.push((key, "unknown_parameter", format!("is no parameter of the DAG; it has {there}")));
                }
                Some(param) => wrong.extend(param.check(value).err().map(|why| (key.as_str(), "wrong_value", why))),
            }
        }
        for (key, param) in &self.params {
            if param.default.is_none() && !given.contains_key(key) {
                wrong.push((key, "missing_parameter", "has no default: give it a value".to_owned()));
            }
        }
        if !wrong.is_empty() {
            return Err(refused(&self.template.dag, &wrong));
        }
        let mut params = self.template.params.clone();
        params.extend(given);
        Ok(params)
    }
}

fn refused(dag: &Name, wrong: &[(&str, &'static str, String)]) -> Error {
    let items = wrong.iter().map(|(key, code, why)| ErrorItem {
        // As RFC 6901 writes a key that holds its signs.
        pointer: Some(format!("/params/{}", key.replace('~', "~0").replace('/', "~1"))),
        code: (*code).to_owned(),
        hint: format!("`{key}` {why}"),
        ..ErrorItem::default()
    });
    let errors: Vec<ErrorItem> = items.collect();
    let told: Vec<&str> = errors.iter().map(|error| error.hint.as_str()).collect();
    Error::Values { detail: format!("DAG `{dag}` cannot be run with these parameters: {}", told.join("; ")), errors }
}

fn defaults(dag: &Dag) -> Map<String, Json> {
    let given = dag.params.iter().filter_map(|(key, param)| Some((key, param.default.as_ref()?)));
    given.map(|(key, default)| (key.clone(), default.to_json())).collect()
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

/// All that a task's result depends on.
fn cache_rule(task: &Task, cache: &Cache) -> CacheRule {
    let parameters = task.parameters.iter().map(|(name, node)| (name.value.clone(), node.to_json()));
    let key = cache.key.iter().map(Node::to_json);
    let of = json!({
        "kind": task.kind.value, "parameters": parameters.collect::<Map<_, _>>(), "key": key.collect::<Vec<_>>(),
    });
    CacheRule { ttl_us: cache.ttl.micros, of }
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
            for_each: task.for_each.as_deref().cloned().map(Arc::new),
            cache: task.cache.as_deref().map(|cache| Arc::new(cache_rule(task, cache))),
            retry: task.retry.clone().unwrap_or_else(|| dag.retry.clone()),
            timeout_us: task.timeout.as_ref().map(|timeout| timeout.micros),
            priority: task.priority.unwrap_or(dag.priority),
            placement: Arc::new(dag.placement(task)),
            limits: task.limits.iter().map(limit_share).collect(),
            queue_timeout_us: task.queue_timeout.as_ref().map(|timeout| timeout.micros),
            total_timeout_us: task.total_timeout.as_ref().map(|timeout| timeout.micros),
        });
    }
    Ok(tasks)
}

fn limit_share(used: &LimitUse) -> LimitShare {
    LimitShare {
        limit: used.limit.value.clone(),
        slots: used.slots,
        key: used.key.as_ref().map(|key| key.value.clone()),
    }
}
