//! What a worker and its child say to each other over the child's stdin, a socket: one line of JSON each. The child's
//! stdout and stderr are the task's log and carry nothing else, so a stray print of a library harms nothing, and no
//! token ever lies on a disk or in a command line.

use std::path::PathBuf;

use daybreak_artifacts::Place;
use daybreak_protocol::{Assignment, Outcome};
use serde::{Deserialize, Serialize};

/// The hidden command of the binary that calls [`crate::supervise_main`].
pub const SHIM_COMMAND: &str = "task-shim";
/// The hidden command of the binary that calls [`crate::child_main`].
pub const CHILD_COMMAND: &str = "task-child";

/// The worker's one line: everything a child needs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Job {
    pub(crate) assignment: Assignment,
    pub(crate) server_url: String,
    /// Where the artefacts are, with what a bucket is asked with.
    pub(crate) artifacts: Place,
    pub(crate) data_dir: PathBuf,
    /// Private memory of each process of the task.
    pub(crate) memory_bytes: Option<u64>,
    /// Files by which the task's process enters its control groups.
    pub(crate) doors: Vec<PathBuf>,
}

/// The child's lines.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromChild {
    /// It has its job.
    Started,
    /// The task's code has ended; never `Cancelled` or `HandedBack`.
    Ended { outcome: Outcome, busy_us: u64 },
}

/// One message as its line.
pub(crate) fn line(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).expect("messages have text keys and finite depth");
    line.push(b'\n');
    line
}
