//! The server: its HTTP surface, the loops that make what should be so, and `apply`, the one path every event takes.
//! Runs no task's code, no Polars and no SQL. To add an event: its method in `apply.rs`, its write in `daybreak-store`.

mod access;
mod apply;
mod backfills;
mod clock;
mod config;
mod control;
mod dag_views;
mod deployed;
mod draining;
mod engine;
mod error;
mod feed;
mod following;
mod heartbeats;
pub mod http;
mod leadership;
mod lines;
mod lock;
mod metrics;
mod migrating;
mod orchestrator;
mod origin;
mod outbox;
mod pauses;
mod real_time;
mod refusals;
mod reload;
mod requests;
mod scheduler;
mod server;
mod source_watch;
mod sweeper;
mod tokens;
mod versions;
mod waits;
mod workers;

pub use config::{Schedules, ServerConfig, Timings};
pub use error::Error;
pub use following::Events;
pub use migrating::{database_name, migrate};
pub use origin::Origin;
pub use refusals::Refused;
pub use reload::ProjectSource;
pub use server::Server;
