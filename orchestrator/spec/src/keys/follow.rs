//! The keys of what follows from runs and data: `after`, `updated`, `alerts`.

use super::Presence::{Optional, Required};
use super::{Shape, Table, key};

/// `ended:`
pub(crate) const AFTER_ENDS: &[&str] = &["succeeded", "failed", "any"];
/// `match:`
pub(crate) const MATCH: &[&str] = &["all", "any"];
/// `on:` of an alert.
pub(crate) const ALERT_EVENTS: &[&str] = &["failed", "deadline", "retry"];

/// `after:` in its long form.
pub(crate) const AFTER: Table = Table {
    id: "after",
    doc: "It runs when a run of another DAG has ended, with the window of that run",
    keys: &[
        key("dag", Shape::Name, Required, "The other DAG"),
        key("ended", Shape::Words(AFTER_ENDS), Optional, "Which ends count; default: succeeded"),
    ],
    others: None,
};

/// `updated:`
pub(crate) const UPDATED: Table = Table {
    id: "updated",
    doc: "It runs when data was updated",
    keys: &[
        key("views", Shape::OneOrMany(&Shape::Name), Optional, "Views of which a build newer than all before was made"),
        key("sources", Shape::OneOrMany(&Shape::Name), Optional, "Sources whose files changed"),
        key(
            "match",
            Shape::Words(MATCH),
            Optional,
            "all: each of them since the last run that they made; any: one is enough; default: all",
        ),
        key(
            "before",
            Shape::TimeOfDay,
            Optional,
            "Only updates from midnight to this time count, those of one day together, e.g. \"09:00\"",
        ),
        key("timezone", Shape::Text, Optional, "IANA name of the zone of `before`; default: UTC"),
    ],
    others: None,
};

/// An alert.
pub(crate) const ALERT: Table = Table {
    id: "alert",
    doc: "A DAG that is run to tell somebody; it is given those of alert, event, dag, run, task, reason and window_end that it declares as params",
    keys: &[
        key(
            "on",
            Shape::OneOrMany(&Shape::Words(ALERT_EVENTS)),
            Optional,
            "What it tells of; default: [failed, deadline]",
        ),
        key("dags", Shape::OneOrMany(&Shape::Name), Optional, "Whose; default: all DAGs but those that alerts run"),
        key("run", Shape::Name, Required, "The DAG that tells: a task of kind `http` or `command`, as a rule"),
    ],
    others: None,
};
