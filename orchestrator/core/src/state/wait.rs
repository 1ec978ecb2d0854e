//! What a task waits for without a worker: as its attempt says it (lengths of time), and as it is kept (instants). Decides
//! nothing: a wait ends by an event in `waits.rs`. To add something to wait for: a variant of [`Awaited`], its words, and
//! whoever sees that it has come about (a worker that looks again, or the server's reconciler).

use std::fmt;

use daybreak_spec::{Name, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::Failure;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Awaited {
    /// A file that a pattern names; a worker looks again and again.
    File {
        /// Path or glob, relative to the project.
        path: String,
    },
    /// An object of a bucket; a worker looks again and again.
    Object {
        /// `s3://bucket/key`, or the beginning of keys with `*` behind.
        url: String,
    },
    /// An address that answers; a worker asks again and again.
    Http {
        /// The address.
        url: String,
        /// The statuses that end the wait.
        status: Vec<u16>,
    },
    /// An instant of business time.
    Instant {
        /// When.
        at: Timestamp,
    },
    /// A run of another DAG that has succeeded.
    Window {
        /// The DAG.
        dag: Name,
        /// The end of its window.
        end: Timestamp,
        /// The window ends at that very instant; otherwise a later end does too.
        exact: bool,
    },
    /// Somebody's decision.
    Approval {
        /// What is to be decided, for people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        /// What a rejection does to the task.
        on_reject: OnReject,
    },
    /// The items of its list; their ends decide.
    Items {
        /// How many there are.
        items: usize,
    },
    /// The end of a run that the task has made.
    Run {
        /// Its DAG.
        dag: Name,
        /// What it is given beside the defaults of its DAG.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        #[schema(value_type = Object)]
        params: Map<String, Json>,
        /// The run; none until it has been made, in the transaction in which the wait begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run_id: Option<String>,
    },
}

/// What a rejection does to the task that was to be approved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnReject {
    /// It fails.
    #[default]
    Fail,
    /// It is skipped, and what needs it with it.
    Skip,
}

/// What an attempt gives its slot back for. Lengths of time, not instants: the server's clock counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// What for.
    pub condition: Awaited,
    /// The same attempt goes on after this; none: the server sees when the condition is met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_after_us: Option<i64>,
    /// Longest wait, counted from the first time that the attempt gave its slot back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_us: Option<i64>,
    /// What comes of the task then.
    pub at_limit: Resumption,
}

/// What a task that gave its slot back waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deferral {
    /// What for.
    pub condition: Awaited,
    /// Real time at which something comes of it by itself; none: it lasts until it is decided.
    pub until: Option<Timestamp>,
    /// What comes of the task then.
    pub at_timeout: Resumption,
    /// Real time at which the wait as a whole is over; `until` may be the next look before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

/// What comes of a task whose wait is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resumption {
    /// A worker may take it again; the same attempt goes on.
    Continues,
    /// It is done.
    Succeeds {
        /// What it hands on.
        #[schema(value_type = Object)]
        outputs: Map<String, Json>,
    },
    /// It failed for good.
    Fails(Failure),
    /// The attempt failed; the task's retry policy says what follows.
    FailsAttempt(Failure),
    /// It is not to be run.
    Skips {
        /// Why.
        reason: String,
    },
}

impl Wait {
    /// The wait in instants. `since`: when the attempt first gave its slot back; `timeout_us`: the longest that it may
    /// take, waiting included.
    pub(super) fn deferral(&self, since: Timestamp, now: Timestamp, timeout_us: Option<i64>) -> Deferral {
        let own = self.limit_us.map(|limit| (since.plus_micros(limit), self.at_limit.clone()));
        let general = timeout_us.map(|timeout| {
            let limit_s = timeout / 1_000_000;
            let reason = format!("it waited longer than its timeout of {limit_s} s for {}", self.condition);
            let failure = Failure { cause: "timeout".to_owned(), reason };
            (since.plus_micros(timeout), Resumption::FailsAttempt(failure))
        });
        let limit = own.into_iter().chain(general).reduce(|one, other| if other.0 < one.0 { other } else { one });
        let ends_at = limit.as_ref().map(|(at, _)| *at);
        let again = self.again_after_us.map(|after| (now.plus_micros(after), Resumption::Continues));
        let next = limit.into_iter().chain(again).reduce(|one, other| if other.0 < one.0 { other } else { one });
        let (until, at_timeout) = match next {
            Some((at, what)) => (Some(at), what),
            None => (None, self.at_limit.clone()),
        };
        Deferral { condition: self.condition.clone(), until, at_timeout, ends_at }
    }
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path } => write!(f, "a file that `{path}` names"),
            Self::Object { url } => write!(f, "an object that `{url}` names"),
            Self::Http { url, status } => {
                let shown: Vec<String> = status.iter().map(u16::to_string).collect();
                write!(f, "{url} to answer with {}", shown.join(" or "))
            }
            Self::Instant { at } => write!(f, "business time to reach {at}"),
            Self::Window { dag, end, exact } => {
                let at = if *exact { "at" } else { "at or after" };
                write!(f, "a run of DAG `{dag}` to succeed whose window ends {at} {end}")
            }
            Self::Approval { message, .. } => {
                f.write_str("somebody to approve or reject it (`daybreak approve`, `daybreak reject`)")?;
                message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
            }
            Self::Items { items: 1 } => f.write_str("its one item"),
            Self::Items { items } => write!(f, "its {items} items"),
            Self::Run { dag, run_id, .. } => match run_id {
                Some(run_id) => write!(f, "the end of run {run_id} of DAG `{dag}`"),
                None => write!(f, "the end of a run of DAG `{dag}`"),
            },
        }
    }
}
