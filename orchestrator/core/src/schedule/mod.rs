//! When a DAG fires. An expression is read and normalised (`expression`, `field`, `days`), its wall-clock times are
//! enumerated (`wall_clock`, on the `cron` crate's fields), and wall clock is mapped to instants (`instants`). Nothing
//! here asks for the time. To add a form of expression: read it in `expression`, and a row in `tests/schedule/table.rs`.
//!
//! The rules where clocks jump, those of cronie made explicit: a *fixed-time* schedule (neither its minute nor its hour
//! field starts with `*`) fires once right after a gap that swallowed it, and once, at the first pass, for a time that
//! comes twice, unless its `dst` says otherwise. Every other schedule follows real time: it skips a gap and fires in both passes. A jump of more than
//! 3 hours is a correction of the calendar, not daylight saving: nothing is made up for.

mod changes;
mod compile;
mod compiled;
mod dates;
mod days;
mod expression;
mod field;
mod firings;
mod instants;
mod local;
mod walk;
mod wall_clock;

pub use changes::OffsetChange;
pub use compile::ScheduleCompiler;
pub(crate) use compile::zone_of;
pub use compiled::CompiledSchedule;
pub use firings::Firings;
pub(crate) use instants::{date_at, instant_of};
pub use local::{ClockChange, LocalTime};
pub use walk::{Firing, Walk};
