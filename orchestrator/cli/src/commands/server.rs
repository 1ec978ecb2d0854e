//! `daybreak server`: schedules and hands out work until Ctrl-C or SIGTERM; runs no task and answers no prediction.

use daybreak_protocol::Clock;
use daybreak_server::{ReadProject, Schedules};

use super::up::Signals;
use crate::arguments::{Listening, Serving};
use crate::artifacts::{artifacts, shown_place};
use crate::connection::database;
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::machine::real_now;
use crate::output;
use crate::parts::{Listen, OpenServer, Part, ServerOptions};
use crate::project_folder::load_project;
use crate::reload::stamps;

/// Runs until told to stop.
pub async fn server(arguments: &Serving) -> Outcome {
    let home = Home::of(&arguments.directory)?;
    let (read, options) = project_and_options(&home, arguments)?;
    let open = OpenServer::open(&home, &read, &options).await?;
    let (name, running) = (read.project.name.value.clone(), open.running.clone());
    drop(read);
    let mut part = Part::default();
    open.start(&mut part, None);
    home.announce(&running)?;
    let text = format!(
        "daybreak schedules {name} at {url}\n  a token for workers: daybreak token create --role worker --name NAME --project {}\n  \
         a worker: DAYBREAK_TOKEN=… daybreak worker --server {url} --artifacts {}\n",
        shown(arguments),
        shown_place(&options.artifacts),
        url = running.url,
    );
    // A server goes on when nobody reads what it says.
    let _ = output::text(text);
    let mut signals = Signals::new()?;
    signals.told().await;
    output::aside("stopping: what workers run goes on; once more ends at once");
    home.retire();
    tokio::select! {
        () = part.stop() => Ok(()),
        () = signals.told() => Err(Failure { status: 130, message: "ended at once".into() }),
    }
}

fn shown(arguments: &Serving) -> std::path::Display<'_> {
    arguments.directory.display()
}

/// The project as it is now and how it is to be served.
pub fn project_and_options(home: &Home, arguments: &Serving) -> Outcome<(ReadProject, ServerOptions)> {
    let before = stamps(home);
    let read = load_project(home)?;
    let clock = match arguments.clock_from {
        Some(from) => Clock::simulated(real_now, from),
        None => Clock::real(real_now),
    };
    let options = ServerOptions {
        listen: where_to(arguments.listening),
        clock,
        schedules: Schedules::Watched,
        follow: Some(before),
        open_metrics: arguments.open_metrics,
        database: database(arguments.database.as_deref())?,
        artifacts: artifacts(&home.state, arguments.artifacts.as_deref())?,
    };
    Ok((read, options))
}

/// Where a role is told to listen.
pub fn where_to(listening: Listening) -> Listen {
    Listen { address: listening.listen, allow_remote: listening.allow_remote }
}
