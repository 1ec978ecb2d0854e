//! Commands that look: runs, a run, logs.

use daybreak_core::TaskStatus;
use daybreak_protocol::{Client, ItemsQuery, RunDetail, RunSummary, RunsQuery, TaskRunView};
use daybreak_spec::Name;
use serde::Serialize;

use crate::arguments::{Items, Project};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::table;

/// Prints JSON, or what the closure makes of it.
pub fn print<T: Serialize>(value: &T, project: &Project, people: impl FnOnce(&T) -> String) -> Outcome {
    if project.json {
        let text =
            serde_json::to_string_pretty(value).map_err(|error| Failure::input_output("cannot encode", error))?;
        output::line(text)
    } else {
        output::text(people(value))
    }
}

/// `daybreak runs`
pub async fn runs(dag: Option<&str>, limit: u32, project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let dag = dag.map(|name| Name::parse(name).ok_or_else(|| Failure::usage(format!("`{name}` is not a DAG's name"))));
    let runs = all_runs(&connection.client, dag.transpose()?, limit).await;
    connection.close().await;
    print(&runs?, project, |runs| table::render(&["run", "dag", "scheduled for", "state", "reason"], &rows(runs)))
}

/// Pages through the newest runs.
pub async fn all_runs(client: &Client, dag: Option<Name>, limit: u32) -> Outcome<Vec<RunSummary>> {
    let (mut runs, mut before) = (Vec::new(), None);
    loop {
        let wanted = limit.saturating_sub(u32::try_from(runs.len()).unwrap_or(u32::MAX)).min(RunsQuery::MAX_LIMIT);
        let query = RunsQuery { dag: dag.clone(), state: None, before, limit: Some(wanted) };
        let page = client.runs(&query).await?;
        runs.extend(page.runs);
        before = page.next;
        if before.is_none() || runs.len() >= limit as usize {
            return Ok(runs);
        }
    }
}

/// A cell holds one line; `--json` and the logs hold all.
fn first_line(reason: Option<&str>) -> String {
    let mut lines = reason.unwrap_or_default().lines();
    let first = lines.next().unwrap_or_default();
    if lines.next().is_some() { format!("{first} …") } else { first.to_owned() }
}

fn rows(runs: &[RunSummary]) -> Vec<Vec<String>> {
    let cells = |run: &RunSummary| {
        let at = match (run.scheduled_for, &run.followed) {
            (Some(at), _) => at.to_string(),
            (None, Some(followed)) => format!("at {}: {followed}", run.window_end),
            (None, None) => format!("by hand at {}", run.window_end),
        };
        vec![run.id.clone(), run.dag.to_string(), at, run.state.to_string(), first_line(run.reason.as_deref())]
    };
    runs.iter().map(cells).collect()
}

/// `daybreak run show`
pub async fn run(id: &str, project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let run = connection.client.run(id).await;
    connection.close().await;
    print(&run?, project, people_run)
}

/// `daybreak items`
pub async fn items(arguments: &Items) -> Outcome {
    let state = |word: &String| {
        TaskStatus::parse(word).ok_or_else(|| {
            let words: Vec<&str> = TaskStatus::ALL.iter().map(|status| status.as_str()).collect();
            Failure::usage(format!("`{word}` is no state of a task; there are {}", words.join(", ")))
        })
    };
    let state = arguments.state.as_ref().map(state).transpose()?;
    let connection = Connection::open(&arguments.project.directory).await?;
    let items = all_items(&connection.client, arguments, state).await;
    connection.close().await;
    print(&items?, &arguments.project, |items| {
        let cells = |item: &TaskRunView| {
            let value = item.item.as_ref().map(ToString::to_string).unwrap_or_default();
            let (state, attempt) = (item.state.to_string(), item.attempt.to_string());
            vec![item.name.to_string(), value, state, attempt, told(item)]
        };
        table::render(&["item", "value", "state", "attempt", "reason"], &items.iter().map(cells).collect::<Vec<_>>())
    })
}

/// Pages through the items.
async fn all_items(client: &Client, arguments: &Items, state: Option<TaskStatus>) -> Outcome<Vec<TaskRunView>> {
    let (mut items, mut from) = (Vec::new(), None);
    loop {
        let wanted = arguments.limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        let query = ItemsQuery { state, from, limit: Some(wanted.clamp(1, ItemsQuery::MAX_LIMIT)) };
        let page = client.items(&arguments.run, &arguments.task, &query).await?;
        items.extend(page.items);
        from = page.next;
        if from.is_none() || items.len() >= arguments.limit as usize {
            return Ok(items);
        }
    }
}

/// What there is to say of a task beside its state.
fn told(task: &TaskRunView) -> String {
    match (&task.cached_from, &task.items, &task.reason) {
        (Some(run), _, _) => format!("the result of run {run}"),
        (None, Some(items), None) => {
            let ended = items.items - items.waiting - items.busy;
            let failed = if items.failed > 0 { format!(", {} failed", items.failed) } else { String::new() };
            format!("{ended} of {} items{failed}", items.items)
        }
        (None, _, reason) => {
            let waits = task.wait.as_ref().map(|wait| format!("waits for {}", wait.words));
            first_line(waits.as_deref().or(reason.as_deref()))
        }
    }
}

/// A run and its tasks for people.
pub fn people_run(run: &RunDetail) -> String {
    let mut rows = Vec::new();
    for task in &run.tasks {
        let wall = match (task.started_at, task.ended_at) {
            (Some(from), Some(to)) => format!("{:.3} s", (to.micros - from.micros) as f64 / 1e6),
            _ => String::new(),
        };
        let reason = told(task);
        rows.push(vec![
            task.name.to_string(),
            task.kind.clone(),
            task.state.to_string(),
            task.attempt.to_string(),
            wall,
            reason,
        ]);
    }
    let summary = table::render(
        &["run", "dag", "scheduled for", "state", "reason"],
        &self::rows(std::slice::from_ref(&run.summary)),
    );
    format!("{summary}\n{}", table::render(&["task", "kind", "state", "attempt", "time", "reason"], &rows))
}

/// `daybreak logs`
pub async fn logs(run: &str, task: Option<&str>, project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let shown = logs_of(&connection, run, task, project).await;
    connection.close().await;
    shown
}

async fn logs_of(connection: &Connection, run: &str, task: Option<&str>, project: &Project) -> Outcome {
    let detail = connection.client.run(run).await?;
    let names: Vec<String> = match task {
        Some(task) => vec![task.to_owned()],
        None => detail.tasks.iter().map(|task| task.name.to_string()).collect(),
    };
    let mut logs = serde_json::Map::new();
    for name in names {
        let log = connection.client.log(run, &name).await?;
        let text: Vec<String> =
            log.attempts.iter().map(|attempt| format!("-- attempt {}\n{}", attempt.attempt, attempt.text)).collect();
        logs.insert(name, text.join("\n").into());
    }
    print(&logs, project, |logs| {
        let shown = |(name, log): (&String, &serde_json::Value)| {
            format!("== {name}\n{}", output::of_log(log.as_str().unwrap_or_default()))
        };
        logs.iter().map(shown).collect()
    })
}
