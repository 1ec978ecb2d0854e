//! Builds: the rows of a view at instants, made from rows known before each. One pass reads every source once, whatever
//! the number of views and instants, and the bytes are those of single builds. To add a view kind: a variant of `Work`,
//! its needs in `plan`, a module beside this one.

pub(crate) mod aggregates;
mod answer;
pub(crate) mod frame;
mod latest;
mod partial;
mod pass;
pub(crate) mod query;
mod series;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::build::aggregates::Feature;
use crate::build::pass::Pass;
use crate::expression::columns_of;
use crate::reading::{Rows, Span};
use crate::schema::SourceSchema;
use crate::view_schema::ViewSchema;
use crate::{Error, Offline};
use daybreak_spec::{ColumnType, Expr as Tree, FeatureView, Name, Timestamp, ViewDefinition};

/// One view at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewBuild {
    /// The view.
    pub view: Name,
    /// T: the rows hold what was known before it.
    pub as_of: Timestamp,
    /// The rows, sorted by key.
    pub parquet: Vec<u8>,
    /// Rows in it.
    pub rows: u64,
    /// What it was made of, per source.
    pub windows: Vec<SourceWindow>,
    /// Rows read from files in the pass that made this build (and others).
    pub rows_read: u64,
}

/// The part of a source that a build was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceWindow {
    /// The source.
    pub source: Name,
    /// First event time that could count; none = from the beginning.
    pub from: Option<Timestamp>,
    /// Event and known times were before this.
    pub before: Timestamp,
    /// Rows that counted.
    pub rows: u64,
}

impl ViewBuild {
    /// Whether no row of any source counted: there is nothing at this instant that the data could fill it with.
    pub fn is_without_source_rows(&self) -> bool {
        self.windows.iter().all(|window| window.rows == 0)
    }
}

/// What came of some builds, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildReport {
    /// Instants built.
    pub instants: usize,
    /// Instants for which the data holds nothing.
    pub empty: Vec<Timestamp>,
    /// Rows read from files.
    pub rows_read: u64,
}

impl BuildReport {
    /// Sums up the builds of one view.
    pub fn of(builds: &[ViewBuild]) -> Self {
        let empty = builds.iter().filter(|build| build.is_without_source_rows()).map(|build| build.as_of);
        Self {
            instants: builds.len(),
            empty: empty.collect(),
            rows_read: builds.iter().map(|build| build.rows_read).max().unwrap_or(0),
        }
    }
}

/// A view and the instants it is wanted at.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The view.
    pub view: Name,
    /// Instants in any order; repeats are built once.
    pub instants: Vec<Timestamp>,
}

/// A request with all that is known before any row is read.
struct Plan<'a> {
    name: &'a Name,
    view: &'a FeatureView,
    schema: ViewSchema,
    instants: Vec<i64>,
    work: Work<'a>,
    /// Per source the columns and the span of time needed.
    needs: BTreeMap<Name, (BTreeSet<String>, Span)>,
}

enum Work<'a> {
    Aggregates { source: &'a Name, trees: Vec<(&'a Tree, ColumnType)>, features: Vec<Feature> },
    Latest { source: &'a Name, trees: Vec<(Tree, ColumnType)> },
    Query { query: &'a str, sources: &'a [Name] },
}

/// Builds views at instants; one list per request, oldest instant first.
pub(crate) fn build(offline: &Offline, requests: &[BuildRequest]) -> Result<Vec<Vec<ViewBuild>>, Error> {
    let plans = requests.iter().map(|request| plan(offline, request)).collect::<Result<Vec<_>, _>>()?;
    let mut needs: BTreeMap<Name, (BTreeSet<String>, Span)> = BTreeMap::new();
    for (source, (columns, span)) in plans.iter().flat_map(|plan| &plan.needs) {
        let need = needs.entry(source.clone()).or_insert_with(|| (BTreeSet::new(), *span));
        need.0.extend(columns.iter().cloned());
        need.1 = need.1.union(*span);
    }
    let mut schemas: BTreeMap<Name, Arc<SourceSchema>> = BTreeMap::new();
    let mut rows: BTreeMap<Name, Rows> = BTreeMap::new();
    for (source, (columns, span)) in &needs {
        let schema = offline.source_schema(source)?;
        rows.insert(source.clone(), offline.source_view(source, &schema)?.read(columns, *span)?);
        schemas.insert(source.clone(), schema);
    }
    plans.iter().map(|plan| Pass { offline, plan, schemas: &schemas, rows: &rows }.run()).collect()
}

fn plan<'a>(offline: &'a Offline, request: &'a BuildRequest) -> Result<Plan<'a>, Error> {
    let (name, view) = offline.view(&request.view)?;
    let schema = offline.view_schema(name)?;
    let mut instants: Vec<i64> = request.instants.iter().map(|instant| instant.micros).collect();
    instants.sort_unstable();
    instants.dedup();
    let before = instants.last().copied().unwrap_or(i64::MIN);
    let first = instants.first().copied().unwrap_or(i64::MIN);
    let keys: BTreeSet<String> = schema.keys.iter().map(|(key, _)| key.clone()).collect();
    let back = |length: Option<i64>| Span { from: length.map(|length| first.saturating_sub(length)), before };
    let mut needs = BTreeMap::new();
    let work = match &view.definition {
        ViewDefinition::Aggregates { source, aggregates } => {
            let features = schema.aggregate_features(aggregates);
            let longest = features.iter().map(|feature| feature.window_us).max();
            let trees: Vec<_> =
                aggregates.iter().map(|one| &one.of.value.tree).zip(schema.items.iter().copied()).collect();
            let used = trees.iter().flat_map(|(tree, _)| columns_of(tree));
            needs.insert(source.value.clone(), (keys.into_iter().chain(used).collect(), back(longest)));
            Work::Aggregates { source, trees, features }
        }
        ViewDefinition::Latest { source, columns } => {
            let trees = columns.iter().map(|column| Tree::Column(column.value.clone()));
            let trees = trees.zip(schema.features.iter().map(|(_, column_type)| *column_type)).collect();
            let used = columns.iter().map(|column| column.value.clone());
            needs.insert(source.value.clone(), (keys.into_iter().chain(used).collect(), back(None)));
            Work::Latest { source, trees }
        }
        ViewDefinition::Sql { query, sources } => {
            for source in sources {
                let columns = query::columns_named(query, &*offline.source_schema(source)?);
                needs.insert(source.clone(), (columns, back(None)));
            }
            Work::Query { query, sources }
        }
    };
    Ok(Plan { name, view, schema, instants, work, needs })
}
