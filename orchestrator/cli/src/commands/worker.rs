//! `daybreak worker`: does the work of a server on this machine until Ctrl-C or SIGTERM. Reaches the server over HTTP and
//! nothing else; never holds what opens a database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use daybreak_artifacts::Artifacts;
use daybreak_protocol::Client;
use daybreak_runtime::Worker as Running;
use tokio::sync::watch;

use super::up::Signals;
use crate::arguments::{ToServer, Worker};
use crate::artifacts::{on_disk, shared};
use crate::failure::{Failure, Outcome};
use crate::machine::{heavy_default, host_name, variable};
use crate::output;
use crate::parts::{WorkerOptions, not_taken, worker_config};

/// Runs until told to stop, or until the server does not take it.
pub async fn worker(arguments: &Worker) -> Outcome {
    no_database("worker")?;
    let token = token(&arguments.to)?;
    let data_dir = folder(&arguments.data_dir)?;
    let place = on_disk(shared(&data_dir, arguments.artifacts.as_deref())?)?;
    let artifacts = Artifacts::open(&place).map_err(Failure::configuration)?;
    let (url, label) = (arguments.to.url.clone(), arguments.name.clone().unwrap_or_else(host_name));
    let config = worker_config(WorkerOptions {
        label: label.clone(),
        queues: Some(arguments.queues.clone()),
        labels: arguments.labels.iter().cloned().collect(),
        project_root: arguments.project_root.as_deref().map(folder_there).transpose()?,
        light: arguments.light,
        heavy: arguments.heavy.unwrap_or_else(heavy_default),
        server_url: url.clone(),
        spool: Some(data_dir.join("spool")),
        data_dir,
        secrets: arguments.secrets.clone(),
        drain: Duration::from_micros(arguments.drain.micros.unsigned_abs()),
    })?;
    let (shutdown, stopped) = watch::channel(false);
    let orchestrator = Arc::new(Client::new(&url, &token));
    let registry = Arc::new(daybreak_tasks::registry());
    let mut signals = Signals::new()?;
    // A worker goes on when nobody reads what it says.
    let _ = output::line(format_args!("daybreak worker `{label}` works for {url}"));
    let working = Running::run(config, orchestrator, artifacts, registry, stopped);
    tokio::pin!(working);
    tokio::select! {
        ended = &mut working => return ended.map_err(not_taken),
        () = signals.told() => {}
    }
    let words = "to end, then they are handed back; once more ends at once";
    output::aside(format_args!("stopping: running tasks have {} {words}", arguments.drain));
    let _ = shutdown.send(true);
    tokio::select! {
        ended = working => ended.map_err(not_taken),
        () = signals.told() => {
            Err(Failure { status: 130, message: "ended at once; the server gives what ran to others".into() })
        }
    }
}

/// What opens the state database is for servers alone.
pub fn no_database(role: &str) -> Outcome {
    match variable("DAYBREAK_DATABASE") {
        None => Ok(()),
        Some(_) => Err(Failure::usage(format!(
            "a {role} talks to the server and must not hold what opens its database: start it without DAYBREAK_DATABASE"
        ))),
    }
}

/// The token, from wherever it was put.
pub fn token(to: &ToServer) -> Outcome<String> {
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path);
        text.map_err(|error| Failure::file(format!("cannot read the token in {}", path.display()), &error))
    };
    let token = match (&to.token, &to.token_file) {
        (Some(token), _) => Some(token.clone()),
        (None, Some(path)) => Some(read(path)?),
        (None, None) => variable("DAYBREAK_TOKEN"),
    };
    let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
    token.ok_or_else(|| {
        Failure::usage(
            "there is no token; `daybreak token create --role worker --name NAME` makes one, and DAYBREAK_TOKEN, \
             --token-file or --token hands it over",
        )
    })
}

/// A folder of this process, absolute: children work in it.
pub fn folder(path: &std::path::Path) -> Outcome<PathBuf> {
    let made = std::fs::create_dir_all(path).and_then(|()| path.canonicalize());
    made.map_err(|error| Failure::file(format!("cannot use the folder {}", path.display()), &error))
}

/// A folder that has to be there.
fn folder_there(path: &std::path::Path) -> Outcome<PathBuf> {
    path.canonicalize()
        .map_err(|error| Failure::configuration(format!("cannot open the folder {}: {error}", path.display())))
}
