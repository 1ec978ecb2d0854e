//! One file per group of commands.

pub mod apply;
pub mod asking;
pub mod backfills;
pub mod clock;
pub mod control;
pub mod dags;
pub mod following;
pub mod init;
pub mod migrate;
pub mod models;
pub mod project;
pub mod reading;
pub mod running;
pub mod schedules;
pub mod serve;
pub mod server;
pub mod testing;
pub mod tokens;
pub mod training_set;
pub mod up;
pub mod watching;
pub mod worker;
pub mod workers;
