//! When a task runs, by how the tasks it needs ended: a named rule, a condition in words, or as a teardown. Only the
//! language: what follows from it is decided in the `core` package. To add a rule: a variant, its word in `keys.rs`, its
//! line in the tables of `core`.

use serde::{Deserialize, Serialize};

use crate::Condition;

/// What has to have become of the tasks that a task needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerRule {
    /// `rule:`
    Rule(Rule),
    /// `when:`
    When(Condition),
    /// `teardown: true`: it clears up after the tasks it needs, however they end.
    Teardown,
}

/// The named rules. "Failed" counts tasks that were left out because of a failure, and cancelled ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// All succeeded.
    #[default]
    AllSuccess,
    /// All failed.
    AllFailed,
    /// All have ended.
    AllDone,
    /// All have ended, at least one succeeded and none was skipped.
    AllDoneMinOneSuccess,
    /// All were skipped.
    AllSkipped,
    /// One has succeeded; the others are not waited for.
    OneSuccess,
    /// One has failed; the others are not waited for.
    OneFailed,
    /// One has succeeded or failed by itself; the others are not waited for.
    OneDone,
    /// All have ended and none failed.
    NoneFailed,
    /// All have ended, none failed and at least one succeeded.
    NoneFailedMinOneSuccess,
    /// All have ended and none was skipped.
    NoneSkipped,
    /// At once.
    Always,
}

impl Default for TriggerRule {
    fn default() -> Self {
        Self::Rule(Rule::default())
    }
}

impl TriggerRule {
    /// Whether nothing was written.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 12] = [
        Self::AllSuccess,
        Self::AllFailed,
        Self::AllDone,
        Self::AllDoneMinOneSuccess,
        Self::AllSkipped,
        Self::OneSuccess,
        Self::OneFailed,
        Self::OneDone,
        Self::NoneFailed,
        Self::NoneFailedMinOneSuccess,
        Self::NoneSkipped,
        Self::Always,
    ];

    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            Self::AllSuccess => "all_success",
            Self::AllFailed => "all_failed",
            Self::AllDone => "all_done",
            Self::AllDoneMinOneSuccess => "all_done_min_one_success",
            Self::AllSkipped => "all_skipped",
            Self::OneSuccess => "one_success",
            Self::OneFailed => "one_failed",
            Self::OneDone => "one_done",
            Self::NoneFailed => "none_failed",
            Self::NoneFailedMinOneSuccess => "none_failed_min_one_success",
            Self::NoneSkipped => "none_skipped",
            Self::Always => "always",
        }
    }
}
