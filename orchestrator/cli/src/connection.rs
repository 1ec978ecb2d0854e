//! Finding a server for a command: the one that runs for the project, or an embedded one for the command's duration.

use std::path::Path;

use daybreak_protocol::{Client, Clock};
use daybreak_spec::Project;

use daybreak_server::Schedules;

use crate::embedded::{Embedded, Options, cores, real_now};
use crate::failure::{Failure, Outcome};
use crate::home::{Home, Running};

/// A server to talk to.
pub struct Connection {
    /// Typed calls.
    pub client: Client,
    /// For calls that have no type.
    pub running: Running,
    embedded: Option<Embedded>,
}

impl Connection {
    /// Connects, or starts a server of the project in this process.
    pub async fn open(directory: &Path) -> Outcome<Self> {
        let home = Home::of(directory)?;
        if let Some(running) = home.running() {
            let client = Client::new(&running.url, &running.token);
            if client.health().await.is_ok() {
                return Ok(Self { client, running, embedded: None });
            }
        }
        let project = load_project(&home)?;
        let options = Options {
            listen: ([127, 0, 0, 1], 0).into(),
            clock: Clock::real(real_now),
            heavy: heavy_default(),
            schedules: Schedules::Resting,
        };
        let embedded = Embedded::start(&home, &project, options).await?;
        Ok(Self { client: embedded.client(), running: embedded.running.clone(), embedded: Some(embedded) })
    }

    /// Whether the server lives only as long as this command.
    pub fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Ends the embedded server, if one was started.
    pub async fn close(self) {
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// Half of the cores: the rest is for serving.
pub fn heavy_default() -> u32 {
    (cores() / 2).max(1)
}

/// Reads a project that has no problem; `daybreak check` in a child process says whether it has.
pub fn load_project(home: &Home) -> Outcome<Project> {
    let check = std::process::Command::new(crate::embedded::own_binary()?)
        .arg("check")
        .arg(&home.project)
        .output()
        .map_err(|error| Failure::input_output("cannot start the check of the project", error))?;
    if !check.status.success() {
        let shown = String::from_utf8_lossy(&check.stdout).into_owned() + &String::from_utf8_lossy(&check.stderr);
        return Err(Failure::configuration(format!("the project has problems\n{}", shown.trim_end())));
    }
    let loaded = daybreak_spec::load(&home.project).map_err(Failure::configuration)?;
    Ok(loaded.project)
}
