//! Pure decisions: schedules, graphs, the state machine, retry and the catalogue of kinds. No IO, no clock, no rng, no tokio.

mod due;
mod follow;
mod graph;
mod heartbeat;
mod kind;
mod known_result;
mod outputs;
mod placement;
mod retry;
mod schedule;
mod state;
mod trigger;
mod values;
mod why;

pub use due::{Advance, Due, DueFiring, Turn, due, first_cursor, taken_over};
pub use follow::{Data, UpdateRule, follows, told_of_end};
pub use graph::DagGraph;
pub use heartbeat::Unlisted;
pub use kind::{Dataset, KindCatalog, KindDefinition, ParameterDefinition, ParameterRule, ParameterType};
pub use known_result::result_key;
pub use outputs::{MAX_OUTPUTS_BYTES, too_large};
pub use placement::Takes;
pub use retry::backoff;
pub use schedule::{ClockChange, CompiledSchedule, Firing, Firings, LocalTime, OffsetChange, ScheduleCompiler, Walk};
pub use state::{
    Actor, AttemptEnd, Awaited, Changes, Counts, Deferral, Event, Failure, FanOut, Hold, IllegalTransition, Item,
    MAX_ITEMS, MAX_LOST, Mark, Moment, NeededBy, NewList, OnReject, QueueEnd, Rejected, Resumption, RunSnapshot,
    RunState, RunStatus, TIMEOUT_GRACE_US, TaskChange, TaskProgress, TaskSnapshot, TaskState, TaskStatus, Transition,
    Wait, WorkerIdentity, advance, legal_changes, of_item, transition,
};
pub use trigger::{Need, Verdict, decide};
pub use values::{Handed, Values, plain, tasks_named};
pub use why::{Around, Limited, Why, WhyKind, why, why_run};
