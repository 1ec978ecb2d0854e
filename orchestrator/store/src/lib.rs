//! The only crate that knows SQL. One writer commits everything that queued while the previous commit was being made
//! durable; a pool that cannot write answers reads. Decides nothing: what an event changes is `daybreak_core::advance`'s
//! word. To add a write: a `Command` in the file of its subject and a method of [`Store`]; a read: a method in `reads/`.

mod attempts;
mod audit;
mod backfills;
mod batch;
mod by_hand;
mod changes;
mod claimed;
mod claims;
mod clock;
mod database;
mod deployments;
mod due;
mod effects;
mod error;
mod follow_up;
mod known;
mod leadership;
mod limits;
mod load;
mod making;
mod measures;
mod migrations;
mod moves;
mod once;
mod outbox;
mod pauses;
mod pending;
mod reads;
mod ready;
mod registry;
mod run_latest;
mod runs;
mod sources;
mod store;
mod sub_runs;
mod sweep;
mod time_limits;
mod tokens;
mod tx;
mod unmanned;
mod waits;
mod workers;
mod writer;

pub use attempts::ReportedEnd;
pub use audit::Caller;
pub use backfills::{BackfillChange, BackfillStep, NewBackfill, Window, wants};
pub use by_hand::{Again, MarkTask, RunAgain};
pub use claimed::{Claim, ClaimedTask};
pub use database::Database;
pub use deployments::{DeployedCursor, DeployedDag, Deployment};
pub use effects::Effect;
pub use error::Error;
pub use follow_up::{FollowUp, FollowingRun, SeenUpdate, Settle, SourceLook};
pub use limits::LimitShare;
pub use measures::Measures;
pub use migrations::{AppliedMigration, Migrated, migrate, trigger_against_illegal_transitions};
pub use moves::MoveByHand;
pub use once::{Made, Once, TriggerRun};
pub use outbox::{Happened, Happening, HeardRun, Listened};
pub use pauses::{Pause, PauseChange};
pub use reads::{
    ActiveTask, AttemptRow, CurrentProject, Gauges, GoingOn, RecordedView, RunningAttempt, Standing, Standings,
};
pub use run_latest::RunLatest;
pub use runs::{CursorMove, Fire, Fired, NewFiring, NewRun, RunTemplate, TaskTemplate};
pub use sources::Sources;
pub use store::{LeaseClock, Options, Store};
pub use sub_runs::{ParentRun, SubRunSettled};
pub use sweep::{Sweep, Swept};
pub use tokens::{NewToken, RevokeToken};
pub use unmanned::CacheRule;
pub use waits::{DecideTask, Decision, MetWait, WindowPage};
pub use workers::{HeldByWorker, NewWorker};
