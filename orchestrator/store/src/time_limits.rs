//! Limits in real time beside an attempt's own, as the sweep looks them up: tasks that no worker took in time, tasks that have taken too
//! long in all, runs that have not ended by their deadline. Each look-up is by the index of what is limited and goes on, so
//! that what is not limited costs nothing. To add a limit: a look-up and its event here, a call in `due.rs`.

use daybreak_core::{Event, Failure, QueueEnd};
use daybreak_spec::Name;

use crate::Error;
use crate::database::{Pool, Row, query};
use crate::due::{DueEvent, MAX_ROWS, in_one_order};
use crate::load::name;

/// Tasks that nobody took in time.
pub(crate) async fn untaken(readers: &Pool, now_us: i64) -> Result<Vec<DueEvent>, Error> {
    let rows = query(
        "SELECT run_id, task, fence, queue_timeout_us AS limit_us, blocked_on FROM task_run WHERE state = 'ready' \
         AND queue_timeout_us IS NOT NULL AND ready_at_us + queue_timeout_us <= $1 \
         ORDER BY ready_at_us + queue_timeout_us LIMIT $2",
    )
    .bind(now_us)
    .bind(MAX_ROWS)
    .fetch_all(readers)
    .await?;
    late(&rows, |late| {
        let within = format!("within its `queue_timeout` of {}", shown(late.limit_us));
        let reason = match &late.blocked_on {
            Some(counter) => {
                format!(
                    "limit `{counter}` had no room for it {within}: give the limit more slots, or let it wait longer"
                )
            }
            None => {
                format!("no worker took it {within}: run more workers or give them more slots, or let it wait longer")
            }
        };
        let end = QueueEnd::Failed(Failure { cause: "queue_timeout".to_owned(), reason });
        Event::QueueTimedOut { task: late.task, fence: late.fence, end }
    })
}

/// Tasks that have taken too long since they first were ready, whatever they do now.
pub(crate) async fn too_long(readers: &Pool, now_us: i64) -> Result<Vec<DueEvent>, Error> {
    let rows = query(
        "SELECT run_id, task, fence, total_timeout_us AS limit_us, state, attempt, reason, blocked_on FROM task_run \
         WHERE state IN ('ready', 'running', 'deferred', 'retry_wait') AND total_timeout_us IS NOT NULL \
         AND first_ready_at_us + total_timeout_us <= $1 AND cancel_requested = 0 \
         ORDER BY first_ready_at_us + total_timeout_us LIMIT $2",
    )
    .bind(now_us)
    .bind(MAX_ROWS)
    .fetch_all(readers)
    .await?;
    late(&rows, |late| {
        let stood = late.stood.unwrap_or_default();
        let reason = format!("it took longer in all than its `total_timeout` of {}; {stood}", shown(late.limit_us));
        let failure = Failure { cause: "total_timeout".to_owned(), reason };
        Event::TotalTimedOut { task: late.task, fence: late.fence, failure }
    })
}

/// Runs that have not ended by their deadline.
pub(crate) async fn overdue(readers: &Pool, now_us: i64) -> Result<Vec<DueEvent>, Error> {
    let rows = query(
        "SELECT run_id, deadline_us FROM run WHERE state IN ('queued', 'running') AND state = 'running' \
         AND deadline_at_us IS NOT NULL AND cancel_requested IS NULL AND deadline_at_us <= $1 \
         ORDER BY deadline_at_us LIMIT $2",
    )
    .bind(now_us)
    .bind(MAX_ROWS)
    .fetch_all(readers)
    .await?;
    let mut overdue = Vec::with_capacity(rows.len());
    for row in &rows {
        let reason = format!(
            "it had not ended {} after its start, which is the `deadline` of its DAG",
            shown(row.try_get("deadline_us")?)
        );
        overdue.push(DueEvent { run_id: row.try_get("run_id")?, at: None, event: Event::Overdue { reason } });
    }
    in_one_order(&mut overdue);
    Ok(overdue)
}

/// A task beyond a limit.
struct Late {
    task: Name,
    fence: i64,
    limit_us: i64,
    /// The counter of a limit that had no room for it: `gpu`, `customer:ana`.
    blocked_on: Option<String>,
    /// What it was doing, where that was asked for.
    stood: Option<String>,
}

fn late(rows: &[Row], event: impl Fn(Late) -> Event) -> Result<Vec<DueEvent>, Error> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (task, fence) = (name(row.try_get("task")?)?, row.try_get("fence")?);
        let late = Late {
            task: task.clone(),
            fence,
            limit_us: row.try_get("limit_us")?,
            blocked_on: row.try_get("blocked_on")?,
            stood: stood(row)?,
        };
        found.push(DueEvent { run_id: row.try_get("run_id")?, at: Some((task, fence)), event: event(late) });
    }
    in_one_order(&mut found);
    Ok(found)
}

fn stood(row: &Row) -> Result<Option<String>, Error> {
    let Ok(state) = row.try_get::<&str>("state") else { return Ok(None) };
    let blocked_on: Option<&str> = row.try_get("blocked_on")?;
    Ok(Some(match (state, blocked_on) {
        ("ready", Some(counter)) => format!("limit `{counter}` had no room for it"),
        ("ready", None) => "no worker had taken it yet".to_owned(),
        ("deferred", _) => "it still waited".to_owned(),
        ("retry_wait", _) => {
            let reason: Option<String> = row.try_get("reason")?;
            format!("before its next attempt, after: {}", reason.unwrap_or_default())
        }
        _ => format!("attempt {} was running", row.try_get::<i64>("attempt")?),
    }))
}

/// A length of time in the largest unit that it is a whole number of.
fn shown(length_us: i64) -> String {
    let units = [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)];
    let whole = units.iter().find(|(_, unit)| length_us >= *unit && length_us % unit == 0);
    whole.map_or_else(|| format!("{length_us}us"), |(name, unit)| format!("{}{name}", length_us / unit))
}
