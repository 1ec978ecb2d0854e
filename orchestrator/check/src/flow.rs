//! What tasks hand on to each other: a task that reads builds, versions or judgements needs a task before it that makes
//! them. Works on the kinds' declared datasets; no kind is known by name here.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_core::{Dataset, KindDefinition};
use daybreak_spec::{Duration, FeatureReference, Name, Node, NodeValue, Problem, Project, Span};

use crate::dags::{CheckedDag, TaskPlace};
use crate::plan::Item;

/// What one task reads and makes.
#[derive(Clone, Debug, Default)]
pub(crate) struct TaskFlow {
    /// Read from tasks before it, or from sources.
    pub inputs: BTreeSet<Item>,
    /// Made.
    pub outputs: BTreeSet<Item>,
}

/// A task's flow, given those of the tasks before it.
pub(crate) fn check(
    place: &TaskPlace<'_>,
    kind: &'static KindDefinition,
    before: &BTreeMap<Name, TaskFlow>,
    problems: &mut Vec<Problem>,
) -> TaskFlow {
    let reader = Reader { place, kind, before };
    let mut flow = TaskFlow::default();
    for dataset in kind.reads {
        flow.inputs.extend(reader.read(*dataset, problems));
    }
    for dataset in kind.makes {
        flow.outputs.extend(reader.make(*dataset));
    }
    check_periods(place, kind, problems);
    flow
}

struct Reader<'a> {
    place: &'a TaskPlace<'a>,
    kind: &'static KindDefinition,
    before: &'a BTreeMap<Name, TaskFlow>,
}

