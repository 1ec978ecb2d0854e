//! DAGs: retry policy and tasks; their schedules stand in `schedule.rs`. The graph itself (edges, cycles) is built by the `core` package.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Duration, Name, Node, Schedule, Span, Spanned, Trigger};

/// A declared DAG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dag {
    /// Where the DAG's name stands.
    #[serde(skip)]
    pub span: Span,
    /// When it fires; none = by hand only.
    pub schedules: Vec<Schedule>,
    /// Retry policy of its tasks unless a task says otherwise. Default: one attempt.
    pub retry: Retry,
    /// Default values of `${params.x}`; a manual run may override them.
    pub params: BTreeMap<String, Node>,
    /// Its tasks, boxed: a map allocates places for eleven at once, and most projects have many small DAGs.
    pub tasks: BTreeMap<Name, Box<Task>>,
}

/// How often and how a failed task is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Waits between them.
    pub backoff: Backoff,
}

/// Wait before attempt n + 1: `min(max, first * factor^(n-1))`, times a uniform random share for `jitter: full`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// Wait before the second attempt.
    pub first: Duration,
    /// Growth, at least 1.
    pub factor: f64,
    /// Longest wait.
    pub max: Duration,
    /// Randomisation.
    pub jitter: Jitter,
}

/// Randomisation of a wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// The wait as computed.
    None,
    /// Uniform in [0, wait].
    #[default]
    Full,
}

/// A declared task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Where the task's name stands.
    #[serde(skip)]
    pub span: Span,
    /// Its kind, e.g. `train`.
    pub kind: Spanned<String>,
    /// Tasks of the same DAG that it waits for.
    pub needs: Vec<Spanned<Name>>,
    /// How they must have ended.
    #[serde(default, skip_serializing_if = "Trigger::is_default")]
    pub trigger: Trigger,
    /// The run can succeed although it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tolerated: bool,
    /// Overrides the DAG's policy.
    pub retry: Option<Retry>,
    /// Real time after which an attempt is ended and counts as failed.
    pub timeout: Option<Spanned<Duration>>,
    /// Memory limit of its child process in bytes (heavy kinds and `command`); none = the worker's default.
    pub memory_bytes: Option<Spanned<u64>>,
    /// The kind's own parameters, still positioned nodes; `core::KindCatalog` knows their types.
    pub parameters: Vec<(Spanned<String>, Node)>,
}

impl Task {
    /// A parameter's node, if given.
    pub fn parameter(&self, name: &str) -> Option<&Node> {
        self.parameters.iter().find(|(key, _)| key.as_str() == name).map(|(_, node)| node)
    }
}
