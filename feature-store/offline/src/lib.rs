//! Polars and Parquet: schemas of sources, builds of views, point-in-time joins and training sets. Hands out plain values
//! and bytes, never a Polars type; never writes a file, asks for the time or depends on the number of threads. To add a
//! view kind: `build/`; a Parquet type: `schema.rs`; an aggregate function: `build/aggregates.rs`.

mod build;
mod columns;
mod definition;
mod error;
mod expression;
mod keys;
mod model_schema;
mod offline;
mod paths;
pub mod point_in_time;
mod reading;
mod schema;
mod states;
mod training_frame;
mod training_set;
mod typing;
mod view_schema;

pub use build::frame::BuildFrame;
pub use build::{BuildReport, BuildRequest, SourceWindow, ViewBuild};
pub use columns::{FrameColumn, Values};
pub use definition::definition_hash;
pub use error::Error;
pub use model_schema::{LabelKind, ModelSchema, ResolvedFeature, model_schema};
pub use offline::{Offline, data_roots};
pub use schema::{SchemaProblem, SourceSchema, files_named, read_schema, source_files};
pub use training_frame::{FeatureCounts, TrainingFrame, TrainingReport};
pub use typing::check_source;
pub use view_schema::{ViewSchema, view_schema};
