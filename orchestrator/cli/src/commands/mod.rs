//! One file per group of commands.

pub mod asking;
pub mod init;
pub mod project;
pub mod reading;
pub mod running;
pub mod training_set;
pub mod up;
