//! What people do to runs by hand: `rerun`, `clear`, `mark`, `cancel`; why something is not running: `why`; and what was done:
//! `audit`. To add one: a function here, a variant in `arguments.rs`.

use daybreak_protocol::{
    AuditEntry, AuditQuery, CancelRequest, ClearRequest, Client, DecisionRequest, DecisionWord, MarkRequest, MarkWord,
    RerunRequest, RunAgain, RunDetail, RunWhy, WhyQuery,
};
use daybreak_spec::Name;
use serde::Serialize;
use serde_json::json;

use super::asking::row;
use super::dags::caller;
use super::reading::{people_run, print};
use super::running::{follow, succeeded};
use crate::arguments::{Audit, Cancel, Clear, Decide, Mark, MarkAs, Project, Rerun, WhyNot};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::table;

/// `daybreak rerun`
pub async fn rerun(arguments: &Rerun) -> Outcome {
    let connection = Connection::open(&arguments.project.directory).await?;
    let Rerun { from_failed, latest, dry_run, .. } = *arguments;
    let request = RerunRequest { from_failed, latest, dry_run, by: Some(caller()) };
    let again = connection.client.rerun(&arguments.run, &request).await;
    if dry_run {
        return would_run_again(connection, again, &arguments.project).await;
    }
    ran_again(connection, again, arguments.wait, &arguments.project).await
}

/// `daybreak clear`
pub async fn clear(arguments: &Clear) -> Outcome {
    let connection = Connection::open(&arguments.project.directory).await?;
    let request = ClearRequest { dry_run: arguments.dry_run, by: Some(caller()) };
    let again = connection.client.clear(&arguments.run, &arguments.task, &request).await;
    if arguments.dry_run {
        return would_run_again(connection, again, &arguments.project).await;
    }
    ran_again(connection, again, arguments.wait, &arguments.project).await
}

/// Says what would run again in which version.
async fn would_run_again(
    connection: Connection,
    again: Result<RunAgain, daybreak_protocol::Error>,
    project: &Project,
) -> Outcome {
    connection.close().await;
    print(&again?, project, |again| format!("{}\nnothing was done\n", people_again(again, "would run")))
}

/// Says what runs again in which version, and follows the run to its end if asked.
async fn ran_again(
    connection: Connection,
    again: Result<RunAgain, daybreak_protocol::Error>,
    wait: bool,
    project: &Project,
) -> Outcome {
    let again = match again {
        Ok(again) => again,
        Err(error) => {
            connection.close().await;
            return Err(error.into());
        }
    };
    if !project.json {
        output::aside(people_again(&again, "runs"));
    }
    let followed = follow(&connection, &again.run_id, wait, project.json).await;
    connection.close().await;
    let run = followed?;
    if project.json {
        print(&Followed { run: &run, again: &again }, project, |_| String::new())?;
    } else {
        print(&run, project, people_run)?;
    }
    succeeded(&run, wait)
}

/// The run with what runs again of it, for programs.
#[derive(Serialize)]
struct Followed<'a> {
    #[serde(flatten)]
    run: &'a RunDetail,
    again: &'a RunAgain,
}

fn people_again(again: &RunAgain, runs: &str) -> String {
    let tasks: Vec<&str> = again.tasks.iter().map(Name::as_str).collect();
    let version = again.version.get(..12).unwrap_or(&again.version);
    let which = if again.version_is_current { "which is deployed" } else { "not the one that is deployed now" };
    let tasks = tasks.join(", ");
    format!("run {} {runs} again: {tasks}\nas version {version} declares them, {which}", again.run_id)
}

/// `daybreak mark`
pub async fn mark(arguments: &Mark) -> Outcome {
    let state = match arguments.state {
        MarkAs::Succeeded => MarkWord::Succeeded,
        MarkAs::Failed => MarkWord::Failed,
        MarkAs::Skipped => MarkWord::Skipped,
    };
    let outputs = row(&arguments.outputs)?;
    let request = MarkRequest { state, reason: arguments.reason.clone(), outputs, by: Some(caller()) };
    let connection = Connection::open(&arguments.project.directory).await?;
    let marked = connection.client.mark(&arguments.run, &arguments.task, &request).await;
    let run = connection.client.run(&arguments.run).await;
    connection.close().await;
    let (marked, run) = (marked?, run?);
    let shown = json!({ "run_id": arguments.run, "task": arguments.task, "was": marked.was, "state": marked.state,
        "run_state": run.summary.state });
    print(&shown, &arguments.project, |_| {
        let ended = if marked.was.as_str() == "running" { "; its attempt is ended" } else { "" };
        let state = shown["state"].as_str().unwrap_or_default();
        format!(
            "`{}` of run {} was {} and is {state} now{ended}; the run is {}\n",
            arguments.task, arguments.run, marked.was, run.summary.state
        )
    })
}

