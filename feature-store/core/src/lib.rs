//! Feature values by day: rows, freshness, key and value encoding, and the online store that publishes whole
//! generations. Never computes a feature and never reads a clock: the instant of a read is an argument.
//! To add a store: one module that implements [`OnlineStore`] and passes `tests/conformance`.

pub mod embedded;
mod error;
mod freshness;
mod key;
mod row;
mod row_encoding;
mod store;

pub use error::Error;
pub use freshness::is_fresh;
pub use key::EncodedKey;
pub use row::{FeatureRow, Generation, Online, Status};
pub use store::{Lookup, OnlineStore, Published};
