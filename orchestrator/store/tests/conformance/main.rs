//! What every store has to keep, whatever database is under it. To add a promise: a test in the file of its subject;
//! `support.rs` holds a store on a fresh database of either kind, with time and chance in the test's hands.

mod activity;
mod attempts;
mod backfills;
mod batches;
mod control;
mod failpoints;
mod fan_out;
mod handed_out;
mod known_results;
mod leases;
mod limits;
mod locked;
mod looks;
mod outages;
mod outbox;
#[path = "../../../../tests/src/postgres.rs"]
mod postgres;
mod project_versions;
mod queues;
mod registry;
mod runs;
mod schedules;
mod semantics;
mod several_servers;
mod standings;
mod statements;
mod support;
mod time_limits;
mod tokens;
mod waits;
