//! The keys of `*.test.yaml` files. To add one: a line in its table and the line in `decode/flow_test.rs` that reads it.

use super::Presence::{Optional, Required};
use super::{Shape, Table, key};

/// `cause:` of a failure, beside `exit 75`.
pub(crate) const FAILURE_CAUSES: &[&str] = &[
    "exit",
    "error",
    "timeout",
    "out_of_memory",
    "crashed",
    "lost",
    "bad_input",
    "wait_timeout",
    "rejected",
    "missing_secret",
];
/// Those that trying again cannot help.
pub(crate) const FINAL_CAUSES: &[&str] = &["bad_input", "wait_timeout", "rejected", "missing_secret"];
/// How a task can have ended.
pub(crate) const TASK_ENDS: &[&str] = &["succeeded", "failed", "skipped", "upstream_failed", "cancelled"];
/// How a run can have ended.
pub(crate) const RUN_ENDS: &[&str] = &["succeeded", "failed"];

/// A file of flow tests.
pub(crate) const FLOW_TEST_FILE: Table = Table {
    id: "flow_test_file",
    doc: "Tests of how DAGs run, with the ends of their tasks made up; `daybreak test` runs them",
    keys: &[
        key("version", Shape::Version, Required, "Version of the language: 1"),
        key("tests", Shape::MapOf(&Shape::Map(&FLOW_TEST)), Required, "Name of a test -> the test"),
    ],
    others: None,
};

/// One test.
pub(crate) const FLOW_TEST: Table = Table {
    id: "flow_test",
    doc: "One run of a DAG, and what is expected of it",
    keys: &[
        key("dag", Shape::Name, Required, "The DAG"),
        key(
            "at",
            Shape::Instant,
            Optional,
            "T; where the DAG fires then, the run is that firing. Default: 2026-01-01T00:00:00Z",
        ),
        key("params", Shape::MapOf(&Shape::Anything), Optional, "The run's parameters; default: the DAG's own"),
        key(
            "tasks",
            Shape::RunTasksOf(&Shape::Map(&MOCK)),
            Optional,
            "How tasks end; one that is not named succeeds without outputs. Of a task with `for_each`: each of its items, \
             unless the item is named itself, e.g. `score[1]`",
        ),
        key("expect", Shape::Map(&EXPECTATION), Required, "How the run must have gone"),
    ],
    others: None,
};

/// How a task ends in a test.
pub(crate) const MOCK: Table = Table {
    id: "mocked_task",
    doc: "How a task ends whenever it is run in this test; its own code is not run",
    keys: &[
        key("outputs", Shape::MapOf(&Shape::Anything), Optional, "What it hands on once it succeeds"),
        key(
            "fails",
            Shape::Either(&[Shape::Words(FAILURE_CAUSES), Shape::ExitCode, Shape::Map(&MOCKED_FAILURE)]),
            Optional,
            "Its attempts fail: the cause, or a map",
        ),
        key("skipped", Shape::Text, Optional, "It is marked as skipped before it begins: the reason"),
        key(
            "takes",
            Shape::Duration,
            Optional,
            "How long an attempt takes, in simulated time; default: no time at all",
        ),
    ],
    others: None,
};

/// `fails:` in its long form.
pub(crate) const MOCKED_FAILURE: Table = Table {
    id: "mocked_failure",
    doc: "How attempts fail",
    keys: &[
        key(
            "cause",
            Shape::Either(&[Shape::Words(FAILURE_CAUSES), Shape::ExitCode]),
            Optional,
            "As `only` of a retry policy names it, or one that is never tried again, e.g. bad_input; default: error",
        ),
        key("reason", Shape::Text, Optional, "For people"),
        key(
            "times",
            Shape::Integer(1, 1000),
            Optional,
            "So many attempts fail, the next one succeeds; default: all fail",
        ),
    ],
    others: None,
};

/// `expect:`
pub(crate) const EXPECTATION: Table = Table {
    id: "expectation",
    doc: "What must hold at the end of the run",
    keys: &[
        key("run", Shape::Words(RUN_ENDS), Optional, "How the run ended"),
        key("reason", Shape::Text, Optional, "A part of the reason why the run failed"),
        key(
            "tasks",
            Shape::RunTasksOf(&Shape::Either(&[Shape::Words(TASK_ENDS), Shape::Map(&TASK_EXPECTATION)])),
            Optional,
            "How tasks ended, and items of those with `for_each` (`score[1]`); those not named may end as they like",
        ),
        key(
            "order",
            Shape::List(&Shape::RunTask),
            Optional,
            "Each of these tasks or items began after the one before had ended",
        ),
    ],
    others: None,
};

/// What is expected of one task.
pub(crate) const TASK_EXPECTATION: Table = Table {
    id: "task_expectation",
    doc: "What must hold of a task at the end of the run",
    keys: &[
        key("state", Shape::Words(TASK_ENDS), Optional, "How it ended"),
        key(
            "attempts",
            Shape::Integer(0, 1000),
            Optional,
            "Attempts that were charged to it; a lost worker charges none",
        ),
        key("parameters", Shape::MapOf(&Shape::Anything), Optional, "Parameters it was given last, those named here"),
        key("outputs", Shape::MapOf(&Shape::Anything), Optional, "Outputs it left, those named here"),
        key("cause", Shape::Text, Optional, "The cause of its failure, e.g. `timeout` or `exit_75`"),
        key("reason", Shape::Text, Optional, "A part of the reason for its end"),
    ],
    others: None,
};