impl Reader<'_> {
    fn read(&self, dataset: Dataset, problems: &mut Vec<Problem>) -> Vec<Item> {
        match dataset {
            Dataset::Views(parameter) => self.read_views(parameter, problems),
            Dataset::ViewsOfModel(parameter) => self.read_views_of_model(parameter, problems),
            Dataset::ModelVersion(parameter) => {
                let Some(model) = self.model(parameter) else { return Vec::new() };
                let item = Item::Version { model: model.clone() };
                if let Some(maker) = self.only_maker(&item, parameter, problems) {
                    self.check_holdout(&maker, problems);
                }
                vec![item]
            }
            Dataset::Judgement(parameter) => {
                let Some(model) = self.model(parameter) else { return Vec::new() };
                let item = Item::Judgement { model: model.clone() };
                self.only_maker(&item, parameter, problems);
                vec![item]
            }
            Dataset::OnlineRows(_) | Dataset::Alias(_) => Vec::new(),
        }
    }

    fn make(&self, dataset: Dataset) -> Vec<Item> {
        match dataset {
            Dataset::Views(parameter) => {
                let named =
                    self.views(parameter).unwrap_or_else(|| self.place.project.feature_views.keys().cloned().collect());
                named.into_iter().map(|view| Item::Builds { view }).collect()
            }
            Dataset::OnlineRows(parameter) => {
                let named = self.views(parameter).unwrap_or_else(|| self.upstream_views().into_iter().collect());
                named.into_iter().map(|view| Item::OnlineRows { view }).collect()
            }
            Dataset::ViewsOfModel(parameter) => self
                .model(parameter)
                .map(|model| views_of_model(self.place, &model).into_iter().map(|view| Item::Builds { view }).collect())
                .unwrap_or_default(),
            Dataset::ModelVersion(parameter) => {
                self.model(parameter).map(|model| Item::Version { model }).into_iter().collect()
            }
            Dataset::Judgement(parameter) => {
                self.model(parameter).map(|model| Item::Judgement { model }).into_iter().collect()
            }
            Dataset::Alias(parameter) => self.model(parameter).map(|model| Item::Alias { model }).into_iter().collect(),
        }
    }

    fn read_views(&self, parameter: &str, problems: &mut Vec<Problem>) -> Vec<Item> {
        let upstream = self.upstream_views();
        let Some(named) = self.views(parameter) else {
            if upstream.is_empty() && self.place.task.parameter(parameter).is_none() {
                let message = format!("no task before `{}` builds a feature view", self.place.name);
                let hint = "name a `build_features` task in `needs`";
                problems.push(Problem::error("missing_build", self.place.task.kind.span, message).hint(hint));
            }
            return upstream.into_iter().map(|view| Item::Builds { view }).collect();
        };
        let span = |view: &Name| self.span_of_item(parameter, view.as_str());
        for view in named.iter().filter(|view| !upstream.contains(*view)) {
            let message = format!("no task before `{}` builds view `{view}`", self.place.name);
            let hint = self.build_hint(view);
            problems.push(Problem::error("missing_build", span(view), message).hint(hint));
        }
        named.into_iter().map(|view| Item::Builds { view }).collect()
    }

    fn read_views_of_model(&self, parameter: &str, problems: &mut Vec<Problem>) -> Vec<Item> {
        let Some(model) = self.model(parameter) else { return Vec::new() };
        let upstream = self.upstream_views();
        let views = views_of_model(self.place, &model);
        let missing: Vec<&Name> = views.iter().filter(|view| !upstream.contains(*view)).collect();
        if let Some(first) = missing.first() {
            let names: Vec<String> = missing.iter().map(|view| format!("`{view}`")).collect();
            let noun = if names.len() == 1 { "view" } else { "views" };
            let message = format!(
                "model `{model}` reads {noun} {}, which no task before `{}` builds",
                names.join(", "),
                self.place.name
            );
            let span = self.span_of(parameter);
            problems.push(Problem::error("missing_build", span, message).hint(self.build_hint(first)));
        }
        let rows = self.place.project.models[&model].observations.source.value.clone();
        let builds = views.into_iter().map(|view| Item::Builds { view });
        std::iter::once(Item::Rows { source: rows }).chain(builds).collect()
    }

    /// Where a view could come from: a task of the DAG that builds it but is not upstream, or a new one.
    fn build_hint(&self, view: &Name) -> String {
        let item = Item::Builds { view: view.clone() };
        let elsewhere = self.before.iter().find(|(_, flow)| flow.outputs.contains(&item));
        match elsewhere {
            Some((task, _)) => format!("task `{task}` builds `{view}`: name it in `needs`"),
            None => format!("add `{view}` to the `views` of a `build_features` task and name that task in `needs`"),
        }
    }

    /// The one task before this one that makes the item; a problem where there is none or more than one.
    fn only_maker(&self, item: &Item, parameter: &str, problems: &mut Vec<Problem>) -> Option<Name> {
        let ancestors = self.ancestors();
        let makers: Vec<&Name> = ancestors
            .iter()
            .filter(|name| self.before.get(*name).is_some_and(|flow| flow.outputs.contains(item)))
            .collect();
        let (thing, kind) = match item {
            Item::Version { model } => (format!("version of model `{model}`"), "train"),
            Item::Judgement { model } => (format!("judgement on model `{model}`"), "evaluate"),
            _ => return makers.first().map(|name| (*name).clone()),
        };
        match makers.as_slice() {
            [only] => Some((*only).clone()),
            [] => {
                let message = format!("no task before `{}` makes a {thing}", self.place.name);
                let hint = format!("name a task of kind `{kind}` for this model in `needs`");
                problems.push(Problem::error("missing_input", self.span_of(parameter), message).hint(hint));
                None
            }
            [first, second, ..] => {
                let message =
                    format!("tasks `{first}` and `{second}` before `{}` both make a {thing}", self.place.name);
                let problem = Problem::error("ambiguous_input", self.span_of(parameter), message)
                    .hint("need only one of them, directly and through other tasks")
                    .related(self.place.dag.tasks[*first].span, "the first")
                    .related(self.place.dag.tasks[*second].span, "the second");
                problems.push(problem);
                None
            }
        }
    }

    /// A judgement is made on rows kept apart: the task that made the version must keep some.
    fn check_holdout(&self, maker: &Name, problems: &mut Vec<Problem>) {
        let judges = self.kind.makes.iter().any(|dataset| matches!(dataset, Dataset::Judgement(_)));
        let task = &self.place.dag.tasks[maker];
        if judges && task.parameter("holdout").is_none() {
            let message =
                format!("task `{}` judges a version, but task `{maker}` keeps no rows apart for it", self.place.name);
            let problem = Problem::error("missing_holdout", self.place.task.kind.span, message)
                .hint(format!("give `{maker}` a `holdout`, e.g. `holdout: 7d`"))
                .related(task.kind.span, "trained here, on all rows");
            problems.push(problem);
        }
    }

    fn ancestors(&self) -> Vec<Name> {
        self.place.ancestors().unwrap_or_default()
    }

    fn upstream_views(&self) -> BTreeSet<Name> {
        let ancestors = self.ancestors();
        let outputs = ancestors.iter().filter_map(|name| self.before.get(name)).flat_map(|flow| &flow.outputs);
        outputs.filter_map(|item| if let Item::Builds { view } = item { Some(view.clone()) } else { None }).collect()
    }

    /// The views in a parameter that exist; `None` where it is not given or known only in a run.
    fn views(&self, parameter: &str) -> Option<Vec<Name>> {
        let node = self.place.value(parameter)?;
        let known = |node: &Node| {
            let name = Name::parse(node.as_text()?)?;
            self.place.project.feature_views.contains_key(&name).then_some(name)
        };
        match &node.value {
            NodeValue::List(items) => Some(items.iter().filter_map(known).collect()),
            _ => Some(known(&node).into_iter().collect()),
        }
    }

    /// The model in a parameter, if it exists.
    fn model(&self, parameter: &str) -> Option<Name> {
        let name = Name::parse(self.place.value(parameter)?.as_text()?)?;
        self.place.project.models.contains_key(&name).then_some(name)
    }

    fn span_of(&self, parameter: &str) -> Span {
        self.place.task.parameter(parameter).map_or(self.place.task.kind.span, |node| node.span)
    }

    fn span_of_item(&self, parameter: &str, text: &str) -> Span {
        let Some(node) = self.place.task.parameter(parameter) else { return self.place.task.kind.span };
        match &node.value {
            NodeValue::List(items) => {
                items.iter().find(|item| item.as_text() == Some(text)).map_or(node.span, |item| item.span)
            }
            _ => node.span,
        }
    }
}

