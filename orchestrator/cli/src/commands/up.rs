//! `daybreak up`: server, worker and endpoint in one process until Ctrl-C or SIGTERM.

use daybreak_spec::Name;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::server::project_and_options;
use crate::arguments::Up;
use crate::embedded::{Embedded, Options};
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::machine::heavy_default;
use crate::output;

/// Runs until told to stop.
pub async fn up(arguments: &Up) -> Outcome {
    let home = Home::of(&arguments.server.directory)?;
    let (read, server) = project_and_options(&home, &arguments.server)?;
    let heavy = arguments.heavy.unwrap_or_else(heavy_default);
    let (queues, labels) = (arguments.queues.clone(), arguments.labels.iter().cloned().collect());
    let options = Options { server, heavy, queues, labels, secrets: arguments.secrets.clone() };
    let embedded = Embedded::start(&home, &read, options).await?;
    let project = &read.project;
    let (name, models): (_, Vec<_>) = (project.name.value.clone(), project.models.keys().cloned().collect());
    // The declarations of ten thousand DAGs are not kept while their schedules rest.
    drop(read);
    // A server goes on when nobody reads what it says.
    let _ = output::text(greeting(arguments, &embedded, (&name, &models)));
    let mut signals = Signals::new()?;
    signals.told().await;
    output::aside("stopping: running tasks are handed back; once more ends at once");
    tokio::select! {
        () = embedded.stop() => Ok(()),
        () = signals.told() => {
            Err(Failure { status: 130, message: "ended at once; what ran is run again by the next `daybreak up`".into() })
        }
    }
}

/// What it serves, where, and what to ask it with.
fn greeting(arguments: &Up, embedded: &Embedded, (name, models): (&Name, &[Name])) -> String {
    let url = &embedded.running.url;
    let mut text = format!("daybreak serves {name} at {url}\n");
    for model in models {
        text.push_str(&format!("  POST {url}/v1/models/{model}/predict\n"));
    }
    if embedded.clock.is_simulated() {
        text.push_str(&format!(
            "  business time is simulated and stands at {}; to move it on: daybreak clock INSTANT --project {}\n",
            embedded.clock.business_now(),
            arguments.server.directory.display()
        ));
    }
    text.push_str(&format!("  the token: daybreak token --project {}\n", arguments.server.directory.display()));
    text
}

/// Ctrl-C and SIGTERM. One that comes while nobody waits is not lost.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on.
    pub fn new() -> Outcome<Self> {
        let listen = |kind| signal(kind).map_err(|error| Failure::input_output("cannot listen for signals", error));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Waits for the next of them.
    pub async fn told(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
