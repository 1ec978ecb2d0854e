//! The prediction endpoint: follows which models are live, fetches features, answers, and keeps every prediction in a
//! durable log. The path of a request touches neither the orchestrator nor its database, takes no lock and waits for no
//! disk. To add a route: a handler in `http`, its line in `table` and a test that names its mistakes.

mod assemble;
mod copies;
mod follow;
mod http;
mod load;
mod log;
mod plan;
mod registry;
mod request;
mod serving;
mod state_file;
mod values;

pub use http::{document, routes};
pub use serving::{Error, Serving, ServingConfig};
