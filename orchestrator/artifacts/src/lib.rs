//! Content-addressed objects and the logs of attempts, on a local folder with fsync. Never decides what an object means
//! and never makes a path from an unchecked name. To add a backend (S3, GCS): another constructor of [`Artifacts`] over
//! the same `object_store` trait; logs stay local until they are closed.

mod error;
mod log_name;
mod log_reader;
mod log_text;
mod log_writer;
mod objects;

pub use error::Error;
pub use log_name::LogName;
pub use log_reader::LogPart;
pub use log_writer::{LOG_CAP_BYTES, LogWriter};
pub use objects::Artifacts;
