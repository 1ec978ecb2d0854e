//! The keys of DAGs and tasks. To add one: a line in its table and the line in `decode/dag.rs` or `decode/task.rs` that reads it.

use super::Presence::{Optional, Required};
use super::{AFTER, LIMIT_USE, SCHEDULE, Shape, Table, UPDATED, key};

/// `priority:`
const PRIORITY: Shape = Shape::Integer(-10_000, 10_000);
/// `jitter:`
pub(crate) const JITTER: &[&str] = &["none", "full"];
/// `only:` of a retry policy, beside `exit 75`.
pub(crate) const RETRY_CAUSES: &[&str] = &["exit", "error", "timeout", "out_of_memory", "crashed", "lost"];
/// `rule:`
pub(crate) const RULES: &[&str] = &[
    "all_success",
    "all_failed",
    "all_done",
    "all_done_min_one_success",
    "all_skipped",
    "one_success",
    "one_failed",
    "one_done",
    "none_failed",
    "none_failed_min_one_success",
    "none_skipped",
    "always",
];
/// `tolerate:`
pub(crate) const TOLERATE: &[&str] = &["failure"];

/// A DAG.
pub(crate) const DAG: Table = Table {
    id: "dag",
    doc: "Tasks, their order and when they run",
    keys: &[
        key("schedule", Shape::OneOrMany(&Shape::Map(&SCHEDULE)), Optional, "When it fires; without it by hand only"),
        key("schedules", Shape::List(&Shape::Map(&SCHEDULE)), Optional, "The same as a list"),
        key(
            "after",
            Shape::OneOrMany(&Shape::Either(&[Shape::Name, Shape::Map(&AFTER)])),
            Optional,
            "DAGs after whose runs it runs",
        ),
        key("updated", Shape::OneOrMany(&Shape::Map(&UPDATED)), Optional, "Data on whose updates it runs"),
        key("retry", Shape::Map(&RETRY), Optional, "Policy of its tasks; default: one attempt"),
        key(
            "params",
            Shape::MapOf(&Shape::Either(&[Shape::Scalar, Shape::Map(&PARAM)])),
            Optional,
            "What stands for ${params.x}: a default value, or a map with its type",
        ),
        key(
            "max_active_runs",
            Shape::Integer(1, 1000),
            Optional,
            "Runs at once, those by hand too; default: 1 of those that its schedules make, and any by hand",
        ),
        key("priority", PRIORITY, Optional, "Priority of its tasks unless they say otherwise; default: 0"),
        key(
            "deadline",
            Shape::Duration,
            Optional,
            "Real time after its start at which a run that has not ended is ended and has failed; teardowns still run",
        ),
        key(
            "queue",
            Shape::Name,
            Optional,
            "Queue of its tasks unless they say otherwise: only workers of that queue run them; default: default",
        ),
        key("tasks", Shape::Tasks, Required, "Its tasks"),
    ],
    others: None,
};

/// `type:` of a parameter.
pub(crate) const PARAM_TYPES: &[&str] = &["string", "integer", "number", "boolean", "list", "map"];

/// A parameter in its long form.
pub(crate) const PARAM: Table = Table {
    id: "param",
    doc: "A value that a run may be given",
    keys: &[
        key("type", Shape::Words(PARAM_TYPES), Required, "Its type"),
        key("default", Shape::Anything, Optional, "Its value where a run is given none; without it each run has to be"),
        key("min", Shape::AnyNumber, Optional, "For numbers: the least value"),
        key("max", Shape::AnyNumber, Optional, "For numbers: the greatest value"),
        key("enum", Shape::List(&Shape::Anything), Optional, "The only values"),
        key("description", Shape::Text, Optional, "For people"),
    ],
    others: None,
};

/// A retry policy.
pub(crate) const RETRY: Table = Table {
    id: "retry",
    doc: "How often and how a failed task is tried again",
    keys: &[
        key("attempts", Shape::Integer(1, 1000), Required, "Attempts in all"),
        key("backoff", Shape::Map(&BACKOFF), Optional, "Waits between attempts"),
        key(
            "only",
            Shape::OneOrMany(&Shape::Either(&[Shape::Words(RETRY_CAUSES), Shape::ExitCode])),
            Optional,
            "The only ends that are tried again, e.g. [exit 75, timeout, lost]; default: all that trying again can help",
        ),
    ],
    others: None,
};

