//! Reads of backfills: how far they are, and what a range would come to.

use std::collections::BTreeMap;

use daybreak_core::RunStatus;
use daybreak_protocol::{BackfillList, BackfillState, BackfillView, BackfillsQuery, Reprocess};
use daybreak_spec::{Name, Timestamp};
use serde_json::{Map, Value as Json};

use crate::audit::AFTER_ALL;
use crate::database::{Row, query};
use crate::load::{count, instant, map, name, run_status};
use crate::{Error, Store};

/// A backfill that goes on, as the server's turn needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct GoingOn {
    /// ULID.
    pub id: String,
    /// The DAG.
    pub dag: Name,
    /// Its first instant.
    pub from: Timestamp,
    /// The instant before which it ends.
    pub to: Timestamp,
    /// Which windows are run.
    pub reprocess: Reprocess,
    /// The newest window first.
    pub backwards: bool,
    /// Runs at once.
    pub parallel: u32,
    /// Added to the priority of every task.
    pub priority: i32,
    /// Values that its runs are given.
    pub params: Map<String, Json>,
    /// The last window that was dealt with.
    pub cursor: Timestamp,
    /// Its runs that go on.
    pub active: u32,
}

const COLUMNS: &str = "SELECT backfill_id, dag, state, from_us, to_us, reprocess, backwards, parallel, priority, windows, passed, \
     busy_us, resumed_at_us, created_at_us, ended_at_us, created_by, note FROM backfill WHERE backfill_id = $1";

impl Store {
    /// Backfills that go on, oldest first.
    pub async fn backfills_going_on(&self, project: &Name) -> Result<Vec<GoingOn>, Error> {
        let rows = query(
            "SELECT backfill_id, dag, from_us, to_us, reprocess, backwards, parallel, priority, params, cursor_us, \
             (SELECT COUNT(*) FROM run WHERE run.backfill_id = backfill.backfill_id \
             AND run.state IN ('queued', 'running')) AS active \
             FROM backfill WHERE state = 'running' AND project = $1 ORDER BY backfill_id",
        )
        .bind(project.as_str())
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(going_on).collect()
    }

