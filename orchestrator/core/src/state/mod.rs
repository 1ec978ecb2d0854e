//! The states of tasks and runs, and what decides between them. Each state is an enum variant that carries what belongs
//! to it; its bare word (for rows and JSON) is a second, plain enum. Must never read a clock, a database or a rng.
//! To add a state: a variant in `task.rs` with its word, its rows in `transition.rs`, its arm in `advance.rs`.

mod advance;
mod attempts;
mod by_hand;
mod draft;
mod event;
mod fan_out;
mod items;
mod run;
mod task;
mod transition;
mod wait;
mod waits;

pub use advance::advance;
pub use event::{AttemptEnd, Changes, Event, Mark, Moment, NewList, QueueEnd, Rejected, TaskChange};
pub use fan_out::{Counts, FanOut, Item, MAX_ITEMS, of_item};
pub use run::{NeededBy, RunSnapshot, RunState, RunStatus};
pub use task::{Failure, Hold, TaskProgress, TaskSnapshot, TaskState, TaskStatus, WorkerIdentity};
pub use transition::{Actor, IllegalTransition, Transition, legal_changes, transition};
pub use wait::{Awaited, Deferral, OnReject, Resumption, Wait};

/// Workers that may be lost under one task before it is given up as the cause.
pub const MAX_LOST: u32 = 5;

/// How long after a task's timeout the server itself ends the attempt, should its worker not have done so.
pub const TIMEOUT_GRACE_US: i64 = 15_000_000;
