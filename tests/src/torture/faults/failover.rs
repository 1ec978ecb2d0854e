//! How long others take to go on: after the kill of a worker, the kill and the going of a leader, the crash of the database.
//! Times are real and measured from the fault to the row or the line in the ledger that shows that work goes on.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::Db;
use super::cast::Cast;
use super::invariants::number;
use super::work::Work;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Measures each so often and prints it.
pub async fn measure(times: usize) -> Json {
    let mut cast = Cast::start(Db::Postgres).await;
    let work = Work::begin(&cast);
    work.rest(&mut cast).await;
    let mut report = json!({});
    report["worker_killed_to_task_elsewhere"] = told(&workers(&mut cast, &work, times).await);
    for (leave, left) in [(Leave::Killed, "leader_killed"), (Leave::Told, "leader_told_to_stop")] {
        let (led, fired): (Vec<_>, Vec<_>) = leaders(&mut cast, times, leave).await.into_iter().unzip();
        report[format!("{left}_to_next_leader")] = told(&led);
        report[format!("{left}_to_next_firing")] = told(&fired);
    }
    report["database_back_to_next_firing"] = told(&databases(&mut cast, times).await);
    let left = cast.end().await;
    report["orphans"] = json!(left);
    report
}

fn told(took: &[Duration]) -> Json {
    let mut seconds: Vec<f64> = took.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    let at = |share: usize| seconds.get((seconds.len() * share / 100).min(seconds.len().saturating_sub(1))).copied();
    json!({ "times": seconds.len(), "p50_s": at(50), "p99_s": at(99) })
}

/// Each kill ends the tasks that one worker runs; the time until each has begun again somewhere else.
async fn workers(cast: &mut Cast, work: &Work, times: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    while took.len() < times {
        // Enough for every slot of every worker.
        for number in 0..9 {
            work.ask("long", &format!("long-{}-{number}", took.len())).await;
        }
        let victim = took.len() % cast.workers.len();
        let held = until(cast, async |cast| {
            let held = running_on(cast, &cast.workers[victim].name).await;
            (!held.is_empty()).then_some(held)
        })
        .await;
        let before = work.ledger().starts.len();
        let killed = Instant::now();
        cast.workers[victim].kill(Duration::from_secs(25));
        let mut open: BTreeSet<String> = held.into_iter().collect();
        while !open.is_empty() && killed.elapsed() < PATIENCE {
            cast.pause(Duration::from_millis(50)).await;
            for (run, _) in &work.ledger().starts[before..] {
                if open.remove(run) {
                    took.push(killed.elapsed());
                }
            }
        }
        assert!(open.is_empty(), "{} tasks of a killed worker are not run again", open.len());
        until(cast, async |cast| (active(cast, "long").await == 0).then_some(())).await;
    }
    took
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    Killed,
    Told,
}

/// The time from the leader's end until another leads, and to the next firing that it has placed.
async fn leaders(cast: &mut Cast, times: usize, leave: Leave) -> Vec<(Duration, Duration)> {
    let mut took = Vec::new();
    for number_of in 0..times * 8 {
        if took.len() >= times {
            break;
        }
        let server = number_of % cast.servers.len();
        cast.all_there().await;
        cast.pause(Duration::from_secs(3)).await;
        let (epoch, fired) = (epoch(cast).await, firings(cast).await);
        let left = Instant::now();
        match leave {
            Leave::Killed => cast.servers[server].kill(Duration::from_secs(20)),
            Leave::Told => cast.servers[server].leave(Duration::from_secs(8)),
        }
        let (mut led, mut placed) = (None, None);
        while left.elapsed() < Duration::from_secs(20) && placed.is_none() {
            cast.pause(Duration::from_millis(5)).await;
            if led.is_none() && self::epoch(cast).await > epoch {
                led = Some(left.elapsed());
            }
            placed = (led.is_some() && firings(cast).await > fired).then(|| left.elapsed());
        }
        // One that did not lead changes nothing.
        if let Some(led) = led {
            took.push((led, placed.unwrap_or(PATIENCE)));
        }
    }
    cast.all_there().await;
    took
}

/// The time from the database's return to the next firing.
async fn databases(cast: &mut Cast, times: usize) -> Vec<Duration> {
    let mut took = Vec::new();
    while took.len() < times.min(10) {
        cast.pause(Duration::from_secs(2)).await;
        let fired = firings(cast).await;
        cast.crash_database(Duration::from_secs(2));
        cast.pause(Duration::from_millis(2_100)).await;
        let back = Instant::now();
        until(cast, async |cast| (firings(cast).await > fired).then_some(())).await;
        took.push(back.elapsed());
    }
    took
}

async fn until<T>(cast: &mut Cast, look: impl AsyncFn(&Cast) -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look(cast).await {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain");
        cast.pause(Duration::from_millis(20)).await;
    }
}

async fn firings(cast: &Cast) -> i64 {
    number(cast, "SELECT COUNT(*) FROM run WHERE dag = 'seconds'").await.unwrap_or(i64::MAX)
}

async fn epoch(cast: &Cast) -> i64 {
    number(cast, "SELECT epoch FROM leader WHERE name = 'scheduler'").await.unwrap_or_default()
}

async fn active(cast: &Cast, dag: &str) -> i64 {
    let statement = format!("SELECT COUNT(*) FROM run WHERE dag = '{dag}' AND state IN ('queued', 'running')");
    number(cast, &statement).await.unwrap_or(1)
}

/// The runs of which a worker runs a long task.
async fn running_on(cast: &Cast, worker: &str) -> Vec<String> {
    let statement = format!(
        "SELECT task_run.run_id FROM task_run JOIN worker ON worker.worker_id = task_run.worker_id \
         JOIN run ON run.run_id = task_run.run_id WHERE task_run.state = 'running' AND run.dag = 'long' \
         AND worker.label = '{worker}'"
    );
    super::invariants::texts(cast, &statement).await.unwrap_or_default()
}
