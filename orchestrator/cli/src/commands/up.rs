//! `daybreak up`: server, worker and endpoint in one process until Ctrl-C or SIGTERM.

use daybreak_protocol::Clock;

use daybreak_server::Schedules;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::arguments::Up;
use crate::artifacts::artifacts;
use crate::connection::{database, heavy_default, load_project};
use crate::embedded::{Embedded, Options, real_now};
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::reload::stamps;

/// Runs until told to stop.
pub async fn up(arguments: &Up) -> Outcome {
    let home = Home::of(&arguments.directory)?;
    let before = stamps(&home);
    let project = load_project(&home)?;
    let options = Options {
        listen: arguments.listen,
        clock: arguments.clock_from.map_or_else(|| Clock::real(real_now), |from| Clock::simulated(real_now, from)),
        heavy: arguments.heavy.unwrap_or_else(heavy_default),
        schedules: Schedules::Watched,
        follow: Some(before),
        open_metrics: arguments.open_metrics,
        database: database(arguments.database.as_deref())?,
        artifacts: artifacts(&home, arguments.artifacts.as_deref())?,
        secrets: arguments.secrets.clone(),
    };
    let embedded = Embedded::start(&home, &project, options).await?;
    let url = &embedded.running.url;
    let (name, models): (_, Vec<_>) = (project.name.value.clone(), project.models.keys().cloned().collect());
    // The declarations of ten thousand DAGs are not kept while their schedules rest.
    drop(project);
    println!("daybreak serves {name} at {url}");
    for model in &models {
        println!("  POST {url}/v1/models/{model}/predict");
    }
    if embedded.clock.is_simulated() {
        println!(
            "  business time is simulated and stands at {}; to move it on: daybreak clock INSTANT --project {}",
            embedded.clock.business_now(),
            arguments.directory.display()
        );
    }
    println!("  the token: daybreak token --project {}", arguments.directory.display());
    let mut signals = Signals::new()?;
    signals.told().await;
    eprintln!("stopping: running tasks are handed back; once more ends at once");
    tokio::select! {
        () = embedded.stop() => Ok(()),
        () = signals.told() => {
            Err(Failure { status: 130, message: "ended at once; what ran is run again by the next `daybreak up`".into() })
        }
    }
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
