//! What the open transaction still has to write: rows of runs and tasks gather here and are sent many to a statement,
//! before anything that might read them ([`Tx::direct`]) and at the latest before the commit. A row that changes several
//! times in one transaction is written as often, in order, so that the state machine's table holds for every write; but a
//! task that becomes ready and is handed out in the same transaction is written once. To add a
//! table: a list here, its statement in `write_pending`.

use std::borrow::Cow;
use std::collections::HashMap;

use daybreak_core::TaskStatus;
use daybreak_failpoints::crossing;

use crate::audit::INSERT_ENTRY;
use crate::database::{Connection, Value, Values, execute_rows};
use crate::outbox::ANNOUNCE;
use crate::tx::Tx;
use crate::{Effect, Error};

const INSERT_RUN: &str = "INSERT INTO run (run_id, project, dag, version, state, scheduled_for_us, window_start_us, \
     window_end_us, params, created_at_us, max_active, deadline_us) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

const INSERT_TASK: &str = "INSERT INTO task_run (task_run_id, project, run_id, task, kind, heavy, gated, parents, retry, \
     timeout_us, state, trigger_rule, tolerated, priority, rank_us, limits, queue_timeout_us, total_timeout_us, for_each, \
     cache, item_of, item, takes, placement) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)";

const CHANGE_RUN: &str = "UPDATE run SET state = v.column3, reason = v.column4, \
     cancel_requested = CASE WHEN v.column3 = 'queued' THEN NULL ELSE COALESCE(v.column5, run.cancel_requested) END, \
     started_at_us = COALESCE(run.started_at_us, v.column6), ended_at_us = v.column7, \
     deadline_at_us = CASE WHEN v.column3 = 'queued' THEN NULL \
     WHEN v.column2 = 'queued' THEN v.column6 + run.deadline_us ELSE run.deadline_at_us END, \
     overdue = CASE WHEN v.column3 = 'queued' THEN 0 WHEN v.column8 = 1 THEN 1 ELSE run.overdue END \
     FROM (VALUES (CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), \
     CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT))) AS v WHERE run.run_id = v.column1 AND run.state = v.column2";

const CHANGE_TASK: &str = "UPDATE task_run SET state = v.column4, attempt = v.column5, lost = v.column6, fence = v.column7, \
     reported_fence = v.column8, cancel_requested = v.column9, worker_id = v.column10, worker_epoch = v.column11, \
     deadline_us = v.column12, run_after_us = v.column13, cause = v.column14, reason = v.column15, \
     upstream = v.column16, outputs = v.column17, \
     first_ready_at_us = CASE WHEN v.column4 = 'waiting' THEN NULL \
     ELSE COALESCE(task_run.first_ready_at_us, v.column18) END, \
     ready_at_us = CASE WHEN v.column4 = 'waiting' THEN NULL ELSE COALESCE(v.column18, task_run.ready_at_us) END, \
     started_at_us = CASE WHEN v.column4 = 'waiting' THEN NULL ELSE COALESCE(v.column19, task_run.started_at_us) END, \
     ended_at_us = CASE WHEN v.column4 = 'waiting' THEN NULL ELSE COALESCE(v.column20, task_run.ended_at_us) END, \
     cancel_at_us = CASE WHEN v.column9 = 0 THEN NULL ELSE COALESCE(task_run.cancel_at_us, v.column21) END, \
     blocked_on = NULL, generation = v.column22, deferral = v.column23, wake_at_us = v.column24, \
     busy_us = COALESCE(v.column25, task_run.busy_us), start_us = COALESCE(v.column26, task_run.start_us), \
     waiting_since_us = v.column27 \
     FROM (VALUES (CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS BIGINT), \
     CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT), CAST($9 AS BIGINT), CAST($10 AS TEXT), \
     CAST($11 AS BIGINT), CAST($12 AS BIGINT), CAST($13 AS BIGINT), CAST($14 AS TEXT), CAST($15 AS TEXT), \
     CAST($16 AS TEXT), CAST($17 AS TEXT), CAST($18 AS BIGINT), CAST($19 AS BIGINT), CAST($20 AS BIGINT), \
     CAST($21 AS BIGINT), CAST($22 AS BIGINT), CAST($23 AS TEXT), CAST($24 AS BIGINT), CAST($25 AS BIGINT), \
     CAST($26 AS BIGINT), CAST($27 AS BIGINT))) AS v \
     WHERE task_run.task_run_id = v.column1 AND task_run.state = v.column2 AND task_run.fence = v.column3";

/// Places in a row of [`CHANGE_TASK`].
const STATE_BEFORE: usize = 1;
const FENCE_BEFORE: usize = 2;
const READY_AT: usize = 17;

