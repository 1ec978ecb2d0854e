//! Sources, views and models against the files' columns. All footers are read, each file once; what hangs on something
//! that is itself broken is left out, so that one mistake is reported once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use daybreak_offline::{
    ModelSchema, SchemaProblem, SourceSchema, ViewSchema, check_source, data_roots, model_schema, view_schema,
};
use daybreak_spec::{Loaded, Name, Problem, Project, Source};
use daybreak_tasks::label_kind;

use crate::footers::Footers;

/// What is known of the columns of a project.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub views: BTreeMap<Name, ViewSchema>,
    pub models: BTreeMap<Name, ModelSchema>,
}

/// Resolves every column and type. Problems of names, which reading has found already, are not repeated.
pub(crate) fn check(loaded: &Loaded, footers: &Footers, problems: &mut Vec<Problem>) -> Columns {
    let mut found = Vec::new();
    let columns = resolve(&loaded.project, &loaded.root, footers, &mut found);
    let known: BTreeSet<(u32, u32, &str)> = loaded.problems.iter().map(place_of).collect();
    found.retain(|problem| !known.contains(&place_of(problem)));
    problems.extend(found);
    columns
}

/// Two checks that find one mistake agree on the line and on what kind of mistake it is.
fn place_of(problem: &Problem) -> (u32, u32, &'static str) {
    let kind = match problem.code {
        "duplicate_name" => "duplicate_column",
        code => code,
    };
    (problem.span.file, problem.span.line, kind)
}

fn resolve(project: &Project, root: &Path, footers: &Footers, problems: &mut Vec<Problem>) -> Columns {
    let mut sources: BTreeMap<Name, SourceSchema> = BTreeMap::new();
    let roots = data_roots(project);
    for (name, source) in &project.sources {
        match footers.schema(root, &roots, source) {
            Ok(schema) => {
                problems.extend(check_source(name, source, &schema));
                sources.insert(name.clone(), schema);
            }
            Err(found) => problems.extend(found.into_iter().map(|problem| in_source(source, problem))),
        }
    }
    let mut columns = Columns::default();
    for name in project.feature_views.keys() {
        match view_schema(project, name, &sources) {
            Ok(schema) => drop(columns.views.insert(name.clone(), schema)),
            Err(found) => problems.extend(found),
        }
    }
    for (name, model) in &project.models {
        problems.extend(daybreak_training::validate_model(model));
        match model_schema(project, name, &sources, label_kind(&model.algorithm.name)) {
            Ok(schema) => drop(columns.models.insert(name.clone(), schema)),
            Err(found) => problems.extend(found),
        }
    }
    columns
}

/// What is wrong with files stands where their path is written.
fn in_source(source: &Source, found: SchemaProblem) -> Problem {
    let problem = Problem::error(found.code, source.path.span, found.message);
    match found.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}
