//! The deployed project, compiled once: schedules, graphs and what its runs are made from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use daybreak_core::{DagGraph, Data, Firings, KindCatalog, ScheduleCompiler, UpdateRule, tasks_named};
use daybreak_protocol::{DeclaredAt, ErrorItem, ParamView, ScheduleView};
use daybreak_spec::{
    After, Alert, AlertEvent, Cache, Dag, LimitUse, Name, Node, Param, Placement, Predictions, Project, Schedule,
    ScheduleRules, Source, Task,
};
use daybreak_store::{CacheRule, LimitShare, Listened, RunTemplate, TaskTemplate};
use serde_json::{Map, Value as Json, json};

use crate::Error;
use crate::declared::{self, DeclaredView, Found};

/// A project that runs can be made of.
pub(crate) struct Deployed {
    name: Name,
    /// SHA-256 (hex) of the snapshot.
    pub version: String,
    pub dags: BTreeMap<Name, CompiledDag>,
    /// Where its tasks run.
    pub placements: BTreeSet<Arc<Placement>>,
    pub alerts: BTreeMap<Name, Alert>,
    /// Sources on whose updates DAGs run, and where their files may lie.
    pub heard_sources: BTreeMap<Name, Source>,
    pub data_roots: Vec<PathBuf>,
    /// How long predictions are kept.
    pub predictions: Predictions,
    /// Its feature views.
    pub views: BTreeMap<Name, DeclaredView>,
    /// The views that each model reads.
    pub views_of_models: BTreeMap<Name, BTreeSet<Name>>,
    /// Where its DAGs are declared, if that is known.
    pub declared: BTreeMap<Name, DeclaredAt>,
}

/// A DAG that is ready to fire.
pub(crate) struct CompiledDag {
    pub firings: Firings,
    pub template: Arc<RunTemplate>,
    /// Its schedules as written.
    pub schedules: Box<[ScheduleView]>,
    /// DAGs after whose runs it runs.
    pub after: Box<[After]>,
    /// Data on whose updates it runs.
    pub updated: Box<[UpdateRule]>,
    /// What a run by hand may be given.
    params: BTreeMap<String, Param>,
}