const WAITING: Value<'_> = Value::Text(Some(Cow::Borrowed(TaskStatus::Waiting.as_str())));

/// Rows that are still to be written.
#[derive(Default)]
pub(crate) struct Pending {
    new_runs: Vec<Values>,
    new_tasks: Vec<Values>,
    runs: Waves,
    tasks: Waves,
    news: Vec<Values>,
    entries: Vec<Values>,
}

/// Changes of rows: the first of each row, then the second of each, and so on.
#[derive(Default)]
struct Waves {
    waves: Vec<Vec<Values>>,
    /// By row: how many changes it has, and the place of the last one in its wave.
    changes: HashMap<String, (usize, usize)>,
}

impl Waves {
    fn push(&mut self, id: &str, row: Values) {
        let (changes, last) = self.changes.entry(id.to_owned()).or_default();
        if *changes == self.waves.len() {
            self.waves.push(Vec::new());
        }
        *last = self.waves[*changes].len();
        self.waves[*changes].push(row);
        *changes += 1;
    }

    fn last(&mut self, id: &str) -> Option<&mut Values> {
        let (changes, last) = self.changes.get(id)?;
        self.waves[changes - 1].get_mut(*last)
    }
}

impl Tx {
    /// The connection, for a statement that may read anything: what is pending is written first.
    pub(crate) async fn direct(&mut self) -> Result<&mut Connection, Error> {
        self.flush().await?;
        Ok(&mut self.connection)
    }

    /// A run that nothing can keep from being made.
    pub(crate) fn insert_run(&mut self, row: Values) {
        self.pending().new_runs.push(row);
    }

    pub(crate) fn insert_task(&mut self, row: Values) {
        self.pending().new_tasks.push(row);
    }

    /// A run's row, compare-and-set on its state. `row`: as in the statement.
    pub(crate) fn change_run(&mut self, run_id: &str, row: Values) {
        self.pending().runs.push(run_id, row);
    }

    /// A task's row, compare-and-set on its state and fence. `row`: as in the statement.
    pub(crate) fn change_task(&mut self, task_run_id: &str, row: Values) {
        self.pending().tasks.push(task_run_id, row);
    }

    /// A ready task's row as it is when it has been handed out. One that became ready a moment ago is written once.
    pub(crate) fn hand_out_task(&mut self, task_run_id: &str, mut row: Values) {
        let tasks = &mut self.pending().tasks;
        match tasks.last(task_run_id) {
            Some(earlier) if earlier[STATE_BEFORE] == WAITING => {
                for kept in [STATE_BEFORE, FENCE_BEFORE, READY_AT] {
                    row[kept] = earlier[kept].clone();
                }
                *earlier = row;
            }
            _ => tasks.push(task_run_id, row),
        }
    }

    /// Something that happened, for those who listen. `row`: as in the statement.
    pub(crate) fn announce(&mut self, row: Values) {
        self.pending().news.push(row);
    }

    /// Something that somebody did. `row`: as in the statement.
    pub(crate) fn note_entry(&mut self, row: Values) {
        self.pending().entries.push(row);
    }

    fn pending(&mut self) -> &mut Pending {
        self.connection.written = true;
        &mut self.pending
    }

    /// Writes what is pending.
    ///
    /// # Errors
    /// [`Error::Conflict`] where a row was not as it had been read; on a shared database [`Error::Contended`]: the
    /// transaction is to be run again with what stands there now.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.write_pending().await;
        self.spoilt |= flushed.is_err();
        flushed
    }

    async fn write_pending(&mut self) -> Result<(), Error> {
        let Pending { new_runs, new_tasks, runs, tasks, news, entries } = std::mem::take(&mut self.pending);
        execute_rows(INSERT_RUN, new_runs, &mut self.connection).await?;
        execute_rows(INSERT_TASK, new_tasks, &mut self.connection).await?;
        for wave in runs.waves {
            self.change(CHANGE_RUN, wave, "a run").await?;
        }
        for wave in tasks.waves {
            self.change(CHANGE_TASK, wave, "a task").await?;
        }
        if execute_rows(ANNOUNCE, news, &mut self.connection).await? > 0 {
            self.effects.list.push(Effect::Announced);
        }
        if !entries.is_empty() {
            crossing!("cp25.before");
            execute_rows(INSERT_ENTRY, entries, &mut self.connection).await?;
            crossing!("cp25.after");
        }
        Ok(())
    }

    async fn change(&mut self, text: &'static str, rows: Vec<Values>, what: &str) -> Result<(), Error> {
        let wanted = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let changed = execute_rows(text, rows, &mut self.connection).await?;
        if changed == wanted {
            return Ok(());
        }
        Err(if self.is_shared() { self.contended() } else { Error::Conflict { what: what.to_owned() } })
    }
}
