//! `daybreak run`: starts a run by hand, and waits for its end if asked; so do commands that have one run again.

use std::time::Duration;

use daybreak_protocol::{CancelRequest, RunDetail, TriggerRequest};

use super::asking::row;
use super::dags::caller;
use super::reading::{people_run, print};
use super::watching::Watch;
use crate::arguments::Run;
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::output;

/// How often a run is looked at while it is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long an interrupted command waits for the end of what it has cancelled.
const CANCEL_PATIENCE: Duration = Duration::from_secs(10);

/// Starts it; with `--wait`, fails when it fails.
pub async fn run(arguments: &Run) -> Outcome {
    let dag = arguments.dag.as_deref().ok_or_else(|| Failure::usage("name a DAG"))?;
    let request = TriggerRequest { at: arguments.at, params: row(&arguments.params)? };
    let connection = Connection::open(&arguments.project.directory).await?;
    let started = connection.client.trigger(dag, &request).await;
    let ended = match started {
        Ok(id) => follow(&connection, &id, arguments.wait, arguments.project.json).await,
        Err(error) => Err(error.into()),
    };
    connection.close().await;
    let run = ended?;
    print(&run, &arguments.project, people_run)?;
    succeeded(&run, arguments.wait)
}

/// A run that was waited for and did not succeed is a failure.
pub(super) fn succeeded(run: &RunDetail, wait: bool) -> Outcome {
    if wait && run.summary.state.to_string() != "succeeded" {
        let reason = run.summary.reason.clone().unwrap_or_default();
        return Err(Failure::failed(format!("run {} ended {}: {reason}", run.summary.id, run.summary.state)));
    }
    Ok(())
}

/// The run as it stands; at its end if that is asked for, or where the server lives only as long as this command.
pub(super) async fn follow(connection: &Connection, id: &str, waits: bool, json: bool) -> Outcome<RunDetail> {
    if !(waits || connection.is_embedded()) {
        return Ok(connection.client.run(id).await?);
    }
    if !waits {
        output::aside(format_args!("no server runs for this project: waiting for the end of run {id}"));
    }
    tokio::select! {
        ended = wait(connection, id, Watch::new(json)) => ended,
        _ = tokio::signal::ctrl_c() => Err(interrupted(connection, id).await),
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
    let request = CancelRequest { reason: Some("the command was interrupted".to_owned()), by: Some(caller()) };
    let cancelled = async {
        connection.client.cancel(id, &request).await?;
        wait(connection, id, Watch::new(true)).await
    };
    let message = match tokio::time::timeout(CANCEL_PATIENCE, cancelled).await {
        Ok(Ok(run)) => format!("run {id} was interrupted and is {} now", run.summary.state),
        Ok(Err(failure)) => format!("run {id} could not be cancelled: {}", failure.message),
        Err(_) => format!("run {id} was interrupted; what it ran is still ending"),
    };
    Failure { status: 130, message }
}
