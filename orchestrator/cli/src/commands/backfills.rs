//! `daybreak backfill`: asking for one, what it would do, how far it is. To add a command: a function here, a variant in
//! `arguments/backfills.rs`.

use std::time::Duration;

use daybreak_protocol::{
    BackfillChangeRequest, BackfillPlan, BackfillRequest, BackfillState, BackfillView, BackfillsQuery, Reprocess,
};
use daybreak_spec::Name;

use super::asking::row;
use super::reading::print;
use crate::arguments::{Backfill, BackfillOne, BackfillStart, ReprocessWord};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::table;

/// How often a backfill is looked at while it is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// `daybreak backfill`
pub async fn backfill(command: &Backfill) -> Outcome {
    match command {
        Backfill::Start(arguments) if arguments.dry_run => plan(arguments).await,
        Backfill::Start(arguments) => start(arguments).await,
        Backfill::List { limit, project } => {
            let connection = Connection::open(&project.directory).await?;
            let query = BackfillsQuery { before: None, limit: Some(*limit) };
            let page = connection.client.backfills(&query).await;
            connection.close().await;
            print(&page?, project, |page| people(&page.backfills))
        }
        Backfill::Show(arguments) => one(arguments, None).await,
        Backfill::Pause(arguments) => one(arguments, Some("pause")).await,
        Backfill::Resume(arguments) => one(arguments, Some("resume")).await,
        Backfill::Cancel(arguments) => one(arguments, Some("cancel")).await,
    }
}

fn request(arguments: &BackfillStart) -> Outcome<BackfillRequest> {
    let dag = Name::parse(&arguments.dag).ok_or_else(|| Failure::usage("the DAG's name is not a name"))?;
    Ok(BackfillRequest {
        dag,
        from: arguments.from,
        to: arguments.to,
        reprocess: match arguments.reprocess {
            ReprocessWord::Missing => Reprocess::Missing,
            ReprocessWord::Failed => Reprocess::Failed,
            ReprocessWord::All => Reprocess::All,
        },
        backwards: arguments.backwards,
        parallel: arguments.parallel,
        priority: arguments.priority,
        params: row(&arguments.params)?,
        note: arguments.note.clone(),
    })
}

async fn plan(arguments: &BackfillStart) -> Outcome {
    let request = request(arguments)?;
    let connection = Connection::open(&arguments.project.directory).await?;
    let plan = connection.client.plan_backfill(&request).await;
    connection.close().await;
    print(&plan?, &arguments.project, planned)
}

fn planned(plan: &BackfillPlan) -> String {
    let BackfillPlan { windows, to_run, missing, failed, succeeded, going_on, first, last } = plan;
    let ends = match (first, last) {
        (Some(first), Some(last)) => format!(", from {first} to {last}"),
        _ => String::new(),
    };
    format!(
        "{to_run} of {windows} windows would be run{ends}\n{missing} have no run, {failed} failed, {succeeded} \
         succeeded, {going_on} go on\n"
    )
}

async fn start(arguments: &BackfillStart) -> Outcome {
    let request = request(arguments)?;
    let connection = Connection::open(&arguments.project.directory).await?;
    if connection.is_embedded() {
        connection.close().await;
        let message = "no server runs for this project, and a backfill needs one; start it with `daybreak up`";
        return Err(Failure { status: 5, message: message.to_owned() });
    }
    let made = connection.client.backfill(&request).await;
    let ended = match made {
        Ok(made) if arguments.wait => wait(&connection, &made.id).await,
        Ok(made) => Ok(made),
        Err(error) => Err(error.into()),
    };
    connection.close().await;
    let backfill = ended?;
    print(&backfill, &arguments.project, |backfill| people(std::slice::from_ref(backfill)))?;
    if arguments.wait && (backfill.failed > 0 || backfill.state == BackfillState::Cancelled) {
        let message = format!("backfill {} is {}, {} runs failed", backfill.id, backfill.state, backfill.failed);
        return Err(Failure::failed(message));
    }
    Ok(())
}

/// Its end, with a line whenever it got further.
async fn wait(connection: &Connection, id: &str) -> Outcome<BackfillView> {
    let mut shown = None;
    loop {
        let backfill = connection.client.one_backfill(id).await?;
        if backfill.state.has_ended() {
            return Ok(backfill);
        }
        if shown != Some(backfill.done) {
            output::aside(format_args!("{}: {}", backfill.id, progress(&backfill)));
            shown = Some(backfill.done);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tokio::signal::ctrl_c() => {
                output::aside(format_args!("it goes on; `daybreak backfill cancel {id}` ends it"));
                return Err(Failure::interrupted());
            }
        }
    }
}

async fn one(arguments: &BackfillOne, change: Option<&str>) -> Outcome {
    let connection = Connection::open(&arguments.project.directory).await?;
    let request = BackfillChangeRequest { note: arguments.note.clone() };
    let backfill = match change {
        Some(change) => connection.client.change_backfill(&arguments.id, change, &request).await,
        None => connection.client.one_backfill(&arguments.id).await,
    };
    connection.close().await;
    print(&backfill?, &arguments.project, |backfill| people(std::slice::from_ref(backfill)))
}

fn people(backfills: &[BackfillView]) -> String {
    let cells = |backfill: &BackfillView| {
        vec![
            backfill.id.clone(),
            backfill.dag.to_string(),
            backfill.state.to_string(),
            format!("{} to {}", backfill.from, backfill.to),
            progress(backfill),
            backfill.note.clone().unwrap_or_default(),
        ]
    };
    table::render(
        &["id", "dag", "state", "range", "progress", "note"],
        &backfills.iter().map(cells).collect::<Vec<_>>(),
    )
}

/// "120 of 1000 done, 2 failed, 4 go on, 35 s left".
fn progress(backfill: &BackfillView) -> String {
    let mut words = format!("{} of {} done", backfill.done, backfill.windows);
    for (count, what) in [(backfill.failed, "failed"), (backfill.cancelled, "cancelled"), (backfill.going_on, "go on")]
    {
        if count > 0 {
            words.push_str(&format!(", {count} {what}"));
        }
    }
    if let Some(left_s) = backfill.left_s {
        words.push_str(&format!(", {left_s:.0} s left"));
    }
    words
}
