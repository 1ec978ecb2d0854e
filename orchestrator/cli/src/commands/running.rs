//! `daybreak run`: starts a run by hand, and waits for its end if asked.

use std::time::Duration;

use daybreak_protocol::{RunDetail, TriggerRequest};

use super::asking::row;
use super::reading::{people_run, print};
use crate::arguments::Run;
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};

/// Starts it; with `--wait`, fails when it fails.
pub async fn run(arguments: &Run) -> Outcome {
    let dag = arguments.dag.as_deref().ok_or_else(|| Failure::usage("name a DAG"))?;
    let request = TriggerRequest { at: arguments.at, params: row(&arguments.params)? };
    let connection = Connection::open(&arguments.project.directory).await?;
    let ended = start_and_wait(&connection, dag, &request, arguments.wait).await;
    connection.close().await;
    let run = ended?;
    print(&run, &arguments.project, people_run)?;
    if arguments.wait && run.summary.state.to_string() != "succeeded" {
        let reason = run.summary.reason.clone().unwrap_or_default();
        return Err(Failure::failed(format!("run {} ended {}: {reason}", run.summary.id, run.summary.state)));
    }
    Ok(())
}

async fn start_and_wait(
    connection: &Connection,
    dag: &str,
    request: &TriggerRequest,
    wait: bool,
) -> Outcome<RunDetail> {
    let id = connection.client.trigger(dag, request).await?;
    if !wait && connection.is_embedded() {
        eprintln!("no server runs for this project: waiting for the end of run {id}");
    }
    loop {
        let run = connection.client.run(&id).await?;
        let ended = run.summary.ended_at.is_some();
        if ended || !(wait || connection.is_embedded()) {
            return Ok(run);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
