//! What each source row says at each instant. A row whose columns become known one after the other (`known_at` of
//! columns) passes through states: in each, the columns not yet known are null, and `where:` and the wanted expressions
//! are computed from what is left. Without such columns a row has one state. Never looks at windows or keys.

use std::collections::BTreeSet;

use daybreak_spec::{ColumnType, Expr as Tree};
use polars::prelude::{Column, DataFrame};

use crate::Error;
use crate::columns::{FrameColumn, Values, booleans, instants, polars_type};
use crate::expression::{columns_of, to_polars};
use crate::reading::{Rows, SourceView, column, evaluate};

/// At most this many different `known_at` columns may meet in one view; each doubles the states to compute.
pub(crate) const MAX_LATE_TIMES: usize = 4;

/// One value wanted per row.
pub(crate) struct Wanted<'a> {
    pub tree: &'a Tree,
    pub column_type: ColumnType,
}

/// States of rows; one entry per state in every list. A state holds at T while `from < T <= until`.
pub(crate) struct States {
    /// The source row.
    pub row: Vec<u32>,
    /// The state holds at instants after this.
    pub from: Vec<i64>,
    /// The last instant at which it holds.
    pub until: Vec<i64>,
    /// Per wanted expression its values.
    pub values: Vec<Values>,
}

impl States {
    /// Whether a state holds at T.
    pub fn holds(&self, state: usize, at: i64) -> bool {
        self.from[state] < at && at <= self.until[state]
    }
}

/// Columns that become known together, later than their row.
struct Late {
    /// Per row when; `i64::MAX` = never.
    times: Vec<i64>,
    columns: Vec<String>,
}

/// Computes the states of all rows for which `where:` holds in them.
pub(crate) fn states(view: &SourceView<'_>, rows: &Rows, wanted: &[Wanted<'_>]) -> Result<States, Error> {
    let late = late_columns(view, rows, wanted)?;
    let timeline = timeline(rows, &late);
    let masks: BTreeSet<u32> = timeline.iter().map(|entry| entry.known).collect();
    let mut all: Vec<Timed> = Vec::with_capacity(timeline.len());
    let mut parts = Vec::new();
    for mask in masks {
        let frame = masked(&rows.frame, &late, mask)?;
        let (kept, values) = evaluate_all(view, &frame, wanted)?;
        let part = parts.len();
        let in_mask = timeline.iter().filter(|entry| entry.known == mask && kept[entry.row as usize]);
        all.extend(in_mask.map(|entry| Timed { part, ..*entry }));
        parts.push(values);
    }
    all.sort_by_key(|entry| (entry.row, entry.from));
    let gather = |at: usize| {
        let first = &parts[0][at];
        if let [only] = parts.as_slice() {
            let picked: Vec<u32> = all.iter().map(|entry| entry.row).collect();
            return only[at].gather(&picked);
        }
        let mut values = Values::nulls_like(first, all.len());
        for (part, column) in parts.iter().enumerate() {
            let of_part = all.iter().enumerate().filter(|(_, entry)| entry.part == part);
            let pairs: Vec<(u32, u32)> = of_part.map(|(here, entry)| (here as u32, entry.row)).collect();
            values.scatter(&column[at], &pairs);
        }
        values
    };
    let values = if parts.is_empty() {
        wanted.iter().map(|one| Values::with_capacity(one.column_type, 0)).collect()
    } else {
        (0..wanted.len()).map(gather).collect()
    };
    Ok(States {
        row: all.iter().map(|entry| entry.row).collect(),
        from: all.iter().map(|entry| entry.from).collect(),
        until: all.iter().map(|entry| entry.until).collect(),
        values,
    })
}

/// A stretch of time in which the same late columns of a row are known.
#[derive(Clone, Copy)]
struct Timed {
    row: u32,
    from: i64,
    until: i64,
    /// Bit per group of late columns.
    known: u32,
    part: usize,
}

fn timeline(rows: &Rows, late: &[Late]) -> Vec<Timed> {
    let mut entries = Vec::with_capacity(rows.events.len());
    let mut steps: Vec<(i64, u32)> = Vec::with_capacity(late.len());
    for row in 0..rows.events.len() {
        let base = rows.events[row].max(rows.known[row]);
        if base == i64::MAX {
            continue;
        }
        steps.clear();
        steps.extend(late.iter().enumerate().map(|(group, late)| (late.times[row].max(base), 1 << group)));
        steps.sort_unstable();
        let (mut from, mut known) = (base, 0);
        for &(time, group) in &steps {
            if time > from {
                entries.push(Timed { row: row as u32, from, until: time, known, part: 0 });
                from = time;
            }
            known |= group;
        }
        if from != i64::MAX {
            entries.push(Timed { row: row as u32, from, until: i64::MAX, known, part: 0 });
        }
    }
    entries
}

