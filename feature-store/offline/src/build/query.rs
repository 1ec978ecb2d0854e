//! `sql` views: the checked query over sources that are each cut off at T. Runs in Polars' in-memory engine over frames
//! of one chunk, without its streaming group-by, whose float sums depend on the number of threads. Never trusts the
//! query to give one row per key. What a query may say is `spec`'s allow-list.

use std::collections::BTreeSet;

use daybreak_spec::{ColumnType, Expr as Tree};
use polars::prelude::{DataFrame, Expr, IntoLazy, LazyFrame, NULL, col, lit};
use polars::sql::SQLContext;

use crate::columns::{column_type, polars_type};
use crate::error::{Error, guarded};
use crate::expression::to_polars;
use crate::reading::{Rows, SourceView};
use crate::schema::SourceSchema;
use crate::states::as_known_before;

/// Columns of a source that the query may name: all whose name stands in its text as a word, or all for a `*`.
pub(crate) fn columns_named(query: &str, schema: &SourceSchema) -> BTreeSet<String> {
    if query.contains('*') {
        return schema.columns.keys().cloned().collect();
    }
    let named = |column: &&String| query.contains(column.as_str());
    schema.columns.keys().filter(named).cloned().collect()
}

/// The rows of a source that were known before T, as they were known.
pub(crate) fn cut_off(view: &SourceView<'_>, rows: &Rows, at: i64) -> Result<DataFrame, Error> {
    let what = || format!("cutting {} off", view.place());
    let mut frame = as_known_before(view, rows, at)?;
    let visible = rows.events.iter().zip(&rows.known).map(|(&event, &known)| Some(event < at && known < at));
    let mask: polars::prelude::BooleanChunked = visible.collect();
    frame = frame.filter(&mask).map_err(Error::polars(what()))?;
    if let Some(filter) = view.filter() {
        frame = filtered(frame, filter, view)?;
    }
    frame.rechunk_mut();
    Ok(frame)
}

fn filtered(frame: DataFrame, filter: &Tree, view: &SourceView<'_>) -> Result<DataFrame, Error> {
    let predicate = to_polars(filter, &|name| view.type_of(name));
    guarded(|| format!("filtering {}", view.place()), || frame.lazy().filter(predicate).collect())
}

/// Runs the query over frames by source name.
pub(crate) fn run(view: &str, query: &str, frames: Vec<(String, DataFrame)>) -> Result<DataFrame, Error> {
    let what = || format!("the query of view `{view}`");
    guarded(what, || {
        let plan = plan(query, frames.into_iter().map(|(name, frame)| (name, frame.lazy())))?;
        let schema = plan.clone().collect_schema()?;
        let columns: Vec<Expr> = schema.iter().map(|(name, data_type)| uniform(name, column_type(data_type))).collect();
        let mut plan = plan.select(columns).to_alp_optimized()?;
        let arenas = (&mut plan.lp_arena, &mut plan.expr_arena);
        let mut executor = polars_mem_engine::create_physical_plan(plan.lp_top, arenas.0, arenas.1, None)?;
        executor.execute(&mut Default::default())
    })
}

/// A column of a query's answer and its type, or that type in words where Daybreak does not hold it.
pub(crate) type Answered = (String, Result<ColumnType, String>);

/// Columns and types of the query's answer, without reading anything.
pub(crate) fn answer_schema(query: &str, sources: Vec<(String, &SourceSchema)>) -> Result<Vec<Answered>, String> {
    let empty = |schema: &SourceSchema| {
        let column = |(name, column_type): (&String, &ColumnType)| {
            polars::prelude::Column::new_empty(name.as_str().into(), &polars_type(*column_type))
        };
        DataFrame::new(0, schema.columns.iter().map(column).collect())
    };
    let answer = guarded(
        || "the query".to_owned(),
        || {
            let mut frames = Vec::with_capacity(sources.len());
            for (name, schema) in &sources {
                frames.push((name.clone(), empty(schema)?.lazy()));
            }
            let mut plan = plan(query, frames.into_iter())?;
            plan.collect_schema()
        },
    );
    let schema = answer.map_err(|error| {
        let source = std::error::Error::source(&error);
        source.map_or_else(|| error.to_string(), |source| first_line(&source.to_string()))
    })?;
    let typed = |data_type| column_type(data_type).ok_or_else(|| format!("{data_type}"));
    Ok(schema.iter().map(|(name, data_type)| (name.to_string(), typed(data_type))).collect())
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn plan(query: &str, frames: impl Iterator<Item = (String, LazyFrame)>) -> polars::prelude::PolarsResult<LazyFrame> {
    let mut context = SQLContext::new();
    for (name, frame) in frames {
        context.register(&name, frame);
    }
    context.execute(query)
}

fn uniform(name: &str, column_type: Option<ColumnType>) -> Expr {
    match column_type {
        Some(ColumnType::F32) => col(name).fill_nan(lit(NULL)),
        Some(ColumnType::F64) => col(name).cast(polars_type(ColumnType::F64)).fill_nan(lit(NULL)),
        Some(ColumnType::Str) => col(name).cast(polars_type(ColumnType::Str)),
        _ => col(name),
    }
}
