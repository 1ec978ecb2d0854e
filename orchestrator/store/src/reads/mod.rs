//! What people, programs and the scheduler read. Runs on connections that cannot write; every answer is what the last
//! commit left. To add a read: a method in the file of its subject.

mod activity;
mod backfills;
mod gauges;
mod items;
mod registry;
mod runs;
mod scheduling;
mod standing;
mod workers;

pub use activity::ActiveTask;
pub use backfills::GoingOn;
pub use gauges::Gauges;
pub use runs::AttemptRow;
pub use scheduling::{CurrentProject, RunningAttempt};
pub use standing::Standing;
