//! Content-addressed objects and the logs of attempts, in a local folder with fsync or in a bucket of an S3 server. Never
//! decides what an object means and never makes a path from an unchecked name. To add a backend: another variant of
//! [`Place`], with what `bucket.rs` and `log_segments.rs` do for S3.

mod bucket;
mod cache;
mod connector;
mod error;
mod folder;
mod log_files;
mod log_name;
mod log_reader;
mod log_segments;
mod log_text;
mod log_writer;
mod looking;
mod objects;
mod place;
mod whole_file;

pub use error::Error;
pub use log_name::LogName;
pub use log_reader::LogPart;
pub use log_text::uncoloured;
pub use log_writer::{LOG_CAP_BYTES, LogWriter};
pub use looking::ObjectPattern;
pub use objects::Artifacts;
pub use place::{Access, Bucket, CACHE_BYTES, PATIENCE, Place};
pub use whole_file::{make_folder, put_in_place};
