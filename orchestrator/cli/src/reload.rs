//! Following the project's folder while a server runs: what is written there is read, checked and made current as a
//! whole. The files' stamps are looked at a few times a second, which works on every file system and with every
//! editor; what is being written still is left until it rests.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use daybreak_protocol::{Applied, ProjectFiles};
use daybreak_server::{ProjectSource, ReadProject, Server, Unsound};
use daybreak_spec::{Project, Source, Stamp};
use tokio::sync::watch;

use crate::home::Home;
use crate::output;
use crate::project_folder::{load_project, texts};

/// Between two looks. Files are read once two looks in a row have found the same.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// Every YAML file with its stamp; none where the folder cannot be read.
pub type Stamps = Option<Vec<(PathBuf, Option<Stamp>)>>;

/// The files as they are. To be taken before they are read: what is written meanwhile is then seen as a change.
pub fn stamps(home: &Home) -> Stamps {
    daybreak_spec::stamps(&home.project).ok()
}

/// The project's folder.
pub struct Folder {
    home: Home,
    read: Mutex<Read>,
    /// Held while the texts are read for somebody who looks: one at a time, for a project may be large.
    looked_at: tokio::sync::Mutex<()>,
}

/// What was there when the project was last read.
struct Read {
    stamps: Stamps,
    /// Files beside the YAML: calendars.
    beside: Stamps,
}

impl Folder {
    /// The folder that `project` was just read from; `before`: its stamps before that.
    pub fn new(home: Home, project: &Project, before: Stamps) -> Self {
        let beside = stamped(beside(&home, project));
        Self { home, read: Mutex::new(Read { stamps: before, beside }), looked_at: tokio::sync::Mutex::default() }
    }

    /// The files as they are now, and whether they are those that were read.
    fn look(&self) -> (Stamps, bool) {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let named = read.beside.iter().flatten().map(|(path, _)| path.clone()).collect();
        let (mut now, beside) = (stamps(&self.home), stamped(named));
        let same = now == read.stamps && beside == read.beside;
        now.iter_mut().for_each(|now| now.extend(beside.iter().flatten().cloned()));
        (now, same)
    }
}

fn beside(home: &Home, project: &Project) -> Vec<PathBuf> {
    let calendars = project.calendars.values();
    calendars.filter_map(|calendar| calendar.path.as_ref()).map(|path| home.project.join(&path.value)).collect()
}

fn stamped(paths: Vec<PathBuf>) -> Stamps {
    let stamp = |path: PathBuf| {
        let stamp = daybreak_spec::stamp(&path);
        (path, stamp)
    };
    Some(paths.into_iter().map(stamp).collect())
}

#[async_trait]
impl ProjectSource for Folder {
    async fn read(&self) -> Result<ReadProject, Unsound> {
        let home = self.home.clone();
        let read = move || {
            let before = stamps(&home);
            let found = load_project(&home).map_err(Unsound::from);
            let beside = found.as_ref().ok().map(|found| beside(&home, &found.project));
            (before, beside, found)
        };
        let joined = tokio::task::spawn_blocking(read).await;
        let (before, beside, found) =
            joined.map_err(|error| Unsound::of_all("unreadable_project", error.to_string()))?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let named = beside.unwrap_or_else(|| read.beside.iter().flatten().map(|(path, _)| path.clone()).collect());
        *read = Read { stamps: before, beside: stamped(named) };
        found
    }

    async fn texts(&self) -> Result<ProjectFiles, String> {
        let (home, _alone) = (self.home.clone(), self.looked_at.lock().await);
        let read = tokio::task::spawn_blocking(move || texts(&home)).await.map_err(|error| error.to_string())?;
        read.map_err(|failure| failure.message)
    }

    async fn files(&self, source: &Source, data_roots: &[PathBuf]) -> Result<Vec<(PathBuf, Stamp)>, String> {
        let (root, roots, source) = (self.home.project.clone(), data_roots.to_vec(), source.clone());
        let look = move || {
            let files = daybreak_offline::source_files(&root, &roots, &source).map_err(|problem| problem.message)?;
            // One that is gone by now is seen at the next look.
            let stamped = files.into_iter().filter_map(|file| daybreak_spec::stamp(&file).map(|stamp| (file, stamp)));
            Ok(stamped.collect())
        };
        tokio::task::spawn_blocking(look).await.map_err(|error| error.to_string())?
    }

    fn root(&self) -> &Path {
        &self.home.project
    }
}

/// Reloads whenever the folder is not as it was read and rests, until told to stop.
pub async fn follow(server: Arc<Server>, folder: Arc<Folder>, mut stopped: watch::Receiver<bool>) {
    let mut last = None;
    loop {
        let looking = folder.clone();
        let Ok((now, same)) = tokio::task::spawn_blocking(move || looking.look()).await else { return };
        if !same && last.as_ref() == Some(&now) {
            report(server.reload(None).await);
        }
        last = Some(now);
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_LOOKS) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
    }
}

fn report(reloaded: Result<Applied, daybreak_server::Error>) {
    match reloaded {
        Ok(applied) if applied.previous.as_ref() == Some(&applied.version) => {}
        Ok(Applied { version, changes, .. }) => {
            // A server goes on when nobody reads.
            let _ = output::line(format_args!(
                "reloaded: {} declarations have changed, version {version:.12} is live",
                changes.len()
            ));
        }
        Err(error) => tracing::error!("the project is not reloaded, what was live stays live: {error}"),
    }
}
