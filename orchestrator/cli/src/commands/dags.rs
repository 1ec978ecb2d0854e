//! Commands about deployed DAGs: `dags`, `pause`, `resume`. To add one: a function here, a variant in `arguments.rs`.

use daybreak_protocol::{Client, DagView, PauseRequest, PauseView};
use daybreak_spec::{Match, Name, RunEnd};

use super::reading::print;
use crate::arguments::{Pause, Project};
use crate::connection::Connection;
use crate::failure::Outcome;
use crate::home::Home;
use crate::output;
use crate::table;

/// `daybreak dags`
pub async fn dags(project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let dags = connection.client.all_dags().await;
    let live = connection.client.project().await;
    connection.close().await;
    if let Some(problems) = live?.problems {
        output::aside(format_args!("the project's files have problems; what was live before stays live\n{problems}\n"));
    }
    print(&dags?, project, |dags| table::render(&["dag", "next", "active", "last run", "state"], &rows(dags)))
}

fn rows(dags: &[DagView]) -> Vec<Vec<String>> {
    let cells = |dag: &DagView| {
        let last = dag.last_run.as_ref().map(|run| format!("{} {}", run.window_end, run.state));
        let state = match &dag.paused {
            Some(pause) => words(pause),
            None => runs_on(dag),
        };
        vec![
            dag.name.to_string(),
            dag.next.first().map(ToString::to_string).unwrap_or_default(),
            dag.active_runs.to_string(),
            last.unwrap_or_default(),
            state,
        ]
    };
    dags.iter().map(cells).collect()
}

/// What makes a DAG run, in words.
fn runs_on(dag: &DagView) -> String {
    let mut words = Vec::new();
    if !dag.schedules.is_empty() {
        words.push("fires".to_owned());
    }
    for after in &dag.after {
        let ended = match after.ended {
            RunEnd::Succeeded => "success",
            RunEnd::Failed => "failure",
            RunEnd::Any => "end",
        };
        words.push(format!("after each {ended} of {}", after.dag));
    }
    for updated in &dag.updated {
        let names: Vec<&str> = updated.views.iter().chain(&updated.sources).map(Name::as_str).collect();
        let joined = names.join(if updated.matching == Match::All { " and " } else { " or " });
        let before = updated.before.as_ref().map(|before| format!(" before {before} {}", updated.timezone));
        let verb = if names.len() > 1 && updated.matching == Match::All { "were" } else { "was" };
        words.push(format!("when {joined} {verb} updated{}", before.unwrap_or_default()));
    }
    if words.is_empty() { "by hand only".to_owned() } else { words.join("; ") }
}

/// A pause in words.
pub fn words(pause: &PauseView) -> String {
    let note = pause.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    format!("paused since {} by {}{note}", pause.since, pause.by)
}

/// `daybreak pause`
pub async fn pause(arguments: &Pause) -> Outcome {
    let connection = Connection::open(&arguments.project.directory).await?;
    let done = connection.client.pause(&arguments.dag, &request(arguments)).await;
    let shown = shown(&connection.client, &arguments.dag).await;
    connection.close().await;
    done?;
    print(&shown?, &arguments.project, |dags| {
        dags.iter()
            .map(|dag| format!("{} is {}\n", dag.name, dag.paused.as_ref().map(words).unwrap_or_default()))
            .collect()
    })
}

/// `daybreak resume`
pub async fn resume(arguments: &Pause) -> Outcome {
    let connection = Connection::open(&arguments.project.directory).await?;
    let done = connection.client.resume(&arguments.dag, &request(arguments)).await;
    let shown = shown(&connection.client, &arguments.dag).await;
    connection.close().await;
    done?;
    print(&shown?, &arguments.project, |dags| {
        let next = |dag: &DagView| {
            dag.next.first().map_or_else(|| "it has no firing ahead".to_owned(), |at| format!("next at {at}"))
        };
        dags.iter().map(|dag| format!("{} fires again, {}\n", dag.name, next(dag))).collect()
    })
}

async fn shown(client: &Client, dag: &str) -> Outcome<Vec<DagView>> {
    let mut dags = client.all_dags().await?;
    dags.retain(|view| view.name.as_str() == dag);
    Ok(dags)
}

fn request(arguments: &Pause) -> PauseRequest {
    PauseRequest { note: arguments.note.clone(), by: Some(caller()) }
}

/// The user of this shell, as it calls itself.
pub fn caller() -> String {
    let named = |wanted: &str| std::env::vars().find(|(name, value)| name == wanted && !value.is_empty());
    let user = named("USER").or_else(|| named("LOGNAME")).map(|(_, value)| value);
    user.unwrap_or_else(|| "the command line".to_owned())
}

/// The pause of a DAG, as the running server says; none without a server.
pub async fn pause_of(home: &Home, dag: &Name) -> Option<PauseView> {
    let running = home.running()?;
    let dags = Client::new(&running.url, &running.token).all_dags().await.ok()?;
    dags.into_iter().find(|view| view.name == *dag)?.paused
}
