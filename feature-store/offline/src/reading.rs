//! Reads the rows of a source that can matter: only the columns asked for, only the time range asked for (Polars skips
//! the row groups whose statistics rule them out), types made uniform: instants UTC microseconds without a zone,
//! decimals f64, dictionaries text, NaN null. Rows come in the order of files and of rows in them. Never sorts, never
//! interprets `known_at` of single columns (`states` does).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use daybreak_spec::{ColumnType, Expr as Tree, KnownAt, Name, Source};
use polars::prelude::{
    AnyValue, Column, DataFrame, DataType, Expr, HiveOptions, IntoLazy, LazyFrame, NULL, PlRefPath, Scalar,
    ScanArgsParquet, TimeUnit, TimeZone, UnionArgs, col, concat, lit,
};

use crate::columns::{instants, integers, polars_type};
use crate::error::{Error, guarded};
use crate::expression::{columns_of, to_polars};
use crate::schema::{SourceSchema, Stored};

/// A span of event time, and the instant before which rows must be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// First event time (inclusive); none = from the beginning.
    pub from: Option<i64>,
    /// Event and known time are before this.
    pub before: i64,
}

impl Span {
    /// The smallest span that holds both.
    pub fn union(self, other: Self) -> Self {
        let from = match (self.from, other.from) {
            (Some(one), Some(other)) => Some(one.min(other)),
            _ => None,
        };
        Self { from, before: self.before.max(other.before) }
    }
}

/// A source with all that is known of it.
#[derive(Clone, Copy)]
pub(crate) struct SourceView<'a> {
    pub name: &'a Name,
    pub source: &'a Source,
    pub schema: &'a SourceSchema,
}

/// Rows of a source in file order, with their times.
pub(crate) struct Rows {
    /// The columns asked for and those of time.
    pub frame: DataFrame,
    /// Event time; `i64::MIN` throughout for a static source.
    pub events: Vec<i64>,
    /// When the whole row became known; the event time where nothing else is declared.
    pub known: Vec<i64>,
    /// Tie breaker; `i64::MIN` where null or not declared.
    pub sequence: Vec<i64>,
}

