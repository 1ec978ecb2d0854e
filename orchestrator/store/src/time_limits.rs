//! Limits in real time beside an attempt's own, for the sweep: tasks that no worker took in time, tasks that have taken too
//! long in all, runs that have not ended by their deadline. Each look-up is by the index of what is limited and goes on, so
//! that what is not limited costs nothing. To add a limit: a look-up and its event here, a call in `sweep.rs`.

use daybreak_core::{Event, Failure, QueueEnd};
use daybreak_spec::Name;

use crate::Error;
use crate::changes::apply;
use crate::database::{Row, query};
use crate::load::name;
use crate::tx::Tx;

/// Rows looked at per limit and turn.
const MAX_ROWS: i64 = 500;

/// Tasks that nobody took in time. How many.
pub(crate) async fn end_untaken(tx: &mut Tx) -> Result<u32, Error> {
    let rows = query(
        "SELECT run_id, task, fence, queue_timeout_us AS limit_us, blocked_on FROM task_run WHERE state = 'ready' \
         AND queue_timeout_us IS NOT NULL AND ready_at_us + queue_timeout_us <= $1 \
         ORDER BY ready_at_us + queue_timeout_us LIMIT $2",
    )
    .bind(tx.now().micros)
    .bind(MAX_ROWS)
    .fetch_all(tx.direct().await?)
    .await?;
    let late = tasks(&rows)?;
    end_each(tx, late, |late| {
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
    .await
}

/// Tasks that have taken too long since they first were ready, whatever they do now. How many.
pub(crate) async fn end_too_long(tx: &mut Tx) -> Result<u32, Error> {
    let rows = query(
        "SELECT run_id, task, fence, total_timeout_us AS limit_us, state, attempt, reason, blocked_on FROM task_run \
         WHERE state IN ('ready', 'running', 'deferred', 'retry_wait') AND total_timeout_us IS NOT NULL \
         AND first_ready_at_us + total_timeout_us <= $1 AND cancel_requested = 0 \
         ORDER BY first_ready_at_us + total_timeout_us LIMIT $2",
    )
    .bind(tx.now().micros)
    .bind(MAX_ROWS)
    .fetch_all(tx.direct().await?)
    .await?;
    let late = tasks(&rows)?;
    end_each(tx, late, |late| {
        let stood = late.stood.unwrap_or_default();
        let reason = format!("it took longer in all than its `total_timeout` of {}; {stood}", shown(late.limit_us));
        let failure = Failure { cause: "total_timeout".to_owned(), reason };
        Event::TotalTimedOut { task: late.task, fence: late.fence, failure }
    })
    .await
}

/// Runs that have not ended by their deadline. How many.
pub(crate) async fn end_overdue(tx: &mut Tx) -> Result<u32, Error> {
    let rows = query(
        "SELECT run_id, deadline_us FROM run WHERE state IN ('queued', 'running') AND state = 'running' \
         AND deadline_at_us IS NOT NULL AND cancel_requested IS NULL AND deadline_at_us <= $1 \
         ORDER BY deadline_at_us LIMIT $2",
    )
    .bind(tx.now().micros)
    .bind(MAX_ROWS)
    .fetch_all(tx.direct().await?)
    .await?;
    let mut overdue = Vec::with_capacity(rows.len());
    for row in &rows {
        let reason = format!(
            "it had not ended {} after its start, which is the `deadline` of its DAG",
            shown(row.try_get("deadline_us")?)
        );
        overdue.push((row.try_get::<String>("run_id")?, reason));
    }
    // Servers take runs in one order.
    overdue.sort();
    let mut ended = 0;
    for (run_id, reason) in overdue {
        ended += u32::from(happens(tx, &run_id, &Event::Overdue { reason }).await?);
    }
    Ok(ended)
}

/// A task beyond a limit.
struct Late {
    run_id: String,
    task: Name,
    fence: i64,
    limit_us: i64,
    /// The counter of a limit that had no room for it: `gpu`, `customer:ana`.
    blocked_on: Option<String>,
    /// What it was doing, where that was asked for.
    stood: Option<String>,
}

fn tasks(rows: &[Row]) -> Result<Vec<Late>, Error> {
    let mut late = Vec::with_capacity(rows.len());
    for row in rows {
        late.push(Late {
            run_id: row.try_get("run_id")?,
            task: name(row.try_get("task")?)?,
            fence: row.try_get("fence")?,
            limit_us: row.try_get("limit_us")?,
            blocked_on: row.try_get("blocked_on")?,
            stood: stood(row)?,
        });
    }
    late.sort_by(|one, other| one.run_id.cmp(&other.run_id));
    Ok(late)
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

async fn end_each(tx: &mut Tx, late: Vec<Late>, event: impl Fn(Late) -> Event + Send) -> Result<u32, Error> {
    let mut ended = 0;
    for task in late {
        let run_id = task.run_id.clone();
        ended += u32::from(happens(tx, &run_id, &event(task)).await?);
    }
    Ok(ended)
}

/// Whether it came about. One run that does not read must not keep the others from being ended.
async fn happens(tx: &mut Tx, run_id: &str, event: &Event) -> Result<bool, Error> {
    match apply(tx, run_id, event).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_database_fault() => Err(error),
        Err(error) => {
            tracing::error!(run.id = run_id, %error, "a limit could not be kept");
            Ok(false)
        }
    }
}

/// A length of time in the largest unit that it is a whole number of.
fn shown(length_us: i64) -> String {
    let units = [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)];
    let whole = units.iter().find(|(_, unit)| length_us >= *unit && length_us % unit == 0);
    whole.map_or_else(|| format!("{length_us}us"), |(name, unit)| format!("{}{name}", length_us / unit))
}
