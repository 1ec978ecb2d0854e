//! What a server is given when it opens.

use std::path::PathBuf;
use std::time::Duration;

use daybreak_artifacts::Place;
use daybreak_core::KindCatalog;
use daybreak_protocol::Clock;

/// Everything a server needs from outside.
pub struct ServerConfig {
    /// The state folder: LOCK, `state.db` (unless the state is elsewhere), `artifacts/` (unless they are elsewhere).
    pub data_dir: PathBuf,
    /// Where the artefacts are.
    pub artifacts: Place,
    /// The address of the PostgreSQL that holds the state; none: the file in the state folder.
    pub database: Option<String>,
    /// The project's token: authorises everything.
    pub token: String,
    /// Both clocks.
    pub clock: Clock,
    /// Random bits.
    pub random: fn() -> u128,
    /// The kinds of task that workers know.
    pub catalog: KindCatalog,
    /// Called when a commit could not be made durable; has to end the process.
    pub on_fatal: fn(&str),
    /// Lengths of time.
    pub timings: Timings,
    /// Whether schedules fire.
    pub schedules: Schedules,
    /// Whether everybody may read `/metrics`.
    pub open_metrics: bool,
}

/// Whether schedules fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schedules {
    /// They do: the server is there to stay.
    Watched,
    /// They do not: the server lives for one command, which must not start a night on the side. What falls due
    /// meanwhile is missed.
    Resting,
}

/// Lengths of real time; the defaults are what production runs with.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// How long a worker's lease lasts after an accepted heartbeat.
    pub lease: Duration,
    /// How often a worker sends one.
    pub heartbeat: Duration,
    /// How long a worker has to end a cancelled task.
    pub cancel_grace: Duration,
    /// Longest time between two looks at what real time has brought about.
    pub sweep: Duration,
    /// How often the files of sources that DAGs listen to are looked at.
    pub sources: Duration,
    /// How long a server that is to end waits for its workers.
    pub drain: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(12),
            heartbeat: Duration::from_secs(3),
            cancel_grace: Duration::from_secs(30),
            sweep: Duration::from_secs(1),
            sources: Duration::from_secs(2),
            drain: Duration::from_secs(40),
        }
    }
}
