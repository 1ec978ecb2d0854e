//! Keys, features and types of a view, resolved against the columns of its sources; what does not fit is a problem with
//! its place. Reads no row. To add a view kind: a function here.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_spec::{
    Aggregate, ColumnType, FeatureView, Name, Problem, Project, Span, Spanned, ViewDefinition, did_you_mean,
};

use crate::build::aggregates::Feature;
use crate::build::frame::EVENT_TIME;
use crate::build::query::answer_schema;
use crate::expression::columns_of;
use crate::reading::SourceView;
use crate::schema::SourceSchema;
use crate::states::MAX_LATE_TIMES;
use crate::typing::{Scope, can_be_key};

/// What a view holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewSchema {
    /// Key columns in the entity's order; none for a global view.
    pub keys: Vec<(String, ColumnType)>,
    /// Features in order.
    pub features: Vec<(String, ColumnType)>,
    /// Per `aggregates:` item the type of its expression.
    pub(crate) items: Vec<ColumnType>,
}

impl ViewSchema {
    pub(crate) fn aggregate_features(&self, aggregates: &[Aggregate]) -> Vec<Feature> {
        let all = aggregates.iter().enumerate().flat_map(|(item, one)| {
            one.features().into_iter().map(move |(name, function, window)| (item, name, function, window.micros))
        });
        let typed = all.zip(&self.features).map(|((item, name, function, window_us), (_, column_type))| Feature {
            name,
            function,
            item,
            window_us,
            column_type: *column_type,
        });
        typed.collect()
    }
}

/// Resolves a view. `sources` holds the schema of every source that could be read.
///
/// # Errors
/// Everything that does not fit. The list is empty where something it needs is itself missing or wrong (an entity or
/// source that does not exist, a source whose files cannot be read): that is reported where it is.
pub fn view_schema(
    project: &Project,
    view: &Name,
    sources: &BTreeMap<Name, SourceSchema>,
) -> Result<ViewSchema, Vec<Problem>> {
    let declaration = project.feature_views.get(view).ok_or_else(Vec::new)?;
    let mut resolver = Resolver { project, view: declaration, problems: Vec::new() };
    let schema = match &declaration.definition {
        ViewDefinition::Aggregates { source, aggregates } => resolver.aggregates(source, aggregates, sources),
        ViewDefinition::Latest { source, columns } => resolver.latest(source, columns, sources),
        ViewDefinition::Sql { query, sources: names } => resolver.sql(query, names, sources),
    };
    match schema {
        Some(schema) if resolver.problems.is_empty() => Ok(schema),
        _ => Err(resolver.problems),
    }
}

struct Resolver<'a> {
    project: &'a Project,
    view: &'a FeatureView,
    problems: Vec<Problem>,
}

impl<'a> Resolver<'a> {
    fn source(&self, name: &'a Name, sources: &'a BTreeMap<Name, SourceSchema>) -> Option<(SourceView<'a>, Scope<'a>)> {
        let schema = sources.get(name)?;
        let source = self.project.sources.get(name)?;
        let scope = Scope { columns: &schema.columns, place: format!("source `{name}`") };
        Some((SourceView { name, source, schema }, scope))
    }

    /// Key columns of the view's entity, in order; `None` where the entity does not exist.
    fn key_columns(&self) -> Option<(&'a [Spanned<String>], Span)> {
        match &self.view.entity {
            None => Some((&[], Span::default())),
            Some(entity) => Some((&self.project.entities.get(&entity.value)?.keys, entity.span)),
        }
    }

    fn keys(&mut self, source: &SourceView<'_>, scope: &Scope<'_>) -> Option<Vec<(String, ColumnType)>> {
        let (columns, span) = self.key_columns()?;
        let mut keys = Vec::with_capacity(columns.len());
        for key in columns {
            let before = self.problems.len();
            if let Some(found) = scope.column(key, span, &mut self.problems) {
                self.check_key(key, found, span);
                keys.push((key.value.clone(), found));
            }
            for problem in &mut self.problems[before..] {
                problem.related.push((key.span, "the entity's key".to_owned()));
            }
            if let Some(time) = source.late_time_of(key) {
                let message = format!("key `{}` is known only from `{time}` on, later than its row", key.value);
                self.problems.push(Problem::error("known_later", span, message).related(key.span, "the entity's key"));
            }
        }
        Some(keys)
    }

    fn check_key(&mut self, key: &Spanned<String>, found: ColumnType, span: Span) {
        if !can_be_key(found) {
            let message = format!("key `{}` is {}, and floats cannot be keys", key.value, found.name());
            self.problems.push(Problem::error("bad_key_type", span, message).hint("make it text or a whole number"));
        }
    }

    fn needs_event_time(&mut self, source: &SourceView<'_>, span: Span) {
        if source.source.event_time.is_none() {
            let message = format!("source `{}` has no event time, so no row of it is before or after T", source.name);
            let hint = "declare its `event_time`, or use `sql` for a static source";
            self.problems.push(Problem::error("no_event_time", span, message).hint(hint));
        }
    }

