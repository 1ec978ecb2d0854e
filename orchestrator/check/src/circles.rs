//! DAGs that run each other in a circle, through their tasks, their ends, the data they make or alerts.

use std::collections::{BTreeMap, VecDeque};

use daybreak_core::{KindCatalog, ParameterType};
use daybreak_spec::{Name, Problem, Project, Span};

use crate::dags::CheckedDag;
use crate::follow;

/// DAGs that run each other in a circle, each circle once, by a shortest way round.
pub(crate) fn check(project: &Project, catalog: &KindCatalog, checked: &BTreeMap<Name, CheckedDag>) -> Vec<Problem> {
    let mut runs = follow::followers(project, checked);
    for (name, dag) in &project.dags {
        for task in dag.tasks.values() {
            let Some(kind) = catalog.get(&task.kind) else { continue };
            let of_dag = kind.parameters.iter().filter(|parameter| parameter.parameter_type == ParameterType::Dag);
            for node in of_dag.filter_map(|parameter| task.parameter(parameter.name)) {
                let Some((other, _)) = node.as_text().and_then(|text| project.dags.get_key_value(text)) else {
                    continue;
                };
                runs.entry(name).or_default().push((other, node.span));
            }
        }
    }
    of_alerts(project, &mut runs);
    let mut problems = Vec::new();
    for start in runs.keys() {
        let Some(way) = way_round(&runs, start) else { continue };
        // A circle is told at the first of its DAGs by name.
        if way.iter().any(|(dag, _)| dag < start) {
            continue;
        }
        let names: Vec<&str> =
            std::iter::once(*start).chain(way.iter().map(|(dag, _)| *dag)).map(Name::as_str).collect();
        let message = format!("DAGs run each other in a cycle: {}", names.join(" -> "));
        let mut problem = Problem::error("cycle", way[0].1, message).hint("a run of it would never end; take one out");
        for (step, (dag, span)) in way.iter().enumerate().skip(1) {
            problem = problem.related(*span, format!("`{}` runs `{dag}`", names[step]));
        }
        problems.push(problem);
    }
    problems
}

/// What an alert runs may not run what the alert tells of.
fn of_alerts<'a>(project: &'a Project, runs: &mut BTreeMap<&'a Name, Vec<(&'a Name, Span)>>) {
    for alert in project.alerts.values() {
        let Some((teller, _)) =
            project.dags.get_key_value(&alert.run.value).filter(|(name, _)| runs.contains_key(name))
        else {
            continue;
        };
        let told_of = |dag: &Name| match &alert.dags {
            Some(dags) => dags.iter().any(|told| told.value == *dag),
            None => project.alerts.values().all(|alert| alert.run.value != *dag),
        };
        for dag in project.dags.keys().filter(|dag| told_of(dag)) {
            runs.entry(dag).or_default().push((teller, alert.run.span));
        }
    }
}

/// A shortest way from a DAG back to itself: each DAG that is run on it, and where that is written.
fn way_round<'a>(runs: &BTreeMap<&'a Name, Vec<(&'a Name, Span)>>, start: &'a Name) -> Option<Vec<(&'a Name, Span)>> {
    let mut ways: VecDeque<Vec<(&Name, Span)>> = VecDeque::from([Vec::new()]);
    let mut seen = std::collections::BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        let at = way.last().map_or(start, |(dag, _)| *dag);
        for (next, span) in runs.get(at).into_iter().flatten() {
            let mut longer = way.clone();
            longer.push((*next, *span));
            if *next == start {
                return Some(longer);
            }
            if seen.insert(*next) {
                ways.push_back(longer);
            }
        }
    }
    None
}
