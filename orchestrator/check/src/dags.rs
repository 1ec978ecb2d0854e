//! One DAG at a time: schedules, graph, kinds, parameters, templates and the flow of builds and versions, in this
//! order. Each part collects all its problems; a part that needs a sound one before it is left out, never guessed.

use std::collections::BTreeMap;

use daybreak_core::{DagGraph, KindCatalog, KindDefinition, ScheduleCompiler};
use daybreak_spec::{Dag, DeclarationKind, Declared, Loaded, Model, Name, Node, Problem, Project, Task};

use crate::flow::{self, TaskFlow};
use crate::{kinds, templates};

/// A task and everything around it that its checks need.
pub(crate) struct TaskPlace<'a> {
    /// The whole project.
    pub project: &'a Project,
    /// What its files name, the declarations that could not be decoded too.
    pub declared: &'a Declared,
    /// The DAG.
    pub dag: &'a Dag,
    /// The task's name.
    pub name: &'a Name,
    /// The task.
    pub task: &'a Task,
    /// Who needs whom; none where that is broken.
    graph: Option<&'a DagGraph>,
}

impl TaskPlace<'_> {
    /// Tasks that end before it starts; none where the graph is broken. Walks over all of them, so it is for whoever has
    /// something to look for.
    pub(crate) fn ancestors(&self) -> Option<Vec<Name>> {
        Some(self.graph?.ancestors(self.name).into_iter().cloned().collect())
    }

    /// A parameter's value with its templates replaced by the DAG's defaults; `None` where it is known only in a run.
    pub(crate) fn resolve(&self, node: &Node, problems: &mut Vec<Problem>) -> Option<Node> {
        templates::resolve(self, node, problems)
    }

    /// A declared model that has no problems of its own, so that what it lacks is really lacking.
    pub(crate) fn sound_model(&self, name: &str) -> Option<(&Name, &Model)> {
        let (name, model) = self.project.models.get_key_value(name)?;
        (!self.declared.is_damaged(DeclarationKind::Model, name)).then_some((name, model))
    }

    /// A parameter's value where it is known before a run.
    pub(crate) fn value(&self, parameter: &str) -> Option<Node> {
        self.resolve(self.task.parameter(parameter)?, &mut Vec::new())
    }
}

/// What is known of a sound DAG.
pub(crate) struct CheckedDag {
    /// Tasks, each after the ones it needs.
    pub order: Vec<Name>,
    /// Their kinds.
    pub kinds: BTreeMap<Name, &'static KindDefinition>,
    /// What they read and make.
    pub flows: BTreeMap<Name, TaskFlow>,
}

/// Checks a DAG. `None` where its graph or a kind is broken.
pub(crate) fn check(
    loaded: &Loaded,
    dag: &Dag,
    (schedules, catalog): (&mut ScheduleCompiler, &KindCatalog),
    problems: &mut Vec<Problem>,
) -> Option<CheckedDag> {
    match schedules.nominal(dag) {
        Ok(firings) => problems.extend(firings.warnings().cloned()),
        Err(found) => problems.extend(found),
    }
    problems.extend(templates::unused_params(dag));
    let graph = match DagGraph::build(dag) {
        Ok(graph) => Some(graph),
        Err(found) => {
            problems.extend(found);
            None
        }
    };
    let Loaded { project, declared, .. } = loaded;
    let mut kinds_of = BTreeMap::new();
    for (name, task) in &dag.tasks {
        let place = TaskPlace { project, declared, dag, name, task, graph: graph.as_ref() };
        templates::check_for_each(&place, problems);
        if let Some(kind) = kinds::kind_of(&place, catalog, problems) {
            kinds::check_parameters(&place, kind, problems);
            kinds::check_cache(&place, kind, problems);
            kinds_of.insert(name.clone(), kind);
        }
        templates::check_limit_keys(&place, problems);
    }
    let graph = graph?;
    let order: Vec<Name> = graph.topological_order().into_iter().cloned().collect();
    let mut flows = BTreeMap::new();
    for name in &order {
        // What stands behind a task whose kind is not known is not looked at either.
        let sound = kinds_of.contains_key(name) && graph.parents(name).iter().all(|need| flows.contains_key(*need));
        if !sound {
            continue;
        }
        let place = TaskPlace { project, declared, dag, name, task: &dag.tasks[name], graph: Some(&graph) };
        flows.insert(name.clone(), flow::check(&place, kinds_of[name], &flows, problems));
    }
    Some(CheckedDag { order, kinds: kinds_of, flows })
}