/// `backoff:`
pub(crate) const BACKOFF: Table = Table {
    id: "backoff",
    doc: "Wait before attempt n + 1: min(max, first * factor^(n-1))",
    keys: &[
        key("first", Shape::Duration, Optional, "Wait before the second attempt; default: 10s"),
        key("factor", Shape::Number(1.0), Optional, "Growth; default: 2"),
        key("max", Shape::Duration, Optional, "Longest wait; default: 5m"),
        key("jitter", Shape::Words(JITTER), Optional, "full: a uniform share of the wait; default: full"),
    ],
    others: None,
};

/// `cache:`
pub(crate) const CACHE: Table = Table {
    id: "cache",
    doc: "A result is known by the task's kind, its parameters with all values put in, and `key`",
    keys: &[
        key(
            "key",
            Shape::OneOrMany(&Shape::Scalar),
            Optional,
            "What the result depends on beside them, e.g. ${run.window_end} or the version of a program",
        ),
        key("ttl", Shape::Duration, Required, "How long a result is known, e.g. 7d"),
    ],
    others: None,
};

/// The keys every task takes.
pub(crate) const TASK: Table = Table {
    id: "task",
    doc: "A task of a DAG",
    keys: &[
        key("kind", Shape::Name, Required, "Its kind, e.g. train"),
        key(
            "needs",
            Shape::OneOrMany(&Shape::Name),
            Optional,
            "Tasks it waits for; unless `rule` or `when` says otherwise they must succeed",
        ),
        key("rule", Shape::Words(RULES), Optional, "How the tasks it needs must end; default: all_success"),
        key(
            "when",
            Shape::Text,
            Optional,
            "The same as a condition, e.g. `(a.succeeded || a.skipped) && !b.failed`; where it does not hold, it is skipped",
        ),
        key("tolerate", Shape::Words(TOLERATE), Optional, "failure: the run can succeed although this task failed"),
        key(
            "teardown",
            Shape::Flag,
            Optional,
            "It clears up after the tasks it needs: runs once they have ended, however, also when the run is cancelled",
        ),
        key(
            "for_each",
            Shape::Either(&[Shape::List(&Shape::Anything), Shape::Text]),
            Optional,
            "Done once per item of a list of at most 10,000: written out, or `${params.x}` or `${tasks.x.outputs.y}`; its parameters say ${item}, ${item.key} and ${index}",
        ),
        key(
            "max_parallel",
            Shape::Integer(1, 10_000),
            Optional,
            "Most items of `for_each` at a time; default: no limit",
        ),
        key("cache", Shape::Map(&CACHE), Optional, "Not done again while its result is known"),
        key("retry", Shape::Map(&RETRY), Optional, "Overrides the DAG's policy"),
        key("timeout", Shape::Duration, Optional, "Real time after which an attempt fails"),
        key(
            "limits",
            Shape::OneOrMany(&Shape::Either(&[Shape::Name, Shape::Map(&LIMIT_USE)])),
            Optional,
            "Limits that it takes slots of while it runs",
        ),
        key(
            "priority",
            PRIORITY,
            Optional,
            "Goes before tasks of lower priority as if its run had been made that many minutes earlier; default: 0",
        ),
        key(
            "queue_timeout",
            Shape::Duration,
            Optional,
            "It fails when no worker has taken it so long after it was ready",
        ),
        key(
            "total_timeout",
            Shape::Duration,
            Optional,
            "It fails so long after it first was ready: all attempts and all waits before and between them count",
        ),
        key("queue", Shape::Name, Optional, "Only workers of that queue run it; default: the DAG's, or default"),
        key(
            "labels",
            Shape::NamedOf(&Shape::Label),
            Optional,
            "What its worker must have, all of it, e.g. { gpu: a100 }: `daybreak worker --labels gpu=a100`",
        ),
        key("memory", Shape::Size, Optional, "Memory limit of its processes, e.g. 2GiB"),
    ],
    others: Some("Parameters of the kind"),
};
