//! A build as columns, and as Parquet bytes and back. The bytes depend on the rows, the view's name and T alone: fixed
//! compression, one thread, no time of writing. To add a column to builds: here and in `read`, with a new format number.

use std::io::Cursor;

use daybreak_features::FeatureRow;
use daybreak_spec::{ColumnType, Timestamp};
use polars::prelude::{
    Column, DataFrame, KeyValueMetadata, ParallelStrategy, ParquetCompression, ParquetReader, ParquetWriter, SerReader,
    StatisticsOptions,
};

use crate::columns::{FrameColumn, Values, column_type};
use crate::error::{Error, guarded};
use crate::schema::check_lengths;

/// The column of a `latest` view that holds the event time of each row.
pub(crate) const EVENT_TIME: &str = "event_time";

const FORMAT: &str = "1";

/// The rows of one view at one instant, sorted by key.
#[derive(Clone, Debug, PartialEq)]
pub struct BuildFrame {
    /// T: the rows hold what was known before it.
    pub as_of: Timestamp,
    /// Key columns in the entity's order.
    pub keys: Vec<FrameColumn>,
    /// Feature columns in the view's order.
    pub features: Vec<FrameColumn>,
    /// `latest` views: event time per row, microseconds.
    pub event_times_us: Option<Vec<i64>>,
    /// Number of rows.
    pub rows: usize,
}

impl BuildFrame {
    /// The rows, in order of their keys.
    pub fn rows(&self) -> impl Iterator<Item = FeatureRow> + '_ {
        (0..self.rows).map(|row| FeatureRow {
            keys: self.keys.iter().map(|column| column.value(row)).collect(),
            values: self.features.iter().map(|column| column.value(row)).collect(),
            event_time_us: self.event_times_us.as_ref().map(|times| times[row]),
        })
    }

    pub(crate) fn to_parquet(&self, view: &str) -> Result<Vec<u8>, Error> {
        let mut columns = Vec::with_capacity(self.keys.len() + self.features.len() + 1);
        for column in self.keys.iter().chain(&self.features) {
            columns.push(column.to_polars()?);
        }
        if let Some(times) = &self.event_times_us {
            let values = Values::Instant(times.iter().copied().map(Some).collect());
            let column = FrameColumn { name: EVENT_TIME.to_owned(), column_type: ColumnType::Datetime, values };
            columns.push(column.to_polars()?);
        }
        let metadata = [("view", view.to_owned()), ("as_of", self.as_of.to_string()), ("format", FORMAT.to_owned())];
        write(self.rows, columns, &metadata, &format!("writing view `{view}` at {}", self.as_of))
    }
}

/// Parquet bytes of some columns, the same for the same columns.
pub(crate) fn write(
    rows: usize,
    columns: Vec<Column>,
    metadata: &[(&str, String)],
    what: &str,
) -> Result<Vec<u8>, Error> {
    let mut frame = DataFrame::new(rows, columns).map_err(Error::polars(what))?;
    let pairs = metadata.iter().map(|(key, value)| (format!("daybreak.{key}"), value.clone())).collect();
    let mut bytes = Vec::new();
    guarded(
        || what.to_owned(),
        || {
            ParquetWriter::new(&mut bytes)
                .with_compression(ParquetCompression::Zstd(None))
                .with_statistics(StatisticsOptions::full())
                .with_row_group_size(Some(1 << 18))
                .with_data_page_size(Some(1 << 20))
                .with_key_value_metadata(Some(KeyValueMetadata::from_static(pairs)))
                .set_parallel(false)
                .finish(&mut frame)
        },
    )?;
    Ok(bytes)
}

/// Reads a build back. `keys` is the number of key columns, `latest` whether the last column is the event time.
pub(crate) fn read(view: &str, bytes: &[u8], shape: Shape) -> Result<BuildFrame, Error> {
    let bad = |detail: String| Error::BadBuild { view: view.to_owned(), detail };
    let (frame, as_of) = read_frame(view, bytes, None)?;
    let as_of = as_of.ok_or_else(|| bad("it does not say its instant".to_owned()))?;
    let mut columns = Vec::with_capacity(frame.width());
    for column in frame.columns() {
        let column_type = column_type(column.dtype())
            .ok_or_else(|| bad(format!("column `{}` has an unknown type", column.name())))?;
        columns.push(FrameColumn::from_polars(column, column_type, &format!("a build of view `{view}`"))?);
    }
    let event_times_us = match shape {
        Shape::Latest { .. } => match columns.pop().map(|column| (column.name, column.values)) {
            Some((name, Values::Instant(times))) if name == EVENT_TIME => {
                Some(times.into_iter().map(|time| time.unwrap_or(i64::MIN)).collect())
            }
            _ => return Err(bad(format!("its last column is not `{EVENT_TIME}`"))),
        },
        Shape::Plain { .. } => None,
    };
    let (Shape::Latest { keys } | Shape::Plain { keys }) = shape;
    if columns.len() < keys {
        return Err(bad(format!("it has {} columns where the key alone has {keys}", columns.len())));
    }
    let features = columns.split_off(keys);
    Ok(BuildFrame { as_of, keys: columns, features, event_times_us, rows: frame.height() })
}

/// What the columns of a build are.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Keys, then features.
    Plain { keys: usize },
    /// Keys, features, event time.
    Latest { keys: usize },
}

/// Some columns of a build.
pub(crate) fn read_columns(view: &str, bytes: &[u8], columns: Vec<String>) -> Result<DataFrame, Error> {
    Ok(read_frame(view, bytes, Some(columns))?.0)
}

fn read_frame(view: &str, bytes: &[u8], columns: Option<Vec<String>>) -> Result<(DataFrame, Option<Timestamp>), Error> {
    let what = || format!("reading a build of view `{view}`");
    let read = || {
        let reader = ParquetReader::new(Cursor::new(bytes)).read_parallel(ParallelStrategy::None);
        let mut reader = reader.with_columns(columns);
        check_lengths(&mut reader, bytes.len() as u64)?;
        let pairs = reader.get_metadata()?.key_value_metadata().clone().unwrap_or_default();
        let as_of = pairs.iter().find(|pair| pair.key == "daybreak.as_of").and_then(|pair| pair.value.clone());
        Ok((reader.finish()?, as_of))
    };
    let (frame, as_of) =
        guarded(what, read).map_err(|error| Error::BadBuild { view: view.to_owned(), detail: with_cause(&error) })?;
    Ok((frame, as_of.and_then(|text| Timestamp::parse(&text))))
}

fn with_cause(error: &Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}
