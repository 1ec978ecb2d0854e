//! Pure decisions: schedules, graphs, the state machine, retry and the catalogue of kinds. No IO, no clock, no rng, no tokio.

mod due;
mod graph;
mod kind;
mod retry;
mod schedule;
mod state;

pub use due::{Due, DueFiring, Turn, due, first_cursor};
pub use graph::DagGraph;
pub use kind::{Dataset, KindCatalog, KindDefinition, ParameterDefinition, ParameterType};
pub use retry::backoff;
pub use schedule::{CompiledSchedule, Firings};
pub use state::{
    Actor, AttemptEnd, Changes, Event, Failure, Hold, IllegalTransition, MAX_LOST, Moment, Rejected, RunSnapshot,
    RunState, RunStatus, TIMEOUT_GRACE_US, TaskChange, TaskProgress, TaskSnapshot, TaskState, TaskStatus, Transition,
    WorkerIdentity, advance, legal_pairs, transition,
};
