//! What follows from runs and data: alerts against the DAGs they run, updates against the DAGs that make them. To add a
//! check: a function here, a line in [`check`].

use std::collections::{BTreeMap, BTreeSet};

use daybreak_core::UpdateRule;
use daybreak_spec::{ALERT_PARAMS, Alert, Dag, DeclarationKind, Loaded, Name, Problem, Project, Span};

use crate::dags::CheckedDag;
use crate::plan::Item;

/// Alerts and updates of a project.
pub(crate) fn check(loaded: &Loaded, checked: &BTreeMap<Name, CheckedDag>) -> Vec<Problem> {
    let (project, mut problems) = (&loaded.project, Vec::new());
    let runs: BTreeSet<&Name> = project.alerts.values().map(|alert| &alert.run.value).collect();
    for (name, alert) in &project.alerts {
        let sound = !loaded.declared.is_damaged(DeclarationKind::Dag, &alert.run.value);
        if let Some(dag) = project.dags.get(&alert.run.value).filter(|_| sound) {
            params(name, alert, dag, &mut problems);
        }
        for dag in alert.dags.iter().flatten().filter(|dag| runs.contains(&dag.value)) {
            let message = format!("alert `{name}` tells of DAG `{}`, which an alert runs", dag.value);
            let hint = "a failing alert would set off another: watch the run list for it instead";
            problems.push(Problem::error("alert_of_alert", dag.span, message).hint(hint));
        }
    }
    let built = built_views(checked);
    // What a broken DAG builds is not known.
    let all_known = checked.len() == project.dags.len();
    for updated in project.dags.values().flat_map(|dag| &dag.updated) {
        problems.extend(UpdateRule::compile(updated).err());
        for view in updated.views.iter().filter(|view| all_known && project.feature_views.contains_key(&view.value)) {
            if !built.contains_key(&view.value) {
                let message = format!("no DAG builds view `{}`, so it is never updated", view.value);
                problems.push(Problem::warning("never_updated", view.span, message));
            }
        }
    }
    problems
}

/// Everything that the DAG asks for has to be something that an alert gives, or have a default.
fn params(name: &Name, alert: &Alert, dag: &Dag, problems: &mut Vec<Problem>) {
    let given = |key: &str| ALERT_PARAMS.iter().any(|(given, _)| *given == key);
    for (key, param) in &dag.params {
        if given(key) {
            if let Err(wrong) = param.check(&serde_json::Value::String("a text".to_owned())) {
                let message = format!("alert `{name}` gives parameter `{key}` a text, and it {wrong}");
                let problem = Problem::error("wrong_value", param.span, message).hint("declare it as `type: string`");
                problems.push(problem.related(alert.run.span, "the alert"));
            }
        } else if param.default.is_none() {
            let all: Vec<&str> = ALERT_PARAMS.iter().map(|(given, _)| *given).collect();
            let message = format!("alert `{name}` runs DAG `{}` without its parameter `{key}`", alert.run.value);
            let problem = Problem::error("missing_parameter", alert.run.span, message);
            let hint = format!("give `{key}` a default; an alert gives {}", all.join(", "));
            problems.push(problem.hint(hint).related(param.span, "declared here"));
        }
    }
}

/// Which DAGs build a view.
fn built_views(checked: &BTreeMap<Name, CheckedDag>) -> BTreeMap<&Name, Vec<&Name>> {
    let mut built: BTreeMap<&Name, Vec<&Name>> = BTreeMap::new();
    for (name, dag) in checked {
        for item in dag.flows.values().flat_map(|flow| &flow.outputs) {
            if let Item::Builds { view } = item {
                built.entry(view).or_default().push(name);
            }
        }
    }
    built
}

/// For each DAG those that run because it ran, and where that is written.
pub(crate) fn followers<'a>(
    project: &'a Project,
    checked: &'a BTreeMap<Name, CheckedDag>,
) -> BTreeMap<&'a Name, Vec<(&'a Name, Span)>> {
    let mut runs: BTreeMap<&Name, Vec<(&Name, Span)>> = BTreeMap::new();
    let built = built_views(checked);
    for (name, dag) in &project.dags {
        for after in &dag.after {
            if let Some((other, _)) = project.dags.get_key_value(&after.dag.value) {
                runs.entry(other).or_default().push((name, after.dag.span));
            }
        }
        for view in dag.updated.iter().flat_map(|updated| &updated.views) {
            for builder in built.get(&view.value).into_iter().flatten() {
                runs.entry(builder).or_default().push((name, view.span));
            }
        }
    }
    runs
}
