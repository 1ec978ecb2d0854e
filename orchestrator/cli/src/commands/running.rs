//! `daybreak run`: starts a run by hand, and waits for its end if asked.

use std::time::Duration;

use daybreak_protocol::{RunDetail, TriggerRequest};

use super::asking::row;
use super::reading::{people_run, print};
use super::watching::Watch;
use crate::arguments::Run;
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};

/// How often a run is looked at while it is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long an interrupted command waits for the end of what it has cancelled.
const CANCEL_PATIENCE: Duration = Duration::from_secs(10);

/// Starts it; with `--wait`, fails when it fails.
pub async fn run(arguments: &Run) -> Outcome {
    let dag = arguments.dag.as_deref().ok_or_else(|| Failure::usage("name a DAG"))?;
    let request = TriggerRequest { at: arguments.at, params: row(&arguments.params)? };
    let connection = Connection::open(&arguments.project.directory).await?;
    let ended = start(&connection, dag, &request, arguments).await;
    connection.close().await;
    let run = ended?;
    print(&run, &arguments.project, people_run)?;
    if arguments.wait && run.summary.state.to_string() != "succeeded" {
        let reason = run.summary.reason.clone().unwrap_or_default();
        return Err(Failure::failed(format!("run {} ended {}: {reason}", run.summary.id, run.summary.state)));
    }
    Ok(())
}

async fn start(connection: &Connection, dag: &str, request: &TriggerRequest, arguments: &Run) -> Outcome<RunDetail> {
    let id = connection.client.trigger(dag, request).await?;
    if !(arguments.wait || connection.is_embedded()) {
        return Ok(connection.client.run(&id).await?);
    }
    if !arguments.wait {
        eprintln!("no server runs for this project: waiting for the end of run {id}");
    }
    tokio::select! {
        ended = wait(connection, &id, Watch::new(arguments.project.json)) => ended,
        _ = tokio::signal::ctrl_c() => Err(interrupted(connection, &id).await),
    }
}

async fn wait(connection: &Connection, id: &str, mut watch: Watch) -> Outcome<RunDetail> {
    loop {
        let run = connection.client.run(id).await?;
        watch.update(&run);
        if run.summary.ended_at.is_some() {
            return Ok(run);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// With a server of its own the run ends with the command; with another's it goes on.
async fn interrupted(connection: &Connection, id: &str) -> Failure {
    if !connection.is_embedded() {
        return Failure { status: 130, message: format!("run {id} goes on; look at it: daybreak run show {id}") };
    }
    let cancelled = async {
        connection.client.cancel(id).await?;
        wait(connection, id, Watch::new(true)).await
    };
    let message = match tokio::time::timeout(CANCEL_PATIENCE, cancelled).await {
        Ok(Ok(run)) => format!("run {id} was interrupted and is {} now", run.summary.state),
        Ok(Err(failure)) => format!("run {id} could not be cancelled: {}", failure.message),
        Err(_) => format!("run {id} was interrupted; what it ran is still ending"),
    };
    Failure { status: 130, message }
}
