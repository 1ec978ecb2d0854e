//! From the trees of all files to the typed project: one decoding function per map of `keys.rs`, in `decode/`. Checks
//! only what one map can tell; what needs other declarations is `references.rs`. A new map = a table in `keys.rs`, a
//! function here that asks for each of its keys.

mod dag;
mod fields;
mod flow_test;
mod follow;
mod limits;
mod model;
mod params;
mod project;
mod schedule;
mod source;
mod task;
mod view;

pub(crate) use flow_test::flow_tests;
pub use project::{DeclarationKind, Declared};
pub(crate) use project::{Merger, ROOT_FILE};
