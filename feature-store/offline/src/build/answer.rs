//! The builds of `sql` views: the query at every instant, its answer checked (one row per key, no null key) and sorted.
//! How the query is run is in `query`.

use daybreak_spec::{ColumnType, Name, Timestamp};
use polars::prelude::{Column, DataFrame};

use crate::Error;
use crate::build::frame::BuildFrame;
use crate::build::pass::{Pass, window};
use crate::build::{ViewBuild, query};
use crate::columns::FrameColumn;
use crate::keys::KeyTable;
use crate::reading::column;

impl Pass<'_> {
    pub(super) fn query(&self, query: &str, names: &[Name]) -> Result<Vec<ViewBuild>, Error> {
        let mut builds = Vec::with_capacity(self.plan.instants.len());
        let mut same: Option<(DataFrame, Vec<u64>)> = None;
        let changes = names.iter().map(|name| Ok(self.source(name)?.0.source)).collect::<Result<Vec<_>, Error>>()?;
        let changes = changes.iter().any(|source| source.event_time.is_some() || source.known_at.is_some());
        for &at in &self.plan.instants {
            let (answer, counts) = match &same {
                Some((answer, counts)) if !changes => (answer.clone(), counts.clone()),
                _ => {
                    let (mut frames, mut counts) = (Vec::new(), Vec::new());
                    for name in names {
                        let (view, rows) = self.source(name)?;
                        let frame = query::cut_off(&view, rows, at)?;
                        counts.push(frame.height() as u64);
                        frames.push((name.to_string(), frame));
                    }
                    let answer = query::run(self.plan.name.as_str(), query, frames)?;
                    same = Some((answer.clone(), counts.clone()));
                    (answer, counts)
                }
            };
            let frame = self.answer(&answer, at)?;
            let windows = names.iter().zip(counts).map(|(name, rows)| window(name, None, at, rows)).collect();
            builds.push(self.finish(frame, windows)?);
        }
        Ok(builds)
    }

    /// The rows of a query's answer that have a key, sorted by it, each key once.
    fn answer(&self, answer: &DataFrame, at: i64) -> Result<BuildFrame, Error> {
        let place = format!("the query of view `{}`", self.plan.name);
        let read = |(name, declared): &(String, ColumnType)| {
            let column = column(answer, name, &place)?;
            Ok((column.clone(), FrameColumn::from_polars(column, *declared, &place)?))
        };
        let keys = self.plan.schema.keys.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        let features = self.plan.schema.features.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
        let columns: Vec<Column> = keys.iter().map(|(column, _)| column.clone()).collect();
        let mut table = KeyTable::new(columns.len());
        let ids = table.intern(&columns, answer.height(), &place)?;
        let ranks = table.ranks();
        let mut order: Vec<Option<u32>> = vec![None; table.len()];
        for (row, id) in ids.iter().enumerate() {
            let Some(id) = id else { continue };
            if order[ranks[*id as usize] as usize].replace(row as u32).is_some() {
                return Err(self.duplicate(&keys, row, at));
            }
        }
        let order: Vec<u32> = order.into_iter().flatten().collect();
        let pick = |(_, column): (Column, FrameColumn)| column.picked(&order);
        let columns = (keys.into_iter().map(pick).collect(), features.into_iter().map(pick).collect());
        Ok(self.frame(at, columns, order.len(), None))
    }

    fn duplicate(&self, keys: &[(Column, FrameColumn)], row: usize, at: i64) -> Error {
        let shown = keys.iter().map(|(_, column)| format!("{} = {}", column.name, column.shown(row)));
        let key = shown.collect::<Vec<_>>().join(", ");
        let key = if key.is_empty() { "of nobody (a view without an entity has one row)".to_owned() } else { key };
        Error::DuplicateKey { view: self.plan.name.to_string(), as_of: Timestamp::from_micros(at), key }
    }
}