impl Deployed {
    /// Compiles a project.
    pub(crate) fn compile(project: &Project, version: String, catalog: &KindCatalog) -> Result<Self, Error> {
        let (mut dags, mut placements) = (BTreeMap::new(), BTreeSet::new());
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
                tasks: tasks(name, dag, catalog, &mut placements)?,
            };
            let firings = schedules.firings(name, dag).map_err(invalid)?;
            let schedules = dag.schedules.iter().map(view).collect();
            let updated = dag.updated.iter().map(UpdateRule::compile).collect::<Result<_, _>>();
            let compiled = CompiledDag {
                firings,
                template: Arc::new(template),
                schedules,
                after: dag.after.clone().into(),
                updated: updated.map_err(|problem| invalid(vec![problem]))?,
                params: dag.params.clone(),
            };
            dags.insert(name.clone(), compiled);
        }
        let heard = project.dags.values().flat_map(|dag| &dag.updated).flat_map(|updated| &updated.sources);
        let heard = heard.filter_map(|name| project.sources.get_key_value(&name.value));
        Ok(Self {
            name: project.name.value.clone(),
            version,
            dags,
            placements,
            alerts: project.alerts.clone(),
            heard_sources: heard.map(|(name, source)| (name.clone(), source.clone())).collect(),
            data_roots: project.data_roots.iter().map(|root| PathBuf::from(&root.value)).collect(),
            predictions: project.predictions.clone(),
            views: declared::views(project),
            views_of_models: declared::views_of_models(project),
            declared: BTreeMap::new(),
        })
    }

    /// With what reading it found out.
    pub(crate) fn knowing(mut self, found: Found) -> Self {
        for (name, features) in found.features {
            if let Some(view) = self.views.get_mut(&name) {
                view.features = features;
            }
        }
        self.declared = found.dags;
        self
    }

    /// The project's name.
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }

    /// What its DAGs and alerts want to hear of.
    pub(crate) fn listens(&self) -> Vec<Listened> {
        let mut listens = BTreeSet::new();
        for dag in self.dags.values() {
            listens.extend(dag.after.iter().map(|after| Listened::RunEnds(Some(after.dag.value.clone()))));
            listens.extend(dag.updated.iter().flat_map(UpdateRule::data).map(|data| match data {
                Data::View(view) => Listened::View(view.clone()),
                Data::Source(source) => Listened::Source(source.clone()),
            }));
        }
        for alert in self.alerts.values() {
            let dags = match &alert.dags {
                Some(dags) => dags.iter().map(|dag| Some(dag.value.clone())).collect(),
                None => vec![None],
            };
            for event in &alert.on {
                listens.extend(dags.iter().cloned().map(|dag| match event {
                    AlertEvent::Failed | AlertEvent::Deadline => Listened::RunEnds(dag),
                    AlertEvent::Retry => Listened::Retries(dag),
                }));
            }
        }
        listens.into_iter().collect()
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
    /// What a run by hand may be given, as people see it.
    pub(crate) fn param_views(&self) -> Vec<ParamView> {
        let json = |node: &Option<Node>| node.as_ref().map(Node::to_json);
        let views = self.params.iter().map(|(name, param)| ParamView {
            name: name.clone(),
            param_type: param.param_type,
            default: json(&param.default),
            min: json(&param.min),
            max: json(&param.max),
            one_of: param.one_of.iter().map(Node::to_json).collect(),
            description: param.description.clone(),
        });
        views.collect()
    }

    /// Its tasks, parents before children.
    pub(crate) fn task_names(&self) -> Vec<Name> {
        self.template.tasks.iter().map(|task| task.task.clone()).collect()
    }

    /// Whether it has such a parameter.
    pub(crate) fn takes(&self, parameter: &str) -> bool {
        self.params.contains_key(parameter)
    }

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

/// A project has thousands of tasks and few places where they run, so these are shared.
fn place(placement: Placement, known: &mut BTreeSet<Arc<Placement>>) -> Arc<Placement> {
    if let Some(shared) = known.get(&placement) {
        return shared.clone();
    }
    let shared = Arc::new(placement);
    known.insert(shared.clone());
    shared
}

fn tasks(
    dag_name: &Name,
    dag: &Dag,
    catalog: &KindCatalog,
    placements: &mut BTreeSet<Arc<Placement>>,
) -> Result<Vec<TaskTemplate>, Error> {
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
            takes: takes(name, dag, (&graph, catalog)),
            trigger: task.trigger.clone(),
            tolerated: task.tolerated,
            for_each: task.for_each.as_deref().cloned().map(Arc::new),
            cache: task.cache.as_deref().map(|cache| Arc::new(cache_rule(task, cache))),
            retry: task.retry.clone().unwrap_or_else(|| dag.retry.clone()),
            timeout_us: task.timeout.as_ref().map(|timeout| timeout.micros),
            priority: task.priority.unwrap_or(dag.priority),
            placement: place(dag.placement(task), placements),
            limits: task.limits.iter().map(limit_share).collect(),
            queue_timeout_us: task.queue_timeout.as_ref().map(|timeout| timeout.micros),
            total_timeout_us: task.total_timeout.as_ref().map(|timeout| timeout.micros),
        });
    }
    Ok(tasks)
}

/// The tasks whose outputs it is handed: those that its parameters name, and those before it that make what its kind
/// reads. Nothing else travels: in a large DAG a task has thousands before it.
fn takes(name: &Name, dag: &Dag, (graph, catalog): (&DagGraph, &KindCatalog)) -> Arc<[Name]> {
    let task = &dag.tasks[name];
    let mut taken: BTreeSet<Name> = task.parameters.iter().flat_map(|(_, node)| tasks_named(&node.to_json())).collect();
    let kind_of = |task: &Name| catalog.get(&dag.tasks[task].kind);
    let reads = kind_of(name).map(|kind| kind.reads).unwrap_or_default();
    if !reads.is_empty() {
        let made = |task: &Name| kind_of(task).map(|kind| kind.makes).unwrap_or_default();
        let before = graph.ancestors(name).into_iter();
        let makers =
            before.filter(|task| made(task).iter().any(|made| reads.iter().any(|read| read.comes_from(*made))));
        taken.extend(makers.cloned());
    }
    taken.into_iter().collect()
}

fn limit_share(used: &LimitUse) -> LimitShare {
    LimitShare {
        limit: used.limit.value.clone(),
        slots: used.slots,
        key: used.key.as_ref().map(|key| key.value.clone()),
    }
}
