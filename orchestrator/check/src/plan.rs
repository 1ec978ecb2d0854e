//! The typed plan of a project: what each task reads and makes, with columns and types. Plain data for the CLI, the API
//! and the UI; it is made only of a project without errors and never decides anything itself.

use std::collections::BTreeMap;

use daybreak_spec::{ColumnType, Name, ScheduleRules, Timestamp, TriggerRule};
use serde::{Deserialize, Serialize};

/// A whole project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The project's name.
    pub project: Name,
    /// Its views.
    pub views: BTreeMap<Name, ViewPlan>,
    /// Its models.
    pub models: BTreeMap<Name, ModelPlan>,
    /// Its DAGs.
    pub dags: BTreeMap<Name, DagPlan>,
}

/// A column and its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
}

/// What a build of a view holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewPlan {
    /// The entity; none = one row for all.
    pub entity: Option<Name>,
    /// The sources it reads.
    pub sources: Vec<Name>,
    /// Key columns.
    pub keys: Vec<Column>,
    /// Features.
    pub features: Vec<Column>,
    /// Largest age, as written.
    pub ttl: Option<String>,
}

/// What a model takes and gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelPlan {
    /// The source of its observations.
    pub observations: Name,
    /// Observation columns that serve as keys.
    pub keys: Vec<Column>,
    /// Values that arrive with the request.
    pub inputs: Vec<Column>,
    /// Values fetched, `{role}__{feature}`.
    pub features: Vec<Column>,
    /// Values computed.
    pub derived: Vec<Column>,
    /// The views it reads.
    pub views: Vec<Name>,
    /// The algorithm.
    pub algorithm: String,
    /// Type of the label.
    pub label: ColumnType,
}

/// A DAG.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DagPlan {
    /// When it fires; empty = by hand only.
    pub schedules: Vec<SchedulePlan>,
    /// Its tasks, each after the ones it needs.
    pub tasks: Vec<TaskPlan>,
}

/// One schedule, as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchedulePlan {
    /// The cron expression.
    pub cron: String,
    /// The zone.
    pub timezone: String,
    /// First wall-clock time.
    pub start: Option<String>,
    /// Wall-clock time from which on nothing fires.
    pub end: Option<String>,
    /// Its policies and dates.
    #[serde(flatten)]
    pub rules: ScheduleRules,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskPlan {
    /// Its name.
    pub name: Name,
    /// Its kind.
    pub kind: String,
    /// Whether it runs in a child process.
    pub heavy: bool,
    /// Tasks it waits for.
    pub needs: Vec<Name>,
    /// How they must have ended, where that is not that all succeeded.
    #[serde(default, skip_serializing_if = "TriggerRule::is_default")]
    pub trigger: TriggerRule,
    /// Whether the run can succeed although it failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tolerated: bool,
    /// Its parameters as written.
    pub parameters: serde_json::Map<String, serde_json::Value>,
    /// What it reads.
    pub inputs: Vec<Item>,
    /// What it makes.
    pub outputs: Vec<Item>,
}

/// Something a task reads or makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "item")]
pub enum Item {
    /// Rows of a source.
    Rows {
        /// The source.
        source: Name,
    },
    /// Builds of a view.
    Builds {
        /// The view.
        view: Name,
    },
    /// The online rows of a view.
    OnlineRows {
        /// The view.
        view: Name,
    },
    /// A version of a model.
    Version {
        /// The model.
        model: Name,
    },
    /// A judgement on a version.
    Judgement {
        /// The model.
        model: Name,
    },
    /// An alias.
    Alias {
        /// The model.
        model: Name,
    },
}

/// One DAG of a plan and its next firings: what `daybreak explain` shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The DAG's name.
    pub dag: Name,
    /// The DAG.
    #[serde(flatten)]
    pub plan: DagPlan,
    /// The views that its tasks read or make.
    pub views: BTreeMap<Name, ViewPlan>,
    /// The models that its tasks read or make.
    pub models: BTreeMap<Name, ModelPlan>,
    /// Its next firings, at most five.
    pub next_firings: Vec<Timestamp>,
    /// Where there is no next firing: the last one, if there was one.
    pub last_firing: Option<Timestamp>,
}
