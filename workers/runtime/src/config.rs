//! How a worker is set up. Everything comes from the binary: nothing here asks the machine or its environment.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use daybreak_artifacts::Bucket;
use daybreak_protocol::{PROTOCOL_VERSION, Register};
use daybreak_spec::{Labels, Name};

use crate::{ControlGroups, SecretSource};

/// A worker's set-up.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// What people call it.
    pub label: String,
    /// Version of the binary.
    pub version: String,
    /// The machine it runs on.
    pub host: String,
    /// The queues that it takes from; none: every queue.
    pub queues: Option<Vec<Name>>,
    /// What it has, for tasks that ask for it.
    pub labels: Labels,
    /// The project's folder on this machine, where that is another than on the server's.
    pub project_root: Option<PathBuf>,
    /// Light tasks at a time, in this process.
    pub light_slots: u32,
    /// Heavy tasks at a time, each in a child process.
    pub heavy_slots: u32,
    /// Where children reach the server, e.g. `http://127.0.0.1:4400`.
    pub server_url: String,
    /// The state folder that children work in (online store, temporary files).
    pub data_dir: PathBuf,
    /// Where reports are kept that the server cannot be told; none: nowhere, for a worker that ends with its server.
    pub spool: Option<PathBuf>,
    /// The binary whose hidden commands [`crate::SHIM_COMMAND`] and [`crate::CHILD_COMMAND`] call
    /// [`crate::supervise_main`] and [`crate::child_main`].
    pub executable: PathBuf,
    /// What children may use.
    pub limits: ChildLimits,
    /// Where a task's processes are bounded together; none: each by itself, and their number not at all.
    pub groups: Option<ControlGroups>,
    /// All variables that children get, apart from the thread counts; see [`allowed_environment`].
    pub environment: Vec<(OsString, OsString)>,
    /// How buckets of objects that tasks wait for are asked, its name and prefix apart; none: not at all.
    pub buckets: Option<Bucket>,
    /// Where `secret://NAME` is found.
    pub secrets: SecretSource,
    /// How long running tasks may go on after the worker was told to stop; then they are handed back.
    pub drain: Duration,
}

impl WorkerConfig {
    /// How it presents itself.
    pub(crate) fn registration(&self) -> Register {
        Register {
            label: self.label.clone(),
            version: self.version.clone(),
            protocol: PROTOCOL_VERSION,
            host: self.host.clone(),
            queues: self.queues.clone(),
            labels: self.labels.clone(),
            light_slots: self.light_slots,
            heavy_slots: self.heavy_slots,
        }
    }
}

/// What a child process may use.
#[derive(Clone, Debug)]
pub struct ChildLimits {
    /// Memory of a task's processes together, and private memory of each, unless the task says otherwise (`memory:`);
    /// none = no limit.
    pub memory_bytes: Option<u64>,
    /// Threads for Polars and rayon, and processors for all processes of a task together.
    pub threads: u32,
    /// Processes and threads of a task together.
    pub processes: u32,
    /// Niceness (0 to 19), so that serving beside it stays quick.
    pub nice: i32,
    /// Time between "please end" (SIGTERM) and SIGKILL.
    pub grace: Duration,
}

impl Default for ChildLimits {
    fn default() -> Self {
        Self { memory_bytes: None, threads: 2, processes: 4_096, nice: 10, grace: Duration::from_secs(5) }
    }
}

/// Variables that tasks may see. Secrets of the server, tokens and cloud credentials are not among them.
const ALLOWED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TERM",
    "LD_LIBRARY_PATH",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Those of the process's variables that tasks may see.
pub fn allowed_environment(variables: impl Iterator<Item = (OsString, OsString)>) -> Vec<(OsString, OsString)> {
    let of_a_test = |name: &str| cfg!(debug_assertions) && name == daybreak_failpoints::VARIABLE;
    let allowed = |name: &OsString| {
        name.to_str().is_some_and(|name| {
            ALLOWED.contains(&name) || name.starts_with("LC_") || name.starts_with("POLARS_") || of_a_test(name)
        })
    };
    variables.filter(|(name, _)| allowed(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_the_server_do_not_reach_tasks() {
        let variables = ["PATH", "DAYBREAK_TOKEN", "AWS_SECRET_ACCESS_KEY", "LC_ALL", "DATABASE_URL"];
        let given = allowed_environment(variables.iter().map(|name| (OsString::from(name), OsString::from("x"))));
        let names: Vec<_> = given.iter().map(|(name, _)| name.to_string_lossy()).collect();
        assert_eq!(names, ["PATH", "LC_ALL"]);
    }
}
