//! The language: reads a folder of YAML into typed declarations that keep their positions, or into problems, all at
//! once. Knows nothing of databases, Polars or kinds of task. To add a key: a field in its declaration, a line in
//! `keys.rs` (which also makes the schema), the line in `decode/` that reads it, a fixture.

mod calendars;
mod condition;
mod dag;
mod decode;
mod decoder;
mod did_you_mean;
mod expression;
mod fan_out;
mod flow_test;
mod folder;
mod follow;
mod gate;
mod http_allow;
mod keys;
mod lexer;
mod limit;
mod load;
mod model_declaration;
mod node;
mod param;
mod placement;
mod position;
mod problem;
mod project;
mod references;
mod report;
mod schedule;
mod schema;
mod secret;
mod small_texts;
mod source;
mod source_files;
mod substitution;
mod timestamp;
mod trigger;
mod view;
mod words;
mod yaml;
mod yaml_scalar;
mod yaml_syntax;

pub use condition::{Condition, ConditionTree, EndWord};
pub use dag::{Backoff, Dag, Jitter, Retry, RetryCause, Task};
pub use decode::{DeclarationKind, Declared};
pub use decoder::Decoder;
pub use did_you_mean::did_you_mean;
pub use expression::{
    BinaryOperator, Expr, Expression, Function, TypeError, UnaryOperator, check_query, infer_type, parse_expression,
    type_problems,
};
pub use fan_out::{Cache, ForEach};
pub use flow_test::{Expectation, FlowTest, Mock, MockedCause, MockedFailure, TaskExpectation, load_flow_tests};
pub use folder::{Error, Stamp, stamp, stamps};
pub use follow::{ALERT_PARAMS, After, Alert, AlertEvent, Match, RunEnd, Updated};
pub use gate::{Comparison, Gate, GateBound, GateError, Measures, parse_gate};
pub use http_allow::HttpAllow;
pub use keys::task_keys;
pub use limit::{Limit, LimitUse};
pub use load::{Loaded, load, load_texts};
pub use model_declaration::{
    Algorithm, Categories, Derived, FeatureReference, Input, Metric, Missing, Model, Observations,
};
pub use node::{Node, NodeValue};
pub use param::{Param, ParamType};
pub use placement::{LabelValue, Labels, Placement};
pub use position::{Span, Spanned};
pub use problem::{Problem, Severity};
pub use project::{Entity, Predictions, Project, Secrets};
pub use report::{DiagnosticReport, Style, problems_json, render};
pub use schedule::{Calendar, DateSet, DayMatch, Dst, Gap, Missed, Overlap, Repeat, Schedule, ScheduleRules};
pub use schema::{flow_test_schema, json_schema};
pub use secret::SecretMention;
pub use source::{KnownAt, Source};
pub use source_files::SourceFiles;
pub use substitution::{MissingValue, Reference, RunValue, Template};
pub use timestamp::Timestamp;
pub use trigger::{Rule, TriggerRule};
pub use view::{Aggregate, AggregateFunction, FeatureView, ViewDefinition};
pub use words::{ColumnType, Duration, Name, Value, item_of};
