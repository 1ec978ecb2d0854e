//! One view's part of a pass: the states of its source by key, and from them the builds of aggregates and `latest`
//! views at every instant. Reads nothing from disk; `answer` does the same for queries.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybreak_spec::{Name, Timestamp};
use polars::prelude::Column;

use crate::build::aggregates::{Feature, Overflow, Sorted, aggregate};
use crate::build::frame::BuildFrame;
use crate::build::latest::latest;
use crate::build::{Plan, SourceWindow, ViewBuild, Work};
use crate::columns::{FrameColumn, Values};
use crate::keys::KeyTable;
use crate::point_in_time::{AsOf, FeatureRows, Nulls};
use crate::reading::{Rows, SourceView, column};
use crate::schema::SourceSchema;
use crate::states::{States, Wanted, states};
use crate::{Error, Offline};

/// One plan at work on the rows that were read.
pub(super) struct Pass<'a> {
    pub offline: &'a Offline,
    pub plan: &'a Plan<'a>,
    pub schemas: &'a BTreeMap<Name, Arc<SourceSchema>>,
    pub rows: &'a BTreeMap<Name, Rows>,
}

/// The states of the one source of a view, indexed by key.
struct Keyed {
    states: States,
    as_of: AsOf,
    /// Key columns of a source row for each rank.
    keys: Vec<FrameColumn>,
}

