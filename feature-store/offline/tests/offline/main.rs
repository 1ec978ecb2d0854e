//! The offline store as its callers see it; one file per subject, all in one binary, since linking Polars is slow.
#![expect(clippy::unwrap_used, reason = "tests")]

mod aggregates;
mod builds;
mod flights;
mod point_in_time;
mod schemas;
mod support;
mod training;
