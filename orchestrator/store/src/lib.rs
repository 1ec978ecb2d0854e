//! The only crate that knows SQL. One writer commits everything that queued while the previous commit was being made
//! durable; a pool that cannot write answers reads. Decides nothing: what an event changes is `daybreak_core::advance`'s
//! word. To add a write: a `Command` in the file of its subject and a method of [`Store`]; a read: a method in `reads/`.

mod attempts;
mod changes;
mod claims;
mod clock;
mod deployments;
mod effects;
mod error;
mod load;
mod migrations;
mod reads;
mod registry;
mod runs;
mod sources;
mod store;
mod sweep;
mod workers;
mod writer;

pub use attempts::ReportedEnd;
pub use claims::{Claim, ClaimedTask};
pub use deployments::{DeployedDag, Deployment};
pub use effects::Effect;
pub use error::Error;
pub use migrations::trigger_against_illegal_transitions;
pub use reads::{AttemptRow, CurrentProject, RunningAttempt};
pub use runs::{CursorMove, Fire, Fired, NewFiring, NewRun, RunTemplate, TaskTemplate};
pub use sources::Sources;
pub use store::{Options, Store};
pub use sweep::{Sweep, Swept};
pub use workers::{HeldByWorker, NewWorker};