impl Pass<'_> {
    pub(super) fn run(&self) -> Result<Vec<ViewBuild>, Error> {
        if self.plan.instants.is_empty() {
            return Ok(Vec::new());
        }
        match &self.plan.work {
            Work::Aggregates { source, trees, features } => {
                let wanted =
                    trees.iter().map(|(tree, column_type)| Wanted { tree, column_type: *column_type }).collect();
                self.aggregates(source, wanted, features)
            }
            Work::Latest { source, trees } => {
                let wanted =
                    trees.iter().map(|(tree, column_type)| Wanted { tree, column_type: *column_type }).collect();
                self.latest(source, wanted)
            }
            Work::Query { query, sources } => self.query(query, sources),
        }
    }

    pub(super) fn source<'b>(&'b self, name: &'b Name) -> Result<(SourceView<'b>, &'b Rows), Error> {
        let missing = || Error::Unknown { kind: "source", name: name.to_string() };
        let schema = self.schemas.get(name).ok_or_else(missing)?;
        Ok((self.offline.source_view(name, schema)?, self.rows.get(name).ok_or_else(missing)?))
    }

    fn keyed(&self, source: &Name, wanted: &[Wanted<'_>]) -> Result<Keyed, Error> {
        let (view, rows) = self.source(source)?;
        let place = view.place();
        let mut columns: Vec<Column> = Vec::with_capacity(self.plan.schema.keys.len());
        for (key, _) in &self.plan.schema.keys {
            columns.push(column(&rows.frame, key, &place)?.clone());
        }
        let mut table = KeyTable::new(columns.len());
        let ids = table.intern(&columns, rows.frame.height(), &place)?;
        let ranks = table.ranks();
        let mut first_row: Vec<u32> = vec![0; table.len()];
        for (row, id) in ids.iter().enumerate().rev() {
            if let Some(id) = id {
                first_row[ranks[*id as usize] as usize] = row as u32;
            }
        }
        let states = states(&view, rows, wanted)?;
        let of = |times: &[i64]| states.row.iter().map(|&row| times[row as usize]).collect::<Vec<_>>();
        let as_of = AsOf::new(FeatureRows {
            keys: states.row.iter().map(|&row| ids[row as usize].map(|id| ranks[id as usize])).collect(),
            events: of(&rows.events),
            known: of(&rows.known),
            sequence: of(&rows.sequence),
        });
        let mut keys = Vec::with_capacity(columns.len());
        for (column, (_, column_type)) in columns.iter().zip(&self.plan.schema.keys) {
            keys.push(FrameColumn::from_rows(column, &first_row, *column_type, &place)?);
        }
        Ok(Keyed { states, as_of, keys })
    }

    fn aggregates(
        &self,
        source: &Name,
        wanted: Vec<Wanted<'_>>,
        features: &[Feature],
    ) -> Result<Vec<ViewBuild>, Error> {
        let keyed = self.keyed(source, &wanted)?;
        let global = self.plan.view.entity.is_none();
        let count = if global { 1 } else { keyed.as_of.keys() as usize };
        let sorted = Sorted::new(&keyed.as_of, &keyed.states, count);
        let outputs = aggregate(&sorted, features, &self.plan.instants, global).map_err(|Overflow(at)| {
            Error::Overflow { view: self.plan.name.to_string(), feature: features[at].name.clone() }
        })?;
        let longest = features.iter().map(|feature| feature.window_us).max();
        let mut builds = Vec::with_capacity(outputs.len());
        for (output, &at) in outputs.into_iter().zip(&self.plan.instants) {
            let columns = self.columns(&keyed, &output.keys, output.features);
            let frame = self.frame(at, columns, output.keys.len(), None);
            builds.push(self.finish(frame, vec![window(source, longest, at, output.source_rows)])?);
        }
        Ok(builds)
    }

    fn latest(&self, source: &Name, wanted: Vec<Wanted<'_>>) -> Result<Vec<ViewBuild>, Error> {
        let keyed = self.keyed(source, &wanted)?;
        let nulls = if self.plan.view.ignore_nulls { Nulls::Skipped } else { Nulls::Answer };
        let ttl = self.plan.view.ttl.as_ref().map(|ttl| ttl.micros);
        let mut builds = Vec::with_capacity(self.plan.instants.len());
        for &at in &self.plan.instants {
            let output = latest(&keyed.as_of, &keyed.states, at, ttl, nulls);
            let events = &keyed.as_of.rows().events;
            let counted = (0..events.len()).filter(|&state| events[state] < at && keyed.states.holds(state, at));
            let rows = counted.count() as u64;
            let columns = self.columns(&keyed, &output.keys, output.features);
            let frame = self.frame(at, columns, output.keys.len(), Some(output.events));
            builds.push(self.finish(frame, vec![window(source, None, at, rows)])?);
        }
        Ok(builds)
    }

    fn columns(&self, keyed: &Keyed, ranks: &[u32], features: Vec<Values>) -> (Vec<FrameColumn>, Vec<FrameColumn>) {
        let named = features.into_iter().zip(&self.plan.schema.features);
        let named = named.map(|(values, (name, column_type))| FrameColumn {
            name: name.clone(),
            column_type: *column_type,
            values,
        });
        (keyed.keys.iter().map(|column| column.picked(ranks)).collect(), named.collect())
    }

    pub(super) fn frame(
        &self,
        at: i64,
        (keys, features): (Vec<FrameColumn>, Vec<FrameColumn>),
        rows: usize,
        event_times_us: Option<Vec<i64>>,
    ) -> BuildFrame {
        BuildFrame { as_of: Timestamp::from_micros(at), keys, features, event_times_us, rows }
    }

    pub(super) fn finish(&self, frame: BuildFrame, windows: Vec<SourceWindow>) -> Result<ViewBuild, Error> {
        Ok(ViewBuild {
            view: self.plan.name.clone(),
            as_of: frame.as_of,
            parquet: frame.to_parquet(self.plan.name.as_str())?,
            rows: frame.rows as u64,
            windows,
            rows_read: self
                .plan
                .needs
                .keys()
                .filter_map(|source| self.rows.get(source))
                .map(|rows| rows.frame.height() as u64)
                .sum(),
        })
    }
}

pub(super) fn window(source: &Name, length_us: Option<i64>, at: i64, rows: u64) -> SourceWindow {
    let from = length_us.map(|length| Timestamp::from_micros(at.saturating_sub(length)));
    SourceWindow { source: source.clone(), from, before: Timestamp::from_micros(at), rows }
}