fn late_columns(view: &SourceView<'_>, rows: &Rows, wanted: &[Wanted<'_>]) -> Result<Vec<Late>, Error> {
    let trees = wanted.iter().map(|one| one.tree).chain(view.filter());
    let columns: BTreeSet<String> = trees.flat_map(columns_of).collect();
    let times = view.late_times(columns.iter().map(String::as_str));
    if times.len() > MAX_LATE_TIMES {
        let detail = format!("its expressions use columns with more than {MAX_LATE_TIMES} different known_at columns");
        return Err(Error::Declaration { kind: "source", name: view.name.to_string(), detail });
    }
    let place = view.place();
    let group = |time: String| {
        let known = instants(column(&rows.frame, &time, &place)?, &place)?;
        let members = columns.iter().filter(|column| view.late_time_of(column) == Some(time.as_str()));
        Ok(Late {
            times: known.into_iter().map(|time| time.unwrap_or(i64::MAX)).collect(),
            columns: members.cloned().collect(),
        })
    };
    times.into_iter().map(group).collect()
}

fn masked(frame: &DataFrame, late: &[Late], mask: u32) -> Result<DataFrame, Error> {
    let mut frame = frame.clone();
    for (group, late) in late.iter().enumerate() {
        if mask & (1 << group) == 0 {
            for name in &late.columns {
                blank(&mut frame, name)?;
            }
        }
    }
    Ok(frame)
}

fn blank(frame: &mut DataFrame, name: &str) -> Result<(), Error> {
    let data_type = column(frame, name, "the rows read")?.dtype().clone();
    let nulls = Column::full_null(name.into(), frame.height(), &data_type);
    frame.with_column(nulls).map_err(Error::polars(format!("hiding column `{name}`")))?;
    Ok(())
}

/// Whether `where:` holds, and the wanted values, per row of the frame.
fn evaluate_all(
    view: &SourceView<'_>,
    frame: &DataFrame,
    wanted: &[Wanted<'_>],
) -> Result<(Vec<bool>, Vec<Values>), Error> {
    let type_of = |name: &str| view.type_of(name);
    let mut expressions: Vec<_> = wanted.iter().map(|one| to_polars(one.tree, &type_of)).collect();
    expressions.extend(view.filter().map(|filter| to_polars(filter, &type_of)));
    let place = view.place();
    let mut columns = evaluate(frame, expressions, &format!("computing expressions over {place}"))?;
    let kept = match view.filter().and_then(|_| columns.pop()) {
        Some(filter) => booleans(&filter, &place)?.into_iter().map(|kept| kept == Some(true)).collect(),
        None => vec![true; frame.height()],
    };
    let read = |(column, one): (&Column, &Wanted<'_>)| {
        let wide = widened(one.column_type);
        FrameColumn::from_polars(column, wide, &place).map(|column| column.values)
    };
    let values = columns.iter().zip(wanted).map(read).collect::<Result<_, _>>()?;
    Ok((kept, values))
}

fn widened(column_type: ColumnType) -> ColumnType {
    match column_type {
        ColumnType::F32 => ColumnType::F64,
        narrow if narrow.is_integer() => ColumnType::I64,
        other => other,
    }
}

/// The frame as it stood at T: a late column's value is null unless it was known before T.
pub(crate) fn as_known_before(view: &SourceView<'_>, rows: &Rows, at: i64) -> Result<DataFrame, Error> {
    let mut frame = rows.frame.clone();
    let place = view.place();
    let names: Vec<String> = rows.frame.get_column_names().iter().map(ToString::to_string).collect();
    for name in names {
        let Some(time) = view.late_time_of(&name) else { continue };
        let known = instants(column(&rows.frame, time, &place)?, &place)?;
        let visible = known.into_iter().map(|time| Some(time.is_some_and(|time| time < at)));
        let mask: polars::prelude::BooleanChunked = visible.collect();
        let column = column(&rows.frame, &name, &place)?;
        let nulls = Column::full_null(
            name.as_str().into(),
            frame.height(),
            &polars_type(view.type_of(&name).unwrap_or(ColumnType::F64)),
        );
        let shown = column.zip_with(&mask, &nulls).map_err(Error::polars(format!("hiding column `{name}`")))?;
        frame.with_column(shown).map_err(Error::polars(format!("hiding column `{name}`")))?;
    }
    Ok(frame)
}