    fn aggregates(
        &mut self,
        name: &'a Spanned<Name>,
        aggregates: &'a [Aggregate],
        sources: &'a BTreeMap<Name, SourceSchema>,
    ) -> Option<ViewSchema> {
        let (source, scope) = self.source(name, sources)?;
        self.needs_event_time(&source, name.span);
        let keys = self.keys(&source, &scope)?;
        let mut schema = ViewSchema { keys, ..ViewSchema::default() };
        let mut late = source.filter().map(columns_of).unwrap_or_default();
        for one in aggregates {
            late.extend(columns_of(&one.of.tree));
            let before = self.problems.len();
            let item = scope.infer(&one.of, &mut self.problems).unwrap_or(ColumnType::F64);
            let is_wrong = self.problems.len() > before;
            schema.items.push(item);
            if !is_wrong {
                self.check_functions(one, item);
            }
            for (feature, function, _) in one.features() {
                let column_type = function.result_type(item).unwrap_or(ColumnType::F64);
                self.add(&mut schema, &feature, column_type, one.span);
            }
        }
        self.check_late(&source, &late, name.span);
        Some(schema)
    }

    fn check_functions(&mut self, one: &Aggregate, item: ColumnType) {
        for function in &one.functions {
            if let Err(error) = function.value.result_type(item) {
                let message = format!("{} (`{}`)", error.message, one.of.text);
                let problem = Problem::error(error.code, function.span, message);
                self.problems.push(match error.hint {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                });
            }
        }
    }

    fn check_late(&mut self, source: &SourceView<'_>, columns: &BTreeSet<String>, span: Span) {
        let times = source.late_times(columns.iter().map(String::as_str));
        if times.len() > MAX_LATE_TIMES {
            let message = format!(
                "the view uses columns with {} different known_at columns; at most {MAX_LATE_TIMES} can meet in one view",
                times.len()
            );
            self.problems.push(Problem::error("too_many_known_times", span, message).hint("split the view"));
        }
    }

    fn add(&mut self, schema: &mut ViewSchema, feature: &str, column_type: ColumnType, span: Span) {
        let is_key = schema.keys.iter().any(|(key, _)| key == feature);
        if feature == EVENT_TIME || is_key {
            let taken = if is_key { "a key of the view" } else { "the time that builds carry" };
            let message = format!("a feature cannot be called `{feature}`: that is the name of {taken}");
            self.problems.push(Problem::error("reserved_name", span, message));
        } else if schema.features.iter().any(|(known, _)| known == feature) {
            let message = format!("the view has two features called `{feature}`");
            self.problems
                .push(Problem::error("duplicate_feature", span, message).hint("give one of them another `as:`"));
        }
        schema.features.push((feature.to_owned(), column_type));
    }

    fn latest(
        &mut self,
        name: &'a Spanned<Name>,
        columns: &'a [Spanned<String>],
        sources: &'a BTreeMap<Name, SourceSchema>,
    ) -> Option<ViewSchema> {
        let (source, scope) = self.source(name, sources)?;
        self.needs_event_time(&source, name.span);
        let keys = self.keys(&source, &scope)?;
        let mut schema = ViewSchema { keys, ..ViewSchema::default() };
        for column in columns {
            if let Some(found) = scope.column(column, column.span, &mut self.problems) {
                self.add(&mut schema, column, found, column.span);
            }
        }
        let mut late: BTreeSet<String> = columns.iter().map(|column| column.value.clone()).collect();
        late.extend(source.filter().map(columns_of).unwrap_or_default());
        self.check_late(&source, &late, name.span);
        Some(schema)
    }

    fn sql(
        &mut self,
        query: &'a Spanned<String>,
        names: &'a [Name],
        sources: &'a BTreeMap<Name, SourceSchema>,
    ) -> Option<ViewSchema> {
        let mut tables = Vec::with_capacity(names.len());
        for name in names {
            tables.push((name.to_string(), sources.get(name)?));
        }
        let (key_columns, key_span) = self.key_columns()?;
        let answer = match answer_schema(query, tables) {
            Ok(answer) => answer,
            Err(message) => {
                self.problems.push(Problem::error(
                    "sql_error",
                    query.span,
                    format!("the query does not work: {message}"),
                ));
                return None;
            }
        };
        let mut typed = BTreeMap::new();
        for (column, column_type) in &answer {
            match column_type {
                Ok(column_type) => drop(typed.insert(column.as_str(), *column_type)),
                Err(words) => {
                    let message = format!("column `{column}` of the query is {words}, which a feature cannot be");
                    self.problems.push(Problem::error("unsupported_type", query.span, message).hint("CAST it"));
                }
            }
        }
        let mut schema = ViewSchema::default();
        for key in key_columns {
            match typed.remove(key.as_str()) {
                Some(found) => {
                    self.check_key(key, found, key_span);
                    schema.keys.push((key.value.clone(), found));
                }
                None => self.missing_key(key, query.span, answer.iter().map(|(column, _)| column.as_str())),
            }
        }
        for (column, _) in &answer {
            if let Some(found) = typed.get(column.as_str()) {
                self.add(&mut schema, column, *found, query.span);
            }
        }
        if schema.features.is_empty() && self.problems.is_empty() {
            self.problems.push(Problem::error("no_features", query.span, "the query gives no column beside the keys"));
        }
        Some(schema)
    }

    fn missing_key<'b>(&mut self, key: &Spanned<String>, span: Span, columns: impl Iterator<Item = &'b str>) {
        let message = format!("the query gives no column `{}`, which is a key of the view's entity", key.value);
        let problem = Problem::error("unknown_column", span, message).related(key.span, "the entity's key");
        self.problems.push(match did_you_mean(key, columns) {
            Some(guess) => problem.hint(format!("select `{guess} AS {}`?", key.value)),
            None => problem.hint(format!("select `{}` too", key.value)),
        });
    }
}
