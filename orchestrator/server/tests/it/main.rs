//! The server with a worker that is the test itself: it takes tasks, reports what it likes, dies when it likes. To add
//! a story: a test in the file of its subject.

mod control;
mod nights;
mod requests;
mod restarts;
mod schedules;
mod semantics;
mod support;
mod waits;
mod workers;