    /// One backfill.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn backfill(&self, id: &str) -> Result<BackfillView, Error> {
        let row = query(COLUMNS).bind(id).fetch_optional(&self.readers).await?;
        let row = row.ok_or_else(|| Error::NotFound(format!("no backfill has the id `{id}`")))?;
        self.backfill_view(&row).await
    }

    /// Backfills of a project, newest first.
    pub async fn backfills(&self, project: &Name, wanted: &BackfillsQuery) -> Result<BackfillList, Error> {
        let limit = wanted.effective_limit();
        let ids: Vec<String> = query(
            "SELECT backfill_id FROM backfill WHERE project = $1 AND backfill_id < $2 ORDER BY backfill_id DESC LIMIT $3",
        )
        .bind(project.as_str())
        .bind(wanted.before.as_deref().unwrap_or(AFTER_ALL))
        .bind(i64::from(limit) + 1)
        .fetch_values(&self.readers)
        .await?;
        let mut backfills = Vec::new();
        for id in ids.iter().take(limit as usize) {
            backfills.push(self.backfill(id).await?);
        }
        let next = (ids.len() > backfills.len()).then(|| backfills.last().map(|last| last.id.clone())).flatten();
        Ok(BackfillList { backfills, next })
    }

    async fn backfill_view(&self, row: &Row) -> Result<BackfillView, Error> {
        let id: String = row.try_get("backfill_id")?;
        let counts = query("SELECT state, COUNT(*) AS runs FROM run WHERE backfill_id = $1 GROUP BY state")
            .bind(&id)
            .fetch_all(&self.readers)
            .await?;
        let mut runs: BTreeMap<RunStatus, u64> = BTreeMap::new();
        for row in &counts {
            runs.insert(run_status(row.try_get("state")?)?, count(row, "runs")?);
        }
        let of = |wanted: &[RunStatus]| wanted.iter().filter_map(|status| runs.get(status)).sum::<u64>();
        let going_on = of(&[RunStatus::Queued, RunStatus::Running]);
        let ended = of(&[RunStatus::Succeeded, RunStatus::Failed, RunStatus::Cancelled]);
        let (windows, passed): (u64, u64) = (count(row, "windows")?, count(row, "passed")?);
        let state = state(row)?;
        let mut busy_us: i64 = row.try_get("busy_us")?;
        if state == BackfillState::Running {
            busy_us += (self.now().micros - row.try_get::<i64>("resumed_at_us")?).max(0);
        }
        #[expect(clippy::cast_precision_loss, reason = "lengths of time and counts for people")]
        let (busy_s, rate) = (busy_us as f64 / 1e6, |left: u64| left as f64 / ended as f64 * busy_us as f64 / 1e6);
        let left = windows.saturating_sub(passed) + going_on;
        Ok(BackfillView {
            id,
            dag: name(row.try_get("dag")?)?,
            state,
            from: Timestamp::from_micros(row.try_get("from_us")?),
            to: Timestamp::from_micros(row.try_get("to_us")?),
            reprocess: reprocess(row)?,
            backwards: row.try_get::<i64>("backwards")? != 0,
            parallel: count(row, "parallel")?,
            priority: priority(row)?,
            windows,
            done: passed.saturating_sub(going_on),
            succeeded: of(&[RunStatus::Succeeded]),
            failed: of(&[RunStatus::Failed]),
            cancelled: of(&[RunStatus::Cancelled]),
            going_on,
            busy_s,
            left_s: (!state.has_ended() && ended > 0 && left > 0).then(|| rate(left)),
            created_at: Timestamp::from_micros(row.try_get("created_at_us")?),
            ended_at: instant(row, "ended_at_us")?,
            by: row.try_get("created_by")?,
            note: row.try_get("note")?,
        })
    }

    /// How the newest run of each nominal instant of a DAG stands, from one instant up to another.
    pub async fn newest_of_windows(
        &self,
        (project, dag): (&Name, &Name),
        (from, to): (Timestamp, Timestamp),
    ) -> Result<BTreeMap<Timestamp, RunStatus>, Error> {
        let rows = query(
            "SELECT scheduled_for_us AS at_us, run_id, state FROM run WHERE project = $1 AND dag = $2 \
             AND scheduled_for_us >= $3 AND scheduled_for_us < $4 \
             UNION ALL SELECT nominal_us AS at_us, run_id, state FROM run WHERE project = $1 AND dag = $2 \
             AND nominal_us >= $3 AND nominal_us < $4 AND nominal_us IS NOT NULL ORDER BY run_id",
        )
        .bind(project.as_str())
        .bind(dag.as_str())
        .bind(from.micros)
        .bind(to.micros)
        .fetch_all(&self.readers)
        .await?;
        let mut newest = BTreeMap::new();
        for row in rows {
            newest.insert(Timestamp::from_micros(row.try_get("at_us")?), run_status(row.try_get("state")?)?);
        }
        Ok(newest)
    }
}

fn going_on(row: &Row) -> Result<GoingOn, Error> {
    Ok(GoingOn {
        id: row.try_get("backfill_id")?,
        dag: name(row.try_get("dag")?)?,
        from: Timestamp::from_micros(row.try_get("from_us")?),
        to: Timestamp::from_micros(row.try_get("to_us")?),
        reprocess: reprocess(row)?,
        backwards: row.try_get::<i64>("backwards")? != 0,
        parallel: count(row, "parallel")?,
        priority: priority(row)?,
        params: map("parameters", row.try_get("params")?)?,
        cursor: Timestamp::from_micros(row.try_get("cursor_us")?),
        active: count(row, "active")?,
    })
}

fn state(row: &Row) -> Result<BackfillState, Error> {
    let word: &str = row.try_get("state")?;
    BackfillState::parse(word).ok_or_else(|| Error::corrupt("state of a backfill")(format!("`{word}` is none")))
}

fn reprocess(row: &Row) -> Result<Reprocess, Error> {
    let word: &str = row.try_get("reprocess")?;
    Reprocess::parse(word).ok_or_else(|| Error::corrupt("policy of a backfill")(format!("`{word}` is none")))
}

fn priority(row: &Row) -> Result<i32, Error> {
    let number: i64 = row.try_get("priority")?;
    i32::try_from(number).map_err(|_| Error::corrupt("priority")(number.to_string()))
}
