//! What every artefact store has to keep, wherever it is, and what a bucket has to stand. To add a promise: a story in the
//! file of its subject, which runs on a folder and on a real S3 server; `support.rs` holds a store of either kind.

mod faults;
#[path = "../../../../tests/src/faulty_network.rs"]
mod faulty_network;
mod log_faults;
mod logs;
#[path = "../../../../tests/src/object_storage.rs"]
mod object_storage;
mod objects;
mod support;
