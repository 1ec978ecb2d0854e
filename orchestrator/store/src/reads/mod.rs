//! What people, programs and the scheduler read. Runs on connections that cannot write; every answer is what the last
//! commit left. To add a read: a method in the file of its subject.

mod activity;
mod attempts;
mod backfills;
mod catalogue;
mod feature_views;
mod gauges;
mod grid;
mod items;
mod lineage;
mod overview;
mod project_versions;
mod registry;
mod runs;
mod scheduling;
mod standing;
mod workers;

pub use activity::ActiveTask;
pub use backfills::GoingOn;
pub use feature_views::RecordedView;
pub use gauges::Gauges;
pub use overview::Standings;
pub use runs::AttemptRow;
pub use scheduling::{CurrentProject, RunningAttempt};
pub use standing::Standing;

/// A page of rows that were read to one beyond it, and what names its last row where there are more.
pub(crate) fn cut<T, K>(mut rows: Vec<T>, limit: u32, key: impl FnOnce(&T) -> K) -> (Vec<T>, Option<K>) {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = if more { rows.last().map(key) } else { None };
    (rows, next)
}
