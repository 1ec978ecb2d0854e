//! Summarises the fitted rows for drift watching.

use daybreak_model::{Baseline, Cell, ColumnBaseline, ColumnValues, Shape, Signature};

use crate::preparation::frequencies;
use crate::table::Table;

/// Texts counted one by one.
const MAX_TEXTS: usize = 50;

/// Summarises all columns and the labels of the fitted rows.
#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
pub(crate) fn summarise(signature: &Signature, table: &Table<'_>, labels: &[f64]) -> Baseline {
    let label_mean = if labels.is_empty() { 0.0 } else { labels.iter().sum::<f64>() / labels.len() as f64 };
    let mut columns = Vec::new();
    for (place, name) in signature.columns().enumerate() {
        let nulls = table.cells(place).filter(Cell::is_null).count();
        let shape = if nulls == table.rows.len() { Shape::Empty } else { shape(table, place) };
        columns.push(ColumnBaseline {
            name: name.to_owned(),
            rows: count(table.rows.len()),
            nulls: count(nulls),
            shape,
        });
    }
    Baseline { label_mean, columns }
}

fn shape(table: &Table<'_>, place: usize) -> Shape {
    match table.column(place) {
        ColumnValues::Bool(_) => {
            Shape::Flag { trues: count(table.cells(place).filter(|cell| *cell == Cell::Bool(true)).count()) }
        }
        ColumnValues::Text(_) => texts(table, place),
        ColumnValues::Int(_) | ColumnValues::Float(_) | ColumnValues::Instant(_) | ColumnValues::Date(_) => {
            numbers(table.cells(place).filter_map(|cell| cell.number()).collect())
        }
    }
}

fn texts(table: &Table<'_>, place: usize) -> Shape {
    let mut counts: Vec<(String, u64)> =
        frequencies(table, place).into_iter().map(|(text, count)| (text.to_owned(), count)).collect();
    counts.sort_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    let others = counts.iter().skip(MAX_TEXTS).map(|(_, count)| count).sum();
    counts.truncate(MAX_TEXTS);
    Shape::Categories { counts, others }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows")]
fn numbers(mut numbers: Vec<f64>) -> Shape {
    let rows = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / rows;
    let variance = numbers.iter().map(|number| (number - mean) * (number - mean)).sum::<f64>() / rows;
    numbers.sort_unstable_by(f64::total_cmp);
    let deciles = (0..=10).map(|tenth| quantile(&numbers, f64::from(tenth) / 10.0)).collect();
    Shape::Number { mean, std: variance.sqrt(), deciles }
}

/// Linear interpolation between the two nearest of some sorted numbers (Hyndman & Fan type 7).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place within the numbers"
)]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

fn count(rows: usize) -> u64 {
    u64::try_from(rows).expect("a count of rows in memory fits 64 bits")
}
