//! Sources, views and models against the files' columns. All footers are read, each file once; what hangs on something
//! that is itself broken is left out, so that one mistake is reported once.

use std::collections::BTreeMap;
use std::path::Path;

use daybreak_offline::{
    ModelSchema, SchemaProblem, SourceSchema, ViewSchema, check_source, data_roots, model_schema, view_schema,
};
use daybreak_spec::{FeatureView, Name, Problem, Project, Source, Span, ViewDefinition, did_you_mean};
use daybreak_tasks::label_kind;

use crate::footers::Footers;

/// What is known of the columns of a project.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub views: BTreeMap<Name, ViewSchema>,
    pub models: BTreeMap<Name, ModelSchema>,
}

/// Resolves every column and type.
pub(crate) fn check(project: &Project, root: &Path, footers: &Footers, problems: &mut Vec<Problem>) -> Columns {
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
    for (name, view) in &project.feature_views {
        match view_schema(project, name, &sources) {
            Ok(schema) => drop(columns.views.insert(name.clone(), schema)),
            Err(found) => problems.extend(found.into_iter().map(|problem| in_query(view, problem))),
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

/// A column that a query names and no source has: the place of its name instead of the whole query, and the one meant.
fn in_query(view: &FeatureView, problem: Problem) -> Problem {
    let ViewDefinition::Sql { query, .. } = &view.definition else { return problem };
    let quoted: Vec<&str> = problem.message.split('"').skip(1).step_by(2).collect();
    let is_one_line = query.span.length as usize == query.chars().count();
    let (Some((column, known)), true) = (quoted.split_first(), problem.code == "sql_error") else { return problem };
    let Some(start) = word_in(query, column).filter(|_| is_one_line) else { return problem };
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let column_number = query.span.column + number(query[..start].chars().count());
    let span = Span { column: column_number, length: number(column.chars().count()), ..query.span };
    let guess = did_you_mean(column, known.iter().copied());
    let problem = Problem { span, ..problem };
    match guess {
        Some(guess) => problem.hint(format!("did you mean `{guess}`?")),
        None => problem,
    }
}

/// Where a text stands as a whole word, in bytes.
fn word_in(text: &str, word: &str) -> Option<usize> {
    let part = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).map(|(start, _)| start).find(|start| {
        let before = text[..*start].chars().next_back().is_some_and(part);
        let behind = text[start + word.len()..].chars().next().is_some_and(part);
        !word.is_empty() && !before && !behind
    })
}