/// `daybreak approve` and `daybreak reject`: on the wait that is there now, and no later one.
pub async fn decide(arguments: &Decide, decision: DecisionWord) -> Outcome {
    let connection = Connection::open(&arguments.project.directory).await?;
    let decided = decide_on(&connection.client, arguments, decision).await;
    connection.close().await;
    let run = decided?;
    let task = run.tasks.iter().find(|task| task.name.as_str() == arguments.task);
    let state = task.map_or_else(String::new, |task| task.state.to_string());
    let shown = json!({ "run_id": arguments.run, "task": arguments.task, "decision": decision, "state": state,
        "run_state": run.summary.state });
    print(&shown, &arguments.project, |_| {
        let (task, run_id, run) = (&arguments.task, &arguments.run, run.summary.state);
        format!("`{task}` of run {run_id} is {state} now; the run is {run}\n")
    })
}

async fn decide_on(client: &Client, arguments: &Decide, decision: DecisionWord) -> Outcome<RunDetail> {
    let run = client.run(&arguments.run).await?;
    let task = run.tasks.iter().find(|task| task.name.as_str() == arguments.task);
    let fence = task.and_then(|task| task.wait.as_ref()).map(|wait| wait.fence);
    let request = DecisionRequest { decision, note: arguments.note.clone(), fence, by: Some(caller()) };
    client.decide(&arguments.run, &arguments.task, &request).await?;
    Ok(client.run(&arguments.run).await?)
}

/// `daybreak cancel`
pub async fn cancel(arguments: &Cancel) -> Outcome {
    let request = CancelRequest { reason: arguments.reason.clone(), by: Some(caller()) };
    let connection = Connection::open(&arguments.project.directory).await?;
    let cancelled = connection.client.cancel(&arguments.run, &request).await;
    let run = connection.client.run(&arguments.run).await;
    connection.close().await;
    cancelled?;
    print(&run?, &arguments.project, |run| {
        let state = run.summary.state;
        let then = if run.summary.ended_at.is_some() { "" } else { "; what runs is being ended" };
        format!("run {} is to end: it is {state} now{then}\n", run.summary.id)
    })
}

/// `daybreak why`
pub async fn why(arguments: &WhyNot) -> Outcome {
    let name = |text: &String| {
        Name::parse_of_run(text).ok_or_else(|| Failure::usage(format!("`{text}` is not a task's name")))
    };
    let query = WhyQuery { task: arguments.task.as_ref().map(name).transpose()? };
    let connection = Connection::open(&arguments.project.directory).await?;
    let why = connection.client.why(&arguments.run, &query).await;
    connection.close().await;
    print(&why?, &arguments.project, people_why)
}

fn people_why(why: &RunWhy) -> String {
    let mut text: String = why.run.iter().map(|why_run| format!("run {} {}\n", why.run_id, why_run.words)).collect();
    let rows: Vec<Vec<String>> = why
        .tasks
        .iter()
        .map(|task| vec![task.task.to_string(), task.state.to_string(), task.why.words.clone()])
        .collect();
    if !rows.is_empty() {
        text.push_str(&format!("\n{}", table::render(&["task", "state", "why"], &rows)));
    }
    text
}

/// `daybreak audit`
pub async fn audit(arguments: &Audit) -> Outcome {
    let connection = Connection::open(&arguments.project.directory).await?;
    let entries = newest(&connection.client, arguments).await;
    connection.close().await;
    print(&entries?, &arguments.project, |entries| {
        let header = ["at", "action", "on", "by", "from", "detail"];
        table::render(&header, &entries.iter().map(cells).collect::<Vec<_>>())
    })
}

/// Pages through the newest entries.
async fn newest(client: &Client, arguments: &Audit) -> Outcome<Vec<AuditEntry>> {
    let (mut entries, mut before) = (Vec::new(), None);
    loop {
        let got = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let limit = Some(arguments.limit.saturating_sub(got).min(AuditQuery::MAX_LIMIT));
        let page = client.audit(&AuditQuery { subject: arguments.of.clone(), before, limit }).await?;
        entries.extend(page.entries);
        before = page.next;
        if before.is_none() || entries.len() >= arguments.limit as usize {
            return Ok(entries);
        }
    }
}

fn cells(entry: &AuditEntry) -> Vec<String> {
    vec![
        entry.at.to_string(),
        entry.action.clone(),
        entry.subject.clone(),
        entry.by.clone().unwrap_or_default(),
        entry.from.clone().unwrap_or_default(),
        entry.detail.lines().next().unwrap_or_default().to_owned(),
    ]
}
