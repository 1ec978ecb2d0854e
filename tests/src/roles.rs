//! Workers and endpoints in processes of their own, as a user starts them beside `daybreak server`. What they say goes to a
//! file, so that a test can wait for a line of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use crate::served::Served;
use crate::{binary, daybreak, json, wait_for};

/// How long a process may take to say or do what is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process of a role, told to end when dropped.
pub struct Role {
    child: Child,
    said: PathBuf,
}

impl Role {
    /// Starts a command line; a token goes by its variable.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(name: &str, folder: &Path, token: &str, arguments: &[&str]) -> Self {
        Self::start_with((name, folder), token, arguments, &[])
    }

    /// The same with more variables.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_with(
        (name, folder): (&str, &Path),
        token: &str,
        arguments: &[&str],
        variables: &[(&str, String)],
    ) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let said = folder.join(format!("{name}.said"));
        let file = File::create(&said).expect("a file");
        let mut command = Command::new(binary());
        command.args(arguments).env("DAYBREAK_TOKEN", token).env_remove("DAYBREAK_DATABASE").current_dir(folder);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let child = command.stdout(file.try_clone().expect("a file")).stderr(file).spawn().expect("a process");
        Self { child, said }
    }

    /// A worker of a server, with a folder of its own beside the project.
    ///
    /// # Panics
    /// When it does not say that it works.
    pub fn worker(served: &Served, name: &str, more: &[&str]) -> Self {
        let worker = Self::unheard_worker(served, name, more);
        worker.says("works for");
        worker
    }

    /// The same without waiting for a word of it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn unheard_worker(served: &Served, name: &str, more: &[&str]) -> Self {
        Self::unheard_worker_with((served, name), more, &[])
    }

    /// The same with more variables.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn unheard_worker_with((served, name): (&Served, &str), more: &[&str], variables: &[(&str, String)]) -> Self {
        let folder = served.folder.with_file_name(format!("of-{name}"));
        let artifacts = served.folder.join(".daybreak/artifacts");
        let artifacts = artifacts.to_str().expect("a path of letters");
        let data_dir = folder.join("data");
        let data_dir = data_dir.to_str().expect("a path of letters");
        let mut arguments = vec!["worker", "--server", &served.url, "--name", name];
        arguments.extend(["--artifacts", artifacts, "--data-dir", data_dir]);
        arguments.extend(more);
        Self::start_with((name, &folder), &token(&served.folder, "worker", name), &arguments, variables)
    }

    /// An endpoint over the state of a worker on this machine, and where it listens.
    ///
    /// # Panics
    /// When it does not say where it is.
    pub fn endpoint(project: &Path, server: &str, of_worker: &str, token: &str) -> (Self, String) {
        Self::endpoint_with((project, server), of_worker, token, &[])
    }

    /// The same with more variables.
    ///
    /// # Panics
    /// When it does not say where it is.
    pub fn endpoint_with(
        (project, server): (&Path, &str),
        of_worker: &str,
        token: &str,
        variables: &[(&str, String)],
    ) -> (Self, String) {
        let folder = project.with_file_name(format!("of-{of_worker}"));
        let artifacts = project.join(".daybreak/artifacts");
        let (artifacts, data_dir) = (artifacts.to_str().expect("letters"), folder.join("data"));
        let mut arguments = vec!["serve", "--server", server, "--listen", "127.0.0.1:0"];
        arguments.extend(["--artifacts", artifacts, "--data-dir", data_dir.to_str().expect("letters")]);
        let role = Self::start_with(("endpoint", &folder), token, &arguments, variables);
        role.says("daybreak serves");
        let said = role.said();
        let line = said.lines().find(|line| line.starts_with("daybreak serves")).expect("a line");
        let url = line.rsplit(' ').next().expect("an address").to_owned();
        (role, url)
    }

    /// Waits until it has said something.
    ///
    /// # Panics
    /// When it does not in time, with all that it said.
    pub fn says(&self, text: &str) {
        let begun = std::time::Instant::now();
        while !self.said().contains(text) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain for `{text}`; it said: {}", self.said());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// All that it has said.
    ///
    /// # Panics
    /// When the file is gone.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.said).expect("what it said")).into_owned()
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, e.g. `TERM`.
    ///
    /// # Panics
    /// When there is no `kill`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill").success(), "SIG{signal}");
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// When it does not in time, with all that it said.
    pub fn wait(&mut self) -> ExitStatus {
        let said = self.said.clone();
        wait_for(&format!("the end of {}", said.display()), PATIENCE, || self.child.try_wait().expect("a state"))
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        // Once it has been waited for, its number may be somebody else's.
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A new token of a role.
///
/// # Panics
/// When the server makes none.
pub fn token(project: &Path, role: &str, name: &str) -> String {
    let name = format!("{name}-{}", rand::random::<u32>());
    let made = json(&daybreak(project, &["token", "create", "--role", role, "--name", &name, "--json"]));
    made["token"].as_str().expect("a token").to_owned()
}
