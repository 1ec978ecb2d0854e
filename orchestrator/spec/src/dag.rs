//! DAGs: retry policy and tasks; their schedules stand in `schedule.rs`. The graph itself (edges, cycles) is built by the `core` package.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    After, Cache, Duration, ForEach, Labels, LimitUse, Name, Node, Param, Placement, Schedule, Span, Spanned,
    TriggerRule, Updated,
};

/// A declared DAG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dag {
    /// Where the DAG's name stands.
    #[serde(skip)]
    pub span: Span,
    /// When it fires; none = by hand only.
    pub schedules: Vec<Schedule>,
    /// DAGs after whose runs it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<After>,
    /// Data on whose updates it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updated: Vec<Updated>,
    /// Retry policy of its tasks unless a task says otherwise. Default: one attempt.
    pub retry: Retry,
    /// What stands for `${params.x}`; a manual run may be given other values.
    pub params: BTreeMap<String, Param>,
    /// Runs at once, those by hand too; none written: one of those that its schedules make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_active_runs: Option<u32>,
    /// Of its tasks, unless they say otherwise. Higher goes first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// Real time after its start at which a run that has not ended is ended and has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Spanned<Duration>>,
    /// Queue of its tasks, unless they say otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Name>,
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
    /// The only ends that are tried again; none written: all that trying again can help.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<RetryCause>,
}

/// An end of an attempt, as `only:` of a retry policy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum RetryCause {
    /// `exit 75`: a program ended with this code.
    Exit(u8),
    /// `exit`: a program ended with any code but 0.
    AnyExit,
    /// `error`: the task's own code failed, a program by its exit code too.
    Error,
    /// `timeout`: it ran longer than its `timeout`.
    Timeout,
    /// `out_of_memory`
    OutOfMemory,
    /// `crashed`: its process ended without an answer.
    Crashed,
    /// `lost`: its worker was lost.
    Lost,
}

impl RetryCause {
    const WORDS: [(&'static str, Self); 6] = [
        ("exit", Self::AnyExit),
        ("error", Self::Error),
        ("timeout", Self::Timeout),
        ("out_of_memory", Self::OutOfMemory),
        ("crashed", Self::Crashed),
        ("lost", Self::Lost),
    ];

    /// The words, for messages.
    pub(crate) fn words() -> impl Iterator<Item = &'static str> {
        Self::WORDS.into_iter().map(|(word, _)| word)
    }

    /// Reads a word or `exit` with a code from 1 to 255.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("exit ") {
            Some(code) => code.trim().parse().ok().filter(|code| *code > 0).map(Self::Exit),
            None => Self::WORDS.into_iter().find(|(word, _)| *word == text).map(|(_, cause)| cause),
        }
    }

    /// Whether a failure has this cause: `exit_75`, `task_error`, `artifact_store_refused`, `timeout`, `out_of_memory`,
    /// `crashed`, `worker_lost`.
    pub fn covers(self, cause: &str) -> bool {
        let code = cause.strip_prefix("exit_").and_then(|code| code.parse::<u8>().ok());
        match self {
            Self::Exit(wanted) => code == Some(wanted),
            Self::AnyExit => code.is_some(),
            Self::Error => code.is_some() || ["task_error", "artifact_store_refused"].contains(&cause),
            Self::Timeout => cause == "timeout",
            Self::OutOfMemory => cause == "out_of_memory",
            Self::Crashed => cause == "crashed",
            Self::Lost => cause == "worker_lost",
        }
    }
}

impl std::fmt::Display for RetryCause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "exit {code}"),
            other => {
                let word = Self::WORDS.iter().find(|(_, cause)| cause == other).map_or("", |(word, _)| *word);
                f.write_str(word)
            }
        }
    }
}
impl From<RetryCause> for String {
    fn from(cause: RetryCause) -> Self {
        cause.to_string()
    }
}
impl TryFrom<String> for RetryCause {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not an end of an attempt"))
    }
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
    #[serde(default, skip_serializing_if = "TriggerRule::is_default")]
    pub trigger: TriggerRule,
    /// The run can succeed although it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tolerated: bool,
    /// Done once per item of a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<Box<ForEach>>,
    /// Not done again while its result is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Box<Cache>>,
    /// Overrides the DAG's policy.
    pub retry: Option<Retry>,
    /// Real time after which an attempt is ended and counts as failed.
    pub timeout: Option<Spanned<Duration>>,
    /// Real time that it may be ready without a worker taking it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_timeout: Option<Spanned<Duration>>,
    /// Real time that it may take in all since it first was ready: attempts and all waits between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_timeout: Option<Spanned<Duration>>,
    /// Memory limit of its child process in bytes (heavy kinds and `command`); none = the worker's default.
    pub memory_bytes: Option<Spanned<u64>>,
    /// What it takes of limits while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<LimitUse>,
    /// In place of the DAG's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// In place of the DAG's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Name>,
    /// What its worker must have.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// The kind's own parameters, still positioned nodes; `core::KindCatalog` knows their types.
    pub parameters: Vec<(Spanned<String>, Node)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
fn is_zero(priority: &i32) -> bool {
    *priority == 0
}

impl Dag {
    /// Where a task of it may run.
    pub fn placement(&self, task: &Task) -> Placement {
        let queue = task.queue.as_ref().or(self.queue.as_ref()).cloned();
        let default = Placement::default();
        Placement { queue: queue.unwrap_or(default.queue), labels: task.labels.clone() }
    }
}

impl Task {
    /// A parameter's node, if given.
    pub fn parameter(&self, name: &str) -> Option<&Node> {
        self.parameters.iter().find(|(key, _)| key.as_str() == name).map(|(_, node)| node)
    }
}
