//! Parquet files of test projects: read whole, changed, written again. For tests that tell a project more than its
//! author knew.

use std::path::Path;

use polars::prelude::{
    DataFrame, DataType, Expr, IntoLazy as _, ParquetReader, ParquetWriter, SerReader as _, col, lit,
};

/// All rows of a file.
///
/// # Panics
/// When it does not read.
pub fn read(path: &Path) -> DataFrame {
    let file = std::fs::File::open(path).expect("a file");
    ParquetReader::new(file).finish().expect("a table")
}

/// Writes a file.
///
/// # Panics
/// When it cannot be written.
pub fn write(path: &Path, mut rows: DataFrame) {
    let file = std::fs::File::create(path).expect("a file");
    ParquetWriter::new(file).finish(&mut rows).expect("written");
}

/// The rows with all their instants (microseconds) moved by the same time.
///
/// # Panics
/// When a column is absent.
pub fn moved(rows: DataFrame, instants: &[&str], by_us: i64) -> DataFrame {
    let moved = |name: &&str| -> Expr {
        let kept = rows.column(name).expect("a column").dtype().clone();
        (col(*name).cast(DataType::Int64) + lit(by_us)).cast(kept)
    };
    let columns: Vec<Expr> = instants.iter().map(moved).collect();
    rows.clone().lazy().with_columns(columns).collect().expect("moved rows")
}

/// The earliest and the latest of all instants, in microseconds.
///
/// # Panics
/// When a column is absent or empty.
pub fn span_us(rows: &DataFrame, instants: &[&str]) -> (i64, i64) {
    let of = |name: &&str| {
        let column = rows.column(name).expect("a column").cast(&DataType::Int64).expect("instants");
        let known: Vec<i64> = column.as_materialized_series().i64().expect("whole numbers").iter().flatten().collect();
        (*known.iter().min().expect("an instant"), *known.iter().max().expect("an instant"))
    };
    let spans: Vec<(i64, i64)> = instants.iter().map(of).collect();
    let first = spans.iter().map(|(first, _)| *first).min().expect("a column");
    (first, spans.iter().map(|(_, last)| *last).max().expect("a column"))
}
