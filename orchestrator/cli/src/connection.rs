//! Finding a server for a command: the one that runs for the project, or an embedded one for the command's duration.

use std::path::Path;

use daybreak_protocol::{Applied, Client, Clock};
use daybreak_spec::Labels;

use daybreak_server::Schedules;

use crate::artifacts::artifacts;
use crate::embedded::{Embedded, Options};
use crate::failure::{Failure, Outcome};
use crate::home::{Home, Running};
use crate::machine::{heavy_default, real_now, variable};
use crate::parts::{Listen, ServerOptions};
use crate::project_folder::load_project;

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
        if let Some(connection) = Self::running(&home).await {
            return Ok(connection);
        }
        let read = load_project(&home)?;
        let server = ServerOptions {
            listen: Listen { address: ([127, 0, 0, 1], 0).into(), allow_remote: false },
            clock: Clock::real(real_now),
            schedules: Schedules::Resting,
            follow: None,
            open_metrics: false,
            database: database(None)?,
            artifacts: artifacts(&home.state, None)?,
        };
        let options = Options { server, heavy: heavy_default(), queues: None, labels: Labels::new(), secrets: None };
        let embedded = Embedded::start(&home, &read, options).await?;
        Ok(Self { client: embedded.client(), running: embedded.running.clone(), embedded: Some(embedded) })
    }

    /// Connects to the server that runs for the project, for a command that makes no sense without one.
    pub async fn to_running(directory: &Path) -> Outcome<Self> {
        let home = Home::of(directory)?;
        Self::running(&home).await.ok_or_else(|| {
            Failure::configuration(format!(
                "no server runs for {}; start one with `daybreak up {0}`",
                home.project.display()
            ))
        })
    }

    async fn running(home: &Home) -> Option<Self> {
        let running = home.running()?;
        let client = Client::new(&running.url, &running.token).of_command_line();
        client.is_running().await.then_some(Self { client, running, embedded: None })
    }

    /// Whether the server lives only as long as this command.
    pub fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// What the deployment of an embedded server changed.
    pub fn deployed(&self) -> Option<Applied> {
        self.embedded.as_ref().map(|embedded| embedded.applied.clone())
    }

    /// Ends the embedded server, if one was started.
    pub async fn close(self) {
        if let Some(embedded) = self.embedded {
            embedded.stop().await;
        }
    }
}

/// The PostgreSQL that holds the state, from the command line or `DAYBREAK_DATABASE`; none: the file in the project.
///
/// # Errors
/// When it is the address of something else. The address itself is not shown: it may hold a password.
pub fn database(argument: Option<&str>) -> Outcome<Option<String>> {
    let environment = || variable("DAYBREAK_DATABASE");
    let Some(url) = argument.map(str::to_owned).or_else(environment).filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Ok(Some(url));
    }
    Err(Failure::usage(
        "the state database is not named by a PostgreSQL address; write postgres://user:password@host:5432/name, \
         or leave it out to keep the state in the project's .daybreak folder",
    ))
}
