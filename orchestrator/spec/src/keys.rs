//! Every key of the language: one table per map, read by the decoder (unknown and missing keys) and by the JSON Schema
//! for editors, so that the two cannot drift. To add a key: a line here and the line in `decode/` that reads it; the
//! decoder's own check fails on a key that stands in only one of the two.

mod dags;
mod flow_tests;
mod follow;
mod limits;
mod schedules;

pub(crate) use dags::*;
pub(crate) use flow_tests::*;
pub(crate) use follow::*;
pub(crate) use limits::*;
pub(crate) use schedules::*;

/// A kind of map and its keys.
pub(crate) struct Table {
    /// Name of its definition in the JSON Schema.
    pub id: &'static str,
    /// One line for people.
    pub doc: &'static str,
    /// Keys in the order in which they are documented.
    pub keys: &'static [Key],
    /// Whether it takes keys of its own besides these, and what they are.
    pub others: Option<&'static str>,
}

/// One key.
pub(crate) struct Key {
    /// As written.
    pub name: &'static str,
    /// Its type.
    pub shape: Shape,
    /// Whether it has to be given.
    pub presence: Presence,
    /// One line for people.
    pub doc: &'static str,
}

/// Whether a key has to be given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

/// The type of a value.
pub(crate) enum Shape {
    /// The number 1.
    Version,
    /// A slug.
    Name,
    /// Any text that is not empty.
    Text,
    /// Any text, an empty one too.
    AnyText,
    /// A column's name.
    Column,
    /// A path or glob.
    Path,
    /// A scalar expression.
    Expression,
    /// A SELECT.
    Query,
    /// E.g. `7d`.
    Duration,
    /// E.g. `2GiB`.
    Size,
    /// Date or datetime without zone.
    WallTime,
    /// Hours and minutes, e.g. `09:00`.
    TimeOfDay,
    /// A date, e.g. `2026-12-25`.
    Date,
    /// Date, time and offset, e.g. `2026-12-25T06:30:00Z`.
    Instant,
    /// A whole number from the first to the second, both included.
    Integer(i64, i64),
    /// A number that is at least this.
    Number(f64),
    /// `true` or `false`.
    Flag,
    /// One of these words.
    Words(&'static [&'static str]),
    /// `exit` and a code, e.g. `exit 75`.
    ExitCode,
    /// An aggregate function, e.g. `mean`, `p90`.
    Function,
    /// Text, number or flag.
    Scalar,
    /// The value of a label, e.g. `a100`.
    Label,
    /// Any number.
    AnyNumber,
    /// Any value.
    Anything,
    /// A map with the keys of a table.
    Map(&'static Table),
    /// Names (slugs) to maps with the keys of a table.
    Named(&'static Table),
    /// Names (slugs) to values of one shape.
    NamedOf(&'static Shape),
    /// A task of a run, or the task run of an item: `score` or `score[1]`.
    RunTask,
    /// Tasks of a run and task runs of items to values of one shape.
    RunTasksOf(&'static Shape),
    /// Free text keys to values of one shape.
    MapOf(&'static Shape),
    /// A list, not empty.
    List(&'static Shape),
    /// One value or a list of them, not empty.
    OneOrMany(&'static Shape),
    /// One of several shapes.
    Either(&'static [Shape]),
    /// Names (slugs) to tasks, whose parameters depend on their kind.
    Tasks,
}

use Presence::{Optional, Required};

const fn key(name: &'static str, shape: Shape, presence: Presence, doc: &'static str) -> Key {
    Key { name, shape, presence, doc }
}

/// The keys every task takes, whatever its kind.
pub fn task_keys() -> impl Iterator<Item = &'static str> {
    TASK.keys.iter().map(|key| key.name)
}

/// Types of columns, in the order of their documentation.
pub(crate) const COLUMN_TYPES: &[&str] =
    &["bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "str", "date", "datetime"];
/// `metrics:`
pub(crate) const METRICS: &[&str] = &["auc", "log_loss", "brier", "rmse", "r2"];
/// `missing:` of models and feature references.
pub(crate) const MISSING: &[&str] = &["impute", "refuse"];
/// Aggregate functions without the percentiles `p0` to `p100`.
pub(crate) const FUNCTIONS: &[&str] = &["count", "count_distinct", "sum", "mean", "min", "max", "std", "median"];

/// The keys of every file of a project.
pub(crate) const FILE: Table = Table {
    id: "file",
    doc: "A file of a Daybreak project; the maps of all files are merged",
    keys: &[
        key("version", Shape::Version, Optional, "Version of the language: 1; required in daybreak.yaml"),
        key("name", Shape::Name, Optional, "Name of the project, only in daybreak.yaml; default: the folder's name"),
        key(
            "data_roots",
            Shape::List(&Shape::Path),
            Optional,
            "Folders outside the project that sources may read, only in daybreak.yaml",
        ),
        key(
            "predictions",
            Shape::Map(&PREDICTIONS),
            Optional,
            "How long the log of predictions is kept, only in daybreak.yaml",
        ),
        key("secrets", Shape::Map(&SECRETS), Optional, "Where workers find `secret://NAME`, only in daybreak.yaml"),
        key("http", Shape::Map(&HTTP), Optional, "What tasks may ask over HTTP, only in daybreak.yaml"),
        key("sources", Shape::Named(&SOURCE), Optional, "Files of rows"),
        key("entities", Shape::Named(&ENTITY), Optional, "What features describe, found by key columns"),
        key("feature_views", Shape::Named(&VIEW), Optional, "Features per entity, built at instants"),
        key("models", Shape::Named(&MODEL), Optional, "What is predicted, from what, and how it is learnt"),
        key(
            "calendars",
            Shape::NamedOf(&Shape::Either(&[Shape::List(&Shape::Date), Shape::Map(&CALENDAR)])),
            Optional,
            "Dates that schedules leave out or keep to: a list, or a file",
        ),
        key(
            "limits",
            Shape::NamedOf(&Shape::Integer(1, MAX_SLOTS)),
            Optional,
            "Slots that tasks share: a task that names a limit runs only while it has its slots",
        ),
        key("alerts", Shape::Named(&ALERT), Optional, "DAGs that are run to tell somebody of failures"),
        key("dags", Shape::Named(&DAG), Optional, "Tasks, their order and when they run"),
    ],
    others: None,
};

/// The log of predictions.
pub(crate) const PREDICTIONS: Table = Table {
    id: "predictions",
    doc: "How long the log of predictions is kept: until the first of its two limits",
    keys: &[
        key("keep", Shape::Duration, Optional, "A prediction is kept at least so long; default: 90d"),
        key("max_size", Shape::Size, Optional, "Beyond this size on disk the oldest go first; default: 10GiB"),
    ],
    others: None,
};

/// Where secrets are found.
pub(crate) const SECRETS: Table = Table {
    id: "secrets",
    doc: "Where workers find `secret://NAME`, beside their variables DAYBREAK_SECRET_NAME",
    keys: &[key(
        "folder",
        Shape::Path,
        Required,
        "A folder with a file for each secret, called as it and readable by its owner alone",
    )],
    others: None,
};

/// What tasks may ask.
pub(crate) const HTTP: Table = Table {
    id: "http",
    doc: "Addresses of the public internet are always asked, private ones only where they are declared",
    keys: &[key(
        "allow",
        Shape::OneOrMany(&Shape::Text),
        Required,
        "IP addresses with or without a port, and networks, e.g. [127.0.0.1:8080, 10.0.0.0/8]",
    )],
    others: None,
};

/// A source.
pub(crate) const SOURCE: Table = Table {
    id: "source",
    doc: "A set of Parquet files of one schema",
    keys: &[
        key("path", Shape::Path, Required, "Path or glob, relative to the project"),
        key("where", Shape::Expression, Optional, "Keeps the rows for which this holds"),
        key("event_time", Shape::Column, Optional, "Datetime column; without it the source is static"),
        key(
            "known_at",
            Shape::Either(&[Shape::Column, Shape::MapOf(&Shape::Column)]),
            Optional,
            "Datetime column at which a whole row became known, or column -> datetime column",
        ),
        key("sequence", Shape::Column, Optional, "Breaks ties of equal event and known time; the larger wins"),
        key(
            "schema",
            Shape::MapOf(&Shape::Words(COLUMN_TYPES)),
            Optional,
            "Column -> type, where the files are absent when the project is checked",
        ),
    ],
    others: None,
};

/// An entity.
pub(crate) const ENTITY: Table = Table {
    id: "entity",
    doc: "What a feature view describes",
    keys: &[key("keys", Shape::OneOrMany(&Shape::Column), Required, "Key columns in order")],
    others: None,
};

/// A feature view.
pub(crate) const VIEW: Table = Table {
    id: "feature_view",
    doc: "Features of one entity: exactly one of `aggregates`, `latest` and `sql`",
    keys: &[
        key("entity", Shape::Name, Optional, "The entity; without it one row for all"),
        key("source", Shape::Name, Optional, "The source of `aggregates` and `latest`"),
        key("ttl", Shape::Duration, Optional, "Largest age at which a value may be used; default: no limit"),
        key("publish_delay", Shape::Duration, Optional, "A build at T is available from T + this on; default: 0"),
        key("ignore_nulls", Shape::Flag, Optional, "`latest`: an older value may stand in for a newest null"),
        key("aggregates", Shape::List(&Shape::Map(&AGGREGATE)), Optional, "Aggregates over windows before T"),
        key("latest", Shape::OneOrMany(&Shape::Column), Optional, "Columns of the newest row per key before T"),
        key("sql", Shape::Query, Optional, "A SELECT over sources, each cut off at T"),
    ],
    others: None,
};

/// An item of `aggregates`.
pub(crate) const AGGREGATE: Table = Table {
    id: "aggregate",
    doc: "Functions x windows over one expression",
    keys: &[
        key("of", Shape::Expression, Required, "The value aggregated per row"),
        key("as", Shape::Column, Optional, "Stem of the features' names; needed unless `of` is a bare column"),
        key("fn", Shape::OneOrMany(&Shape::Function), Required, "What is made of the values"),
        key("windows", Shape::OneOrMany(&Shape::Duration), Required, "Window lengths; each window is [T - W, T)"),
    ],
    others: None,
};

/// A model.
pub(crate) const MODEL: Table = Table {
    id: "model",
    doc: "What is predicted, from what, and how it is learnt",
    keys: &[
        key("observations", Shape::Map(&OBSERVATIONS), Required, "The rows it learns from"),
        key(
            "inputs",
            Shape::MapOf(&Shape::Either(&[Shape::Words(COLUMN_TYPES), Shape::Map(&INPUT)])),
            Optional,
            "Values that arrive with a request",
        ),
        key("derived", Shape::MapOf(&Shape::Expression), Optional, "Values computed from inputs and features"),
        key(
            "features",
            Shape::List(&Shape::Either(&[Shape::Text, Shape::Map(&REFERENCE)])),
            Optional,
            "Views, or single features as `view.feature`",
        ),
        key("missing", Shape::Words(MISSING), Optional, "Policy for missing or expired features; default: refuse"),
        key(
            "algorithm",
            Shape::Either(&[Shape::Name, Shape::Map(&ALGORITHM)]),
            Required,
            "How it learns, e.g. logistic_regression",
        ),
        key("metrics", Shape::OneOrMany(&Shape::Words(METRICS)), Required, "What is measured"),
    ],
    others: None,
};

/// `observations:`
pub(crate) const OBSERVATIONS: Table = Table {
    id: "observations",
    doc: "The rows a model learns from",
    keys: &[
        key("source", Shape::Name, Required, "The source; its event time is the instant of prediction"),
        key("label", Shape::Expression, Required, "Boolean for classifiers, number for regressors"),
        key("label_known_at", Shape::Column, Optional, "Datetime column from which on the label is known"),
        key("where", Shape::Expression, Optional, "Keeps the observations for which this holds"),
    ],
    others: None,
};

/// An input in its long form.
pub(crate) const INPUT: Table = Table {
    id: "input",
    doc: "A value that arrives with a request",
    keys: &[
        key("type", Shape::Words(COLUMN_TYPES), Required, "Its type"),
        key(
            "categories",
            Shape::Either(&[Shape::Words(&["observed"]), Shape::List(&Shape::AnyText)]),
            Optional,
            "For text: the categories with a column of their own",
        ),
    ],
    others: None,
};

/// A feature reference in its long form.
pub(crate) const REFERENCE: Table = Table {
    id: "feature_reference",
    doc: "A view read by a model in one role",
    keys: &[
        key("view", Shape::Name, Required, "The view"),
        key("entity", Shape::MapOf(&Shape::Column), Optional, "Key of the entity -> column of the observation"),
        key("as", Shape::Name, Optional, "The role's name; default: the view's"),
        key("pick", Shape::OneOrMany(&Shape::Column), Optional, "The features read; default: all"),
        key("missing", Shape::Words(MISSING), Optional, "Overrides the model's policy"),
    ],
    others: None,
};

/// An algorithm in its long form.
pub(crate) const ALGORITHM: Table = Table {
    id: "algorithm",
    doc: "An algorithm and its parameters",
    keys: &[key("name", Shape::Name, Required, "E.g. logistic_regression")],
    others: Some("Parameters of the algorithm"),
};
