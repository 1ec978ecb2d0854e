//! The language: reads a folder of YAML into typed declarations that keep their positions, or into problems, all at
//! once. Knows nothing of databases, Polars or kinds of task. To add a key: a field in its declaration, a line in the
//! decoder and in the schema, a fixture.

mod dag;
mod expression;
mod model_declaration;
mod node;
mod position;
mod problem;
mod project;
mod source;
mod view;
mod words;

pub use dag::{Backoff, Dag, Jitter, Missed, Overlap, Retry, Schedule, Task};
pub use expression::{BinaryOperator, Expr, Expression, Function, UnaryOperator};
pub use model_declaration::{
    Algorithm, Categories, Derived, FeatureReference, Input, Metric, Missing, Model, Observations,
};
pub use node::{Node, NodeValue};
pub use position::{Span, Spanned};
pub use problem::{Problem, Severity};
pub use project::{Entity, Project};
pub use source::{KnownAt, Source};
pub use view::{Aggregate, AggregateFunction, FeatureView, ViewDefinition};
pub use words::{ColumnType, Duration, Name, Value};
