//! Following the project's folder while a server runs: what is written there is read, checked and made current as a
//! whole. The files' stamps are looked at a few times a second, which works on every file system and with every
//! editor; what is being written still is left until it rests.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use daybreak_protocol::Applied;
use daybreak_server::{ProjectSource, Server};
use daybreak_spec::{Project, Stamp};
use tokio::sync::watch;

use crate::connection::load_project;
use crate::home::Home;

/// Between two looks. Files are read once two looks in a row have found the same.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// The project's folder.
pub struct Folder {
    home: Home,
    /// Files beside the YAML that the project was read from: calendars.
    beside: Mutex<Vec<PathBuf>>,
}

/// Every file with its stamp; none where the folder cannot be read.
type Stamps = Option<Vec<(PathBuf, Option<Stamp>)>>;

impl Folder {
    /// The folder that `project` was just read from.
    pub fn new(home: Home, project: &Project) -> Self {
        let beside = Mutex::new(beside(&home, project));
        Self { home, beside }
    }

    fn stamps(&self) -> Stamps {
        let mut stamps = daybreak_spec::stamps(&self.home.project).ok()?;
        let beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        stamps.extend(beside.iter().map(|path| (path.clone(), daybreak_spec::stamp(path))));
        Some(stamps)
    }
}

fn beside(home: &Home, project: &Project) -> Vec<PathBuf> {
    let calendars = project.calendars.values();
    calendars.filter_map(|calendar| calendar.path.as_ref()).map(|path| home.project.join(&path.value)).collect()
}

#[async_trait]
impl ProjectSource for Folder {
    async fn read(&self) -> Result<Project, String> {
        let home = self.home.clone();
        let read = tokio::task::spawn_blocking(move || load_project(&home)).await;
        let project = read.map_err(|error| error.to_string())?.map_err(|failure| failure.message)?;
        *self.beside.lock().unwrap_or_else(PoisonError::into_inner) = beside(&self.home, &project);
        Ok(project)
    }

    fn root(&self) -> &Path {
        &self.home.project
    }
}

/// Reloads whenever the folder has changed and rests, until told to stop.
pub async fn follow(server: Arc<Server>, folder: Arc<Folder>, mut stopped: watch::Receiver<bool>) {
    let mut live = look(&folder).await;
    let mut last = live.clone();
    loop {
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_LOOKS) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let now = look(&folder).await;
        if now == last && now != live {
            report(server.reload().await);
            // What was written while it was being read is seen at the next look.
            live.clone_from(&now);
        }
        last = now;
    }
}

async fn look(folder: &Arc<Folder>) -> Stamps {
    let folder = folder.clone();
    tokio::task::spawn_blocking(move || folder.stamps()).await.unwrap_or_default()
}

fn report(reloaded: Result<Applied, daybreak_server::Error>) {
    match reloaded {
        Ok(applied) if applied.previous.as_ref() == Some(&applied.version) => {}
        Ok(Applied { version, changes, .. }) => {
            println!("reloaded: {} declarations have changed, version {version:.12} is live", changes.len());
        }
        Err(error) => tracing::error!("the project is not reloaded, what was live stays live: {error}"),
    }
}
