//! What has to hold whatever happened, once everything has come to its end. Looks at the rows as they are, at the artefacts,
//! and at the ledger; each finding begins with the number of the invariant.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_artifacts::Artifacts;
use daybreak_features::OnlineStore as _;
use daybreak_features::embedded::EmbeddedStore;
use daybreak_spec::Name;
use sqlx::any::{AnyRow, install_default_drivers};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Row as _};

use super::cast::Cast;
use super::work::Work;

/// Between two runs of the DAG that fires.
const TICK_US: i64 = 5_000_000;

/// Everything that does not hold.
pub async fn check(cast: &Cast, work: &Work) -> Vec<String> {
    let mut broken = Vec::new();
    for looked in [
        acknowledged(cast, work).await,
        ticks(cast).await,
        results(cast, work).await,
        fences(cast).await,
        artefacts(cast).await,
        generations(cast),
        audit(cast, work).await,
    ] {
        broken.extend(looked.unwrap_or_else(|why| vec![format!("the rows cannot be read: {why}")]));
    }
    broken
}

/// I1: what was acknowledged is there and has ended; each key has one run.
async fn acknowledged(cast: &Cast, work: &Work) -> Result<Vec<String>, String> {
    let mut broken = Vec::new();
    let states: BTreeMap<String, String> =
        rows(cast, "SELECT run_id, state FROM run", |row| (text(row, 0), text(row, 1))).await?.into_iter().collect();
    for (key, run) in work.runs() {
        match states.get(&run).map(String::as_str) {
            None => broken.push(format!("I1 run {run} was acknowledged for `{key}` and is lost")),
            Some("succeeded" | "failed") => {}
            Some(state) => broken.push(format!("I1 run {run} of `{key}` is {state}")),
        }
    }
    let made = number(cast, "SELECT COUNT(*) FROM run WHERE dag IN ('chain', 'features', 'long')").await?;
    let keys = i64::try_from(work.acknowledged()).unwrap_or(i64::MAX);
    if made != keys {
        broken.push(format!("I1 {keys} keys have made {made} runs"));
    }
    // A task that eight attempts and five lost workers could not do is allowed to fail, and nothing else.
    let causes = "SELECT DISTINCT task_run.cause FROM task_run JOIN run ON run.run_id = task_run.run_id \
                  WHERE run.state = 'failed' AND task_run.state = 'failed'";
    for cause in rows(cast, causes, |row| text(row, 0)).await? {
        if cause != "worker_lost" {
            eprintln!("  a run failed, with the cause {cause}");
        }
    }
    Ok(broken)
}

/// I2: each firing between the first and the last has exactly one run.
async fn ticks(cast: &Cast) -> Result<Vec<String>, String> {
    let instants =
        rows(cast, "SELECT scheduled_for_us FROM run WHERE dag = 'ticks' ORDER BY 1", |row| row.get(0)).await?;
    let gaps = instants.windows(2).filter(|pair: &&[i64]| pair[1] - pair[0] != TICK_US);
    Ok(gaps
        .map(|pair| format!("I2 between the firings {} and {} some are missing or double", pair[0], pair[1]))
        .collect())
}

/// I3: what a task's row says it handed on was written to the ledger by that very attempt; no result is of two tasks.
async fn results(cast: &Cast, work: &Work) -> Result<Vec<String>, String> {
    let ledger = work.ledger();
    let accepted = rows(
        cast,
        "SELECT run_id, task, attempt, outputs FROM task_run WHERE state = 'succeeded' AND kind = 'command' \
         AND for_each IS NULL",
        |row| (text(row, 0), text(row, 1), row.get::<i64, _>(2), text(row, 3)),
    )
    .await?;
    let (mut broken, mut seen) = (Vec::new(), BTreeSet::new());
    for (run, task, attempt, outputs) in accepted {
        let outputs: serde_json::Value = serde_json::from_str(&outputs).unwrap_or_default();
        let nonce = outputs["nonce"].as_str().unwrap_or_default().to_owned();
        let attempt = u32::try_from(attempt).unwrap_or_default();
        match ledger.done.get(&nonce) {
            None => broken.push(format!("I3 task `{task}` of run {run} has a result that no attempt has made")),
            Some(of) if *of != (run.clone(), task.clone(), attempt) => {
                broken.push(format!("I3 attempt {attempt} of `{task}` of run {run} has the result of {of:?}"));
            }
            Some(_) => {}
        }
        if !seen.insert(nonce) {
            broken.push(format!("I3 the result of task `{task}` of run {run} was accepted twice"));
        }
    }
    Ok(broken)
}

