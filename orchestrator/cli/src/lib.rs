//! The one binary `daybreak`: commands and wiring. The only package that reads the clock, the environment and the command line.

pub mod arguments;
mod artifacts;
pub mod commands;
pub mod connection;
pub mod demo;
pub mod embedded;
pub mod failure;
pub mod home;
pub mod logging;
mod reload;
pub mod table;
