//! `daybreak up` in a process of its own, as a user starts it, and the hashes of everything a project has made. Never
//! looks into the server's database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use daybreak_features::OnlineStore as _;
use daybreak_features::embedded::EmbeddedStore;
use daybreak_protocol::{Client, Orchestrator as _, RunSummary, RunsQuery};
use daybreak_spec::{Name, Timestamp};
use serde_json::{Value as Json, json};

use crate::{binary, daybreak, wait_for};

/// A port that nobody listens on.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// A server, told to end when dropped.
pub struct Served {
    child: Child,
    /// Of the project.
    pub folder: PathBuf,
    /// Where it listens.
    pub url: String,
    /// What it asks for.
    pub token: String,
}

impl Served {
    /// Starts it on a free port and waits until it has said where it is.
    ///
    /// # Panics
    /// When it is not there within half a minute.
    pub fn start(folder: &Path, more: &[&str]) -> Self {
        Self::start_with(folder, more, &[])
    }

    /// The same with more variables.
    ///
    /// # Panics
    /// When it is not there within half a minute.
    pub fn start_with(folder: &Path, more: &[&str], variables: &[(&str, String)]) -> Self {
        Self::start_as_with("up", folder, &[&["--listen", "127.0.0.1:0"], more].concat(), variables)
    }

    /// The same as `up` or as `server`, listening where the arguments say.
    ///
    /// # Panics
    /// When it is not there within half a minute.
    pub fn start_as(role: &str, folder: &Path, arguments: &[&str]) -> Self {
        Self::start_as_with(role, folder, arguments, &[])
    }

    /// The same with more variables.
    ///
    /// # Panics
    /// When it is not there within half a minute.
    pub fn start_as_with(role: &str, folder: &Path, arguments: &[&str], variables: &[(&str, String)]) -> Self {
        let mut up = Command::new(binary());
        up.arg(role).args(arguments).current_dir(folder).stdout(Stdio::null());
        up.envs(variables.iter().map(|(name, value)| (name, value)));
        // A note that a killed server has left would be taken for this one's.
        let _ = std::fs::remove_file(folder.join(".daybreak/server.json"));
        let child = up.spawn().expect("a server");
        let note = wait_for("the server's note", Duration::from_secs(30), || {
            let note = std::fs::read(folder.join(".daybreak/server.json")).ok()?;
            serde_json::from_slice::<Json>(&note).ok()
        });
        let text = |key: &str| note[key].as_str().expect("a note").to_owned();
        Self { child, folder: folder.to_path_buf(), url: text("url"), token: text("token") }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Typed calls.
    pub fn client(&self) -> Client {
        Client::new(&self.url, &self.token)
    }

    /// Ctrl-C.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn interrupt(&self) {
        Command::new("kill").arg("-INT").arg(self.child.id().to_string()).status().expect("kill");
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("an end");
    }

    /// Waits until it has ended by itself.
    ///
    /// # Panics
    /// When it cannot be waited for.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("an end")
    }

    /// Waits for the end of the run of a firing that is due.
    ///
    /// # Panics
    /// When it does not end well in time.
    pub async fn wait_firing(&self, at: Timestamp, deadline: Duration) {
        let client = self.client();
        let begun = std::time::Instant::now();
        loop {
            let query = RunsQuery { limit: Some(RunsQuery::MAX_LIMIT), ..RunsQuery::default() };
            let page = client.runs(&query).await.expect("runs");
            let of_firing = |run: &&RunSummary| run.scheduled_for == Some(at);
            if let Some(run) = page.runs.iter().find(of_firing).filter(|run| run.state.is_terminal()) {
                assert_eq!(run.state.to_string(), "succeeded", "{at}: {:?}", run.reason);
                return;
            }
            assert!(begun.elapsed() < deadline, "waited {deadline:?} in vain for the run of {at}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Builds and models by view or model and instant, with the SHA-256 of their content.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn registered(&self) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let (client, mut builds, mut models) = (self.client(), BTreeMap::new(), BTreeMap::new());
        let ever = (Timestamp::from_micros(0), Timestamp::from_micros(253_402_214_400_000_000));
        for view in views(&self.folder) {
            for build in client.builds(&view, ever.0, ever.1).await.expect("builds") {
                builds.insert(format!("{view}@{}", build.as_of), build.object);
            }
        }
        for model in client.all_models().await.expect("models") {
            for version in model.versions {
                models.insert(format!("{}@{}", model.name, version.content.as_of), version.content.object);
            }
        }
        (builds, models)
    }

    /// Ends the server and returns the hashes of all it has made, as `daybreak demo --json` prints them.
    ///
    /// # Panics
    /// When the server does not answer or its online store does not open.
    pub async fn end(self) -> Json {
        let (builds, models) = self.registered().await;
        let folder = self.folder.clone();
        drop(self);
        let store = EmbeddedStore::open(&folder.join(".daybreak/online")).expect("the online store");
        let mut online = BTreeMap::new();
        for view in views(&folder) {
            let published = store.generation(&view).expect("a generation").is_some();
            online.insert(view.to_string(), published.then(|| store.digest(&view).expect("a digest")));
        }
        json!({ "builds": builds, "models": models, "online": online })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be somebody else's.
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        // SIGTERM, so that it hands its tasks back.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn views(folder: &Path) -> Vec<Name> {
    daybreak_spec::load(folder).expect("a project").project.feature_views.into_keys().collect()
}

/// Serves a project whose business time is simulated over nights, one by one, and returns what [`Served::end`] does.
///
/// # Panics
/// When a night does not succeed.
pub async fn nights_of_up(folder: &Path, nights: &[Timestamp]) -> Json {
    nights_of_up_with(folder, nights, &[]).await
}

/// The same with more variables.
///
/// # Panics
/// When a night does not succeed.
pub async fn nights_of_up_with(folder: &Path, nights: &[Timestamp], variables: &[(&str, String)]) -> Json {
    let before = nights.first().expect("a night").plus_micros(-1).to_string();
    let served = Served::start_with(folder, &["--clock-from", &before], variables);
    for night in nights {
        let moved = daybreak(folder, &["clock", &night.to_string()]);
        assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
        served.wait_firing(*night, Duration::from_secs(120)).await;
    }
    served.end().await
}

/// The instants of a demo's report, in order.
///
/// # Panics
/// When it is not one.
pub fn nights_of(report: &Json) -> Vec<Timestamp> {
    let instant = |run: &Json| Timestamp::parse(run["scheduled_for"].as_str()?);
    let runs = report["runs"].as_array().expect("runs");
    runs.iter().map(|run| instant(run).expect("an instant")).collect()
}
