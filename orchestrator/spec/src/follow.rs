//! What follows from runs and from data beside schedules: DAGs that run after others or when data was updated, and alerts.
//! Plain declarations; `core::follow` decides what comes of them.

use chrono::NaiveTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Name, Span, Spanned};

/// `after:` of a DAG: it runs when a run of another one has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct After {
    /// The other DAG.
    pub dag: Spanned<Name>,
    /// Which ends count.
    #[serde(default)]
    pub ended: RunEnd,
}

/// Ends of runs that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// `succeeded`
    #[default]
    Succeeded,
    /// `failed`
    Failed,
    /// `any`: succeeded, failed or cancelled.
    Any,
}

/// `updated:` of a DAG: it runs when data was updated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Updated {
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
    /// Views: a build newer than all before was made.
    pub views: Vec<Spanned<Name>>,
    /// Sources: their files changed.
    pub sources: Vec<Spanned<Name>>,
    /// How many of them.
    #[serde(rename = "match", default)]
    pub matching: Match,
    /// Only updates between midnight and this time of a day count, and those of one day alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Spanned<NaiveTime>>,
    /// IANA name of the zone of `before`.
    pub timezone: Spanned<String>,
}

/// `match:`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Each of them since the last run that they made.
    #[default]
    All,
    /// One is enough.
    Any,
}

/// A declared alert: the DAG that tells somebody, and of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Where its name stands.
    #[serde(skip)]
    pub span: Span,
    /// What it tells of.
    pub on: Vec<AlertEvent>,
    /// Whose; none: all DAGs but those that alerts run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dags: Option<Vec<Spanned<Name>>>,
    /// The DAG that is run.
    pub run: Spanned<Name>,
}

/// What an alert tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertEvent {
    /// `failed`: a run failed.
    Failed,
    /// `deadline`: a run failed because it had not ended by its deadline.
    Deadline,
    /// `retry`: a task failed and is tried again.
    Retry,
}

impl AlertEvent {
    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Deadline => "deadline",
            Self::Retry => "retry",
        }
    }
}

/// Parameters that an alert gives to the DAG it runs, those that it declares.
pub const ALERT_PARAMS: [(&str, &str); 7] = [
    ("alert", "the alert's name"),
    ("event", "failed, deadline or retry"),
    ("dag", "the DAG it is about"),
    ("run", "the run it is about"),
    ("task", "for retry: the task; else empty"),
    ("reason", "why the run or the attempt failed"),
    ("window_end", "T of the run it is about"),
];