/// I4: the accepted result is that of the last fence.
async fn fences(cast: &Cast) -> Result<Vec<String>, String> {
    let stale = number(
        cast,
        "SELECT COUNT(*) FROM task_run WHERE state = 'succeeded' AND reported_fence IS NOT NULL AND reported_fence <> fence",
    )
    .await?;
    Ok(if stale > 0 { vec![format!("I4 {stale} stale results were accepted")] } else { Vec::new() })
}

/// I5: what succeeded has left its artefacts, whole.
async fn artefacts(cast: &Cast) -> Result<Vec<String>, String> {
    let artifacts = Artifacts::local(&cast.artifacts()).map_err(|error| error.to_string())?;
    let mut broken = Vec::new();
    for object in rows(cast, "SELECT DISTINCT object FROM build", |row| text(row, 0)).await? {
        if let Err(error) = artifacts.get(&object).await {
            broken.push(format!("I5 {error}"));
        }
    }
    Ok(broken)
}

/// I6: every generation that readers see is whole: its rows are those that its publication wrote down.
fn generations(cast: &Cast) -> Result<Vec<String>, String> {
    let view = Name::parse("plane_facts").expect("a name");
    let mut broken = Vec::new();
    for worker in 0..cast.workers.len() {
        let folder = cast.online(worker);
        if !folder.exists() {
            continue;
        }
        let store = EmbeddedStore::open(&folder).map_err(|error| error.to_string())?;
        let published = store.generation(&view).map_err(|error| error.to_string())?.is_some();
        if published && let Err(error) = store.digest(&view) {
            broken.push(format!("I6 {error}"));
        }
    }
    Ok(broken)
}

/// I9: each run that somebody asked for stands in the audit, once.
async fn audit(cast: &Cast, work: &Work) -> Result<Vec<String>, String> {
    let entries = number(cast, "SELECT COUNT(*) FROM audit WHERE action = 'trigger'").await?;
    let keys = i64::try_from(work.acknowledged()).unwrap_or(i64::MAX);
    Ok(if entries == keys { Vec::new() } else { vec![format!("I9 {keys} runs were asked for, {entries} are audited")] })
}

fn text(row: &AnyRow, column: usize) -> String {
    row.try_get(column).unwrap_or_default()
}

/// The number that a statement finds.
pub async fn number(cast: &Cast, statement: &str) -> Result<i64, String> {
    let found = rows(cast, statement, |row| row.get::<i64, _>(0)).await?;
    found.first().copied().ok_or_else(|| "no row".to_owned())
}

/// The texts that a statement finds.
pub async fn texts(cast: &Cast, statement: &str) -> Result<Vec<String>, String> {
    rows(cast, statement, |row| text(row, 0)).await
}

async fn rows<T>(cast: &Cast, statement: &str, take: impl Fn(&AnyRow) -> T) -> Result<Vec<T>, String> {
    install_default_drivers();
    let url = match &cast.postgres {
        Some(postgres) => postgres.url("torture"),
        None => format!("sqlite://{}?mode=ro", cast.folder().join("disk/server0/state.db").display()),
    };
    let mut connection = AnyConnection::connect(&url).await.map_err(|error| error.to_string())?;
    let found = sqlx::query(AssertSqlSafe(statement.to_owned())).fetch_all(&mut connection).await;
    let _ = connection.close().await;
    Ok(found.map_err(|error| error.to_string())?.iter().map(take).collect())
}
