//! Runs of a DAG beside each other, with the states and the times of their tasks. One statement for a page: the tasks of a
//! run come as one text, for fifty thousand rows would take longer than all the rest.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_protocol::{Durations, Grid, GridQuery, GridRun, RunDurations};
use daybreak_spec::{Name, Timestamp};

use super::cut;
use super::runs::trigger;
use crate::audit::AFTER_ALL;
use crate::database::{Row, query};
use crate::load::{instant, name, run_status, task_status};
use crate::{Error, Store};

const STATES: &str = "SELECT run_id, state, COALESCE(scheduled_for_us, nominal_us) AS scheduled_for_us, backfill_id, made_by, \
     window_end_us, created_at_us, started_at_us, ended_at_us, \
     (SELECT string_agg(task_run.task || ' ' || task_run.state, ',') FROM task_run \
     WHERE task_run.run_id = run.run_id AND task_run.item IS NULL) AS tasks \
     FROM run WHERE project = $1 AND dag = $2 AND run_id < $3 ORDER BY run_id DESC LIMIT $4";

const TIMES: &str = "SELECT run_id, state, window_end_us, created_at_us, started_at_us, ended_at_us, \
     (SELECT string_agg(task_run.task || ' ' || task_run.state || ' ' \
     || COALESCE(CAST(task_run.ready_at_us AS TEXT), '') || ' ' \
     || COALESCE(CAST(task_run.started_at_us AS TEXT), '') || ' ' \
     || COALESCE(CAST(task_run.ended_at_us AS TEXT), ''), ',') FROM task_run \
     WHERE task_run.run_id = run.run_id AND task_run.item IS NULL) AS tasks \
     FROM run WHERE project = $1 AND dag = $2 AND run_id < $3 ORDER BY run_id DESC LIMIT $4";

/// What stands between two tasks.
const BETWEEN_TASKS: char = ',';

impl Store {
    /// Runs of a DAG, newest first, with the states of their tasks. `order`: the columns that are there in any case.
    pub async fn grid(
        &self,
        (project, dag): (&Name, &Name),
        order: &[Name],
        wanted: &GridQuery,
    ) -> Result<Grid, Error> {
        let (rows, next) = self.page(STATES, (project, dag), wanted).await?;
        let columns = Columns::of(&rows, order)?;
        let runs = rows.iter().map(|row| {
            let scheduled_for = instant(row, "scheduled_for_us")?;
            let states = columns.place(row, Grid::NO_TASK, |told| Ok(Grid::letter(task_status(told)?)))?;
            Ok(GridRun {
                id: row.try_get("run_id")?,
                state: run_status(row.try_get("state")?)?,
                trigger: trigger(row, scheduled_for)?,
                scheduled_for,
                window_end: Timestamp::from_micros(row.try_get("window_end_us")?),
                created_at: Timestamp::from_micros(row.try_get("created_at_us")?),
                started_at: instant(row, "started_at_us")?,
                ended_at: instant(row, "ended_at_us")?,
                states: states.into_iter().collect(),
            })
        });
        Ok(Grid { runs: runs.collect::<Result<_, Error>>()?, next, tasks: columns.names })
    }

    /// The same with how long the tasks took.
    pub async fn durations(
        &self,
        (project, dag): (&Name, &Name),
        order: &[Name],
        wanted: &GridQuery,
    ) -> Result<Durations, Error> {
        let (rows, next) = self.page(TIMES, (project, dag), wanted).await?;
        let columns = Columns::of(&rows, order)?;
        let runs = rows.iter().map(|row| {
            let (queued_us, running_us) = columns.place(row, (None, None), times)?.into_iter().unzip();
            Ok(RunDurations {
                id: row.try_get("run_id")?,
                state: run_status(row.try_get("state")?)?,
                window_end: Timestamp::from_micros(row.try_get("window_end_us")?),
                created_at: Timestamp::from_micros(row.try_get("created_at_us")?),
                started_at: instant(row, "started_at_us")?,
                ended_at: instant(row, "ended_at_us")?,
                queued_us,
                running_us,
            })
        });
        Ok(Durations { runs: runs.collect::<Result<_, Error>>()?, next, tasks: columns.names })
    }

    async fn page(
        &self,
        statement: &'static str,
        (project, dag): (&Name, &Name),
        wanted: &GridQuery,
    ) -> Result<(Vec<Row>, Option<String>), Error> {
        let limit = wanted.effective_limit();
        let rows = query(statement)
            .bind(project.as_str())
            .bind(dag.as_str())
            .bind(wanted.before.as_deref().unwrap_or(AFTER_ALL))
            .bind(i64::from(limit) + 1)
            .fetch_all(&self.readers)
            .await?;
        let (rows, next) = cut(rows, limit, |row| row.try_get("run_id"));
        Ok((rows, next.transpose()?))
    }
}

/// The columns of a page.
struct Columns {
    names: Vec<Name>,
    places: BTreeMap<Name, usize>,
}

impl Columns {
    /// Those of `order`, then those that only these runs have, by name.
    fn of(rows: &[Row], order: &[Name]) -> Result<Self, Error> {
        let known: BTreeSet<&str> = order.iter().map(Name::as_str).collect();
        let mut others = BTreeSet::new();
        for row in rows {
            others.extend(tasks(row)?.map(|(task, _)| task).filter(|task| !known.contains(task)));
        }
        let mut names = order.to_vec();
        for other in others {
            names.push(name(other)?);
        }
        let places = names.iter().enumerate().map(|(place, name)| (name.clone(), place)).collect();
        Ok(Self { names, places })
    }

    /// What is told of a run's tasks, each in its column.
    fn place<T: Clone>(&self, row: &Row, without: T, read: impl Fn(&str) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let mut placed = vec![without; self.names.len()];
        for (task, told) in tasks(row)? {
            if let Some(place) = self.places.get(task) {
                placed[*place] = read(told)?;
            }
        }
        Ok(placed)
    }
}

/// The tasks of a run and what is told of each.
fn tasks(row: &Row) -> Result<impl Iterator<Item = (&str, &str)>, Error> {
    let text: Option<&str> = row.try_get("tasks")?;
    Ok(text.unwrap_or_default().split(BETWEEN_TASKS).filter_map(|task| task.split_once(' ')))
}

/// How long a task was ready and how long it ran, microseconds. A time that is older than one that has to come before it is
/// that of an earlier attempt.
fn times(told: &str) -> Result<(Option<u64>, Option<u64>), Error> {
    let mut parts = told.split(' ');
    let state = task_status(parts.next().unwrap_or_default())?;
    let mut next = || parts.next().and_then(|part| part.parse::<i64>().ok());
    let (ready, started, ended) = (next(), next(), next());
    let between = |from: Option<i64>, to: Option<i64>| u64::try_from(to?.checked_sub(from?)?).ok();
    let queued = between(ready, started);
    Ok((queued, between(started, ended).filter(|_| queued.is_some() && state.is_terminal())))
}