/// The views a model reads, each once, where they exist.
fn views_of_model(place: &TaskPlace<'_>, model: &Name) -> Vec<Name> {
    let Some(model) = place.project.models.get(model) else { return Vec::new() };
    let named: BTreeSet<&Name> =
        model.features.iter().map(|reference: &FeatureReference| &reference.view.value).collect();
    named.into_iter().filter(|view| place.project.feature_views.contains_key(*view)).cloned().collect()
}

/// A model that goes live reads online rows: some task of the project has to publish them. Only a warning, for rows may
/// be published by hand.
pub(crate) fn unpublished(project: &Project, dags: &BTreeMap<Name, CheckedDag>) -> Vec<Problem> {
    let all = || dags.iter().flat_map(|(dag, checked)| checked.flows.iter().map(move |(task, flow)| (dag, task, flow)));
    let published: BTreeSet<&Item> = all().flat_map(|(_, _, flow)| &flow.outputs).collect();
    let is_missing = |view: &&Name| !published.contains(&Item::OnlineRows { view: (*view).clone() });
    let mut problems = Vec::new();
    for (dag, task, flow) in all() {
        for item in &flow.outputs {
            let Item::Alias { model } = item else { continue };
            let Some(declared) = project.models.get(model) else { continue };
            let views: BTreeSet<&Name> = declared.features.iter().map(|reference| &reference.view.value).collect();
            let missing: Vec<String> = views.into_iter().filter(is_missing).map(|view| format!("`{view}`")).collect();
            if !missing.is_empty() {
                let message = format!("model `{model}` goes live, but no task publishes {}", missing.join(", "));
                let span = project.dags[dag].tasks[task].kind.span;
                problems
                    .push(Problem::warning("never_published", span, message).hint("add a `materialize` task for it"));
            }
        }
    }
    problems
}

/// A shortest history that is longer than the history can never be reached.
fn check_periods(place: &TaskPlace<'_>, kind: &KindDefinition, problems: &mut Vec<Problem>) {
    let has = |name: &str| kind.parameters.iter().any(|parameter| parameter.name == name);
    let length = |name: &str| Duration::parse(place.value(name)?.as_text()?);
    if !has("history") || !has("min_history") {
        return;
    }
    let (Some(history), Some(shortest)) = (length("history"), length("min_history")) else { return };
    if shortest.micros > history.micros {
        let span = place.task.parameter("min_history").map_or(place.task.kind.span, |node| node.span);
        let message =
            format!("`min_history` ({shortest}) is longer than `history` ({history}), so the task always fails");
        problems.push(Problem::error("wrong_value", span, message));
    }
}
