//! A worker: asks the server for tasks and runs them, light ones in its own process, heavy ones in child processes that
//! never outlive it. Knows nothing of SQL, of schedules or of what a kind does. A new kind of task implements [`Task`]
//! in `workers/tasks`; nothing here changes for it.

mod attempt;
mod cgroup;
mod child;
mod config;
mod context;
mod ending;
mod heavy;
mod held;
mod lease;
mod light;
mod mask;
mod mounts;
mod output;
mod prepared;
mod process_tree;
mod project;
mod registry;
mod secret;
mod spool;
mod substitute;
mod supervise;
mod task;
mod wire;
mod worker;

pub use cgroup::ControlGroups;
pub use child::child_main;
pub use config::{ChildLimits, WorkerConfig, allowed_environment};
pub use context::{TaskContext, rendered_parameters};
pub use ending::last_lines;
pub use mask::{AttemptLog, MaskedStream};
pub use registry::Registry;
pub use secret::{Secret, SecretSource, Secrets};
pub use supervise::supervise_main;
pub use task::{Task, TaskError, chain};
pub use wire::{CHILD_COMMAND, SHIM_COMMAND};
pub use worker::Worker;