impl SourceView<'_> {
    /// Type of a column.
    pub fn type_of(&self, column: &str) -> Option<ColumnType> {
        self.schema.columns.get(column).copied()
    }

    /// For messages.
    pub fn place(&self) -> String {
        format!("source `{}`", self.name)
    }

    /// The datetime columns at which single columns of these become known, without repeats.
    pub fn late_times<'a>(&self, columns: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
        let late = columns.into_iter().filter_map(|column| self.late_time_of(column));
        late.map(str::to_owned).collect()
    }

    /// The datetime column at which this single column becomes known, if not with its row.
    pub fn late_time_of(&self, column: &str) -> Option<&str> {
        match self.source.known_at.as_ref()? {
            KnownAt::Row(_) => None,
            KnownAt::Columns(columns) => columns.get(column).map(|time| time.as_str()),
        }
    }

    fn row_known(&self) -> Option<&str> {
        match self.source.known_at.as_ref()? {
            KnownAt::Row(time) => Some(time.as_str()),
            KnownAt::Columns(_) => None,
        }
    }

    /// The `where:` of the source.
    pub fn filter(&self) -> Option<&Tree> {
        self.source.filter.as_ref().map(|filter| &filter.tree)
    }

    /// Reads the rows in `span`. `columns` are those the caller needs; those of times, `where:` and `sequence` come too.
    pub fn read(&self, columns: &BTreeSet<String>, span: Span) -> Result<Rows, Error> {
        let wanted = self.with_own_columns(columns);
        let frame = if self.schema.files.is_empty() { self.empty(&wanted)? } else { self.collect(&wanted, span)? };
        self.with_times(frame)
    }

    fn with_own_columns(&self, columns: &BTreeSet<String>) -> BTreeSet<String> {
        let mut wanted = columns.clone();
        if let Some(filter) = self.filter() {
            wanted.extend(columns_of(filter));
        }
        let late = self.late_times(wanted.iter().map(String::as_str));
        wanted.extend(late);
        let source = self.source;
        let own = [source.event_time.as_ref(), source.sequence.as_ref()];
        wanted.extend(own.into_iter().flatten().map(|column| column.value.clone()));
        wanted.extend(self.row_known().map(str::to_owned));
        wanted.retain(|column| self.schema.columns.contains_key(column));
        wanted
    }

    fn empty(&self, wanted: &BTreeSet<String>) -> Result<DataFrame, Error> {
        let column = |name: &String| {
            let column_type = self.type_of(name).unwrap_or(ColumnType::F64);
            Column::new_empty(name.as_str().into(), &polars_type(column_type))
        };
        let columns = wanted.iter().map(column).collect();
        DataFrame::new(0, columns).map_err(Error::polars(format!("an empty frame for {}", self.place())))
    }

    fn collect(&self, wanted: &BTreeSet<String>, span: Span) -> Result<DataFrame, Error> {
        let what = || format!("reading {}", self.place());
        let mut parts = Vec::with_capacity(self.schema.files.len());
        for (file, stored) in self.schema.files.iter().zip(&self.schema.stored) {
            parts.push(self.part(file, stored, wanted, span)?);
        }
        let union = UnionArgs { strict: true, ..Default::default() };
        let mut all = concat(parts.clone(), union).map_err(Error::polars(what()))?;
        if let Some(filter) = self.filter()
            && self.late_times(columns_of(filter).iter().map(String::as_str)).is_empty()
        {
            all = all.filter(to_polars(filter, &|column| self.type_of(column)));
        }
        let mut frame = guarded(what, || all.collect()).map_err(|error| self.name_file(parts, error))?;
        frame.rechunk_mut();
        Ok(frame)
    }

    /// The rows of one file, uniform.
    fn part(
        &self,
        file: &Path,
        stored: &BTreeMap<String, Stored>,
        wanted: &BTreeSet<String>,
        span: Span,
    ) -> Result<LazyFrame, Error> {
        let failed = || format!("opening {}", file.display());
        let arguments =
            ScanArgsParquet { glob: false, hive_options: HiveOptions::new_disabled(), ..Default::default() };
        let path = PlRefPath::try_from_path(file).map_err(Error::polars(failed()))?;
        let mut part = LazyFrame::scan_parquet(path, arguments).map_err(Error::polars(failed()))?;
        let event_time = self.source.event_time.as_ref().map(|column| column.as_str());
        for (column, from) in [(event_time, span.from), (self.row_known(), None)] {
            if let Some(column) = column
                && let Some(predicate) = in_span(column, stored.get(column), Span { from, before: span.before })
            {
                part = part.filter(predicate);
            }
        }
        let columns: Vec<Expr> = wanted.iter().map(|name| self.normalised(name, stored.get(name))).collect();
        Ok(part.select(columns))
    }

    /// The error of the first file that fails by itself, so that the user knows which one to look at.
    fn name_file(&self, parts: Vec<LazyFrame>, error: Error) -> Error {
        for (part, file) in parts.into_iter().zip(&self.schema.files) {
            let what = || format!("reading file {} of {}", file.display(), self.place());
            if let Err(error) = guarded(what, || part.collect()) {
                return error;
            }
        }
        error
    }

    fn normalised(&self, name: &str, stored: Option<&Stored>) -> Expr {
        let column = col(name);
        let target = || polars_type(self.type_of(name).unwrap_or(ColumnType::F64));
        let micros = || column.clone().cast(DataType::Int64);
        match stored {
            Some(Stored::Plain(ColumnType::F32 | ColumnType::F64)) => column.fill_nan(lit(NULL)),
            Some(Stored::Plain(_)) => column,
            Some(Stored::Instant(TimeUnit::Microseconds, None)) => column,
            Some(Stored::Instant(TimeUnit::Microseconds, Some(_))) => micros().cast(target()),
            Some(Stored::Instant(TimeUnit::Milliseconds, _)) => (micros() * lit(1_000_i64)).cast(target()),
            Some(Stored::Instant(TimeUnit::Nanoseconds, _)) => micros().floor_div(lit(1_000_i64)).cast(target()),
            Some(Stored::Decimal | Stored::Dictionary | Stored::Nothing) | None => column.cast(target()),
        }
    }

    fn with_times(&self, frame: DataFrame) -> Result<Rows, Error> {
        let place = self.place();
        let times = |name: &str| instants(column(&frame, name, &place)?, &place);
        let events = match self.source.event_time.as_deref() {
            Some(name) => times(name)?.into_iter().map(|time| time.unwrap_or(i64::MAX)).collect(),
            None => vec![i64::MIN; frame.height()],
        };
        let known = match self.row_known() {
            Some(name) => times(name)?.into_iter().map(|time| time.unwrap_or(i64::MAX)).collect(),
            None => events.clone(),
        };
        let sequence = match self.source.sequence.as_deref() {
            Some(name) => {
                let values = integers(column(&frame, name, &place)?, &place)?;
                values.into_iter().map(|value| value.unwrap_or(i64::MIN)).collect()
            }
            None => vec![i64::MIN; frame.height()],
        };
        Ok(Rows { frame, events, known, sequence })
    }
}

/// A column of a frame by name.
pub(crate) fn column<'a>(frame: &'a DataFrame, name: &str, place: &str) -> Result<&'a Column, Error> {
    frame.column(name).map_err(Error::polars(format!("looking for column `{name}` of {place}")))
}

/// `from <= column < before`, written in the unit the file stores, so that its statistics can answer.
fn in_span(name: &str, stored: Option<&Stored>, span: Span) -> Option<Expr> {
    let Some(Stored::Instant(unit, zone)) = stored else { return None };
    let zone = TimeZone::opt_try_new(zone.clone()).ok()?;
    let bound = |micros: i64| {
        let value = match unit {
            TimeUnit::Microseconds => micros,
            TimeUnit::Nanoseconds => micros.saturating_mul(1_000),
            TimeUnit::Milliseconds => micros.div_euclid(1_000) + i64::from(micros.rem_euclid(1_000) > 0),
        };
        lit(Scalar::new(DataType::Datetime(*unit, zone.clone()), AnyValue::Datetime(value, *unit, None).into_static()))
    };
    let before = col(name).lt(bound(span.before));
    Some(match span.from {
        Some(from) => before.and(col(name).gt_eq(bound(from))),
        None => before,
    })
}

/// The rows of a frame for which a boolean expression holds.
pub(crate) fn evaluate(frame: &DataFrame, expressions: Vec<Expr>, what: &str) -> Result<Vec<Column>, Error> {
    let names: Vec<String> = (0..expressions.len()).map(|at| format!("__daybreak_{at}")).collect();
    let named: Vec<Expr> = expressions.into_iter().zip(&names).map(|(expr, name)| expr.alias(name.as_str())).collect();
    let result = guarded(|| what.to_owned(), || frame.clone().lazy().with_columns(named).collect())?;
    names.iter().map(|name| column(&result, name, what).cloned()).collect()
}
