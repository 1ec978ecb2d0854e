//! Fills a state with finished runs of a DAG, as a year of nights would leave them: the columns of rows that the engine
//! itself wrote, under older ids.

use sqlx::{AssertSqlSafe, Connection as _};

use super::database::State;

/// Adds finished runs of a DAG that has run once and whose tasks are `t0`, `t1`, … (at most a hundred), while no server has the
/// state open.
pub async fn finished_runs(state: &State<'_>, dag: &str, runs: u32) {
    let mut connection = state.connect().await;
    let numbers = state.numbers(runs);
    let newest = format!("SELECT run_id FROM run WHERE dag = '{dag}' ORDER BY run_id DESC LIMIT 1");
    // Ids of the year 1970: older than all that the server makes.
    let (run_id, task_run_id) = (state.padded("n", 26), state.padded("n * 100 + task_number.t", 26));
    let runs = format!(
        "WITH {numbers} INSERT INTO run (run_id, project, dag, version, state, window_end_us, params, created_at_us, \
         started_at_us, ended_at_us) SELECT {run_id}, model.project, model.dag, model.version, 'succeeded', n, '{{}}', n, \
         n, n FROM numbers, (SELECT * FROM run WHERE dag = '{dag}' ORDER BY run_id DESC LIMIT 1) AS model"
    );
    let tasks = format!(
        "WITH {numbers}, task_number (t, name) AS (SELECT CAST(substr(task, 2) AS BIGINT), task FROM task_run \
         WHERE run_id = ({newest})) \
         INSERT INTO task_run (task_run_id, project, run_id, task, kind, heavy, gated, parents, retry, state, attempt, \
         fence, reported_fence, outputs, ready_at_us, started_at_us, ended_at_us, busy_us, start_us) \
         SELECT {task_run_id}, model.project, {run_id}, task_number.name, model.kind, 0, 0, model.parents, model.retry, \
         'succeeded', 1, 1, 1, '{{}}', n, n, n, 1, 0 FROM numbers, task_number JOIN task_run AS model \
         ON model.task = task_number.name AND model.run_id = ({newest})"
    );
    for statement in [runs, tasks] {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.expect("rows are added");
    }
    connection.close().await.expect("it closes");
    state.tidy().await;
}
