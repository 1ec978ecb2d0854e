//! The server with a worker that is the test itself: it takes tasks, reports what it likes, dies when it likes. To add
//! a story: a test in the file of its subject.

mod control;
mod events;
mod handed_out;
mod logs;
mod looks;
mod metrics;
mod moves;
mod nights;
#[expect(dead_code, reason = "the store's stories use the rest")]
#[path = "../../../../tests/src/postgres.rs"]
mod postgres;
mod project;
mod requests;
mod restarts;
mod schedules;
mod schemathesis;
mod semantics;
mod support;
mod tokens;
mod waits;
mod workers;
