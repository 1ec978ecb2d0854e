//! Runs of a DAG beside each other, with the states and the times of their tasks. One statement for a page: the tasks of a
//! run come as one text, for fifty thousand rows would take longer than all the rest.

use std::collections::HashMap;

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

/// Most tasks of runs in one page: of a DAG of very many tasks a page has fewer runs.
const MOST_CELLS: usize = 100_000;

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
        let (rows, next) = self.page(STATES, (project, dag), (order.len(), wanted)).await?;
        let columns = Columns::of(&rows, order, |state| Ok(Grid::letter(task_status(state)?)))?;
        let (tasks, states) = columns.placed(order.len(), &Grid::NO_TASK)?;
        let runs = rows.iter().zip(states).map(|(row, states)| {
            let scheduled_for = instant(row, "scheduled_for_us")?;
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
        Ok(Grid { runs: runs.collect::<Result<_, Error>>()?, next, tasks })
    }

    /// The same with how long the tasks took.
    pub async fn durations(
        &self,
        (project, dag): (&Name, &Name),
        order: &[Name],
        wanted: &GridQuery,
    ) -> Result<Durations, Error> {
        let (rows, next) = self.page(TIMES, (project, dag), (order.len(), wanted)).await?;
        let (tasks, times) = Columns::of(&rows, order, times)?.placed(order.len(), &(None, None))?;
        let runs = rows.iter().zip(times).map(|(row, times)| {
            let (queued_us, running_us) = times.into_iter().unzip();
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
        Ok(Durations { runs: runs.collect::<Result<_, Error>>()?, next, tasks })
    }

    async fn page(
        &self,
        statement: &'static str,
        (project, dag): (&Name, &Name),
        (tasks, wanted): (usize, &GridQuery),
    ) -> Result<(Vec<Row>, Option<String>), Error> {
        let most_runs = u32::try_from(MOST_CELLS / tasks.max(1)).unwrap_or(u32::MAX).max(1);
        let limit = wanted.effective_limit().min(most_runs);
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

/// A page whose columns are found while it is read.
struct Columns<'a, T> {
    names: Vec<&'a str>,
    places: HashMap<&'a str, usize>,
    /// Where the tasks of the run before stood: those of the next one mostly come in the same order.
    before: Vec<usize>,
    /// What is told of each run's tasks.
    runs: Vec<Vec<(usize, T)>>,
}

impl<'a, T: Clone> Columns<'a, T> {
    /// Reads what is told of the tasks of a page's runs.
    fn of(rows: &'a [Row], order: &'a [Name], read: impl Fn(&str) -> Result<T, Error>) -> Result<Self, Error> {
        let names: Vec<&str> = order.iter().map(Name::as_str).collect();
        let places = names.iter().enumerate().map(|(place, name)| (*name, place)).collect();
        let mut columns = Self { names, places, before: Vec::new(), runs: Vec::with_capacity(rows.len()) };
        for row in rows {
            let mut run = Vec::with_capacity(columns.before.len());
            for (number, (task, told)) in tasks(row)?.enumerate() {
                run.push((columns.place(number, task), read(told)?));
            }
            columns.runs.push(run);
        }
        Ok(columns)
    }

    fn place(&mut self, number: usize, task: &'a str) -> usize {
        if let Some(place) = self.before.get(number).filter(|place| self.names[**place] == task) {
            return *place;
        }
        let place = *self.places.entry(task).or_insert(self.names.len());
        if place == self.names.len() {
            self.names.push(task);
        }
        match self.before.get_mut(number) {
            Some(before) => *before = place,
            None => self.before.push(place),
        }
        place
    }

    /// The columns, first the `known` ones, then the others by name; and for each run what is told of its tasks, in their
    /// order.
    fn placed(self, known: usize, without: &T) -> Result<(Vec<Name>, Vec<Vec<T>>), Error> {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        order[known..].sort_by_key(|place| self.names[*place]);
        let mut columns = vec![0; order.len()];
        order.iter().enumerate().for_each(|(column, place)| columns[*place] = column);
        let placed = self.runs.into_iter().map(|run| {
            let mut placed = vec![without.clone(); columns.len()];
            run.into_iter().for_each(|(place, told)| placed[columns[place]] = told);
            placed
        });
        let placed = placed.collect();
        let names = order.iter().map(|place| name(self.names[*place])).collect::<Result<_, _>>()?;
        Ok((names, placed))
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
