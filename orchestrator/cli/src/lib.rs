//! The one binary `daybreak`: commands and wiring. The only package that reads the clock, the environment and the command line.
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic when nobody reads: `output` is for that")]

pub mod arguments;
mod artifacts;
pub mod commands;
pub mod connection;
pub mod demo;
pub mod embedded;
pub mod failure;
pub mod home;
pub mod logging;
pub mod machine;
pub mod output;
pub mod parts;
mod project_folder;
mod reload;
pub mod table;
