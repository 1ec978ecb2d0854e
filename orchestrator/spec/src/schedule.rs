//! Schedules and calendars as declared: when a DAG fires, and what happens to firings where clocks jump, where nobody
//! watched and where a run is active. Plain data; instants are found by the `core` package. To add a key of `schedule:`:
//! a field here, its line in `keys.rs` and in `decode/schedule.rs`.

use std::fmt;

use chrono::{NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{Duration, Name, Span, Spanned};

/// When a DAG fires.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The map's own position.
    #[serde(skip)]
    pub span: Span,
    /// Five or six fields or an alias, as written.
    pub cron: Spanned<String>,
    /// IANA zone name; default `UTC`.
    pub timezone: Spanned<String>,
    /// First wall-clock time in the zone that may fire (inclusive).
    pub start: Option<Spanned<NaiveDateTime>>,
    /// Wall-clock time in the zone from which on nothing fires (exclusive).
    pub end: Option<Spanned<NaiveDateTime>>,
    /// How the two day fields of `cron` combine where neither is a bare `*`. Default `or`.
    #[serde(default)]
    pub day_match: DayMatch,
    /// What a fixed time does where clocks jump; none = the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<Spanned<Dst>>,
    /// Local dates that do not fire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<DateSet>,
    /// The only local dates that fire; empty = every date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<DateSet>,
    /// Each firing starts up to so much later than its nominal instant, always the same for the same instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Duration>,
    /// Whether it may fire more often than every 10 seconds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_frequent: bool,
    /// What happens to firings missed while the server was down, the DAG paused or not yet deployed. Default `none`.
    pub missed: Missed,
    /// With `missed: all`: only the newest so many run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_cap: Option<u32>,
    /// What happens when a firing comes while a run of the DAG is active. Default `queue`.
    pub overlap: Overlap,
}

/// How the day-of-month and the day-of-week field combine where neither is a bare `*`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DayMatch {
    /// A day that either field names, as cron has always done it.
    #[default]
    Or,
    /// A day that both name, e.g. Friday the 13th.
    And,
}

/// What a fixed time (neither the minute nor the hour field starts with `*`) does on days on which clocks jump.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Dst {
    /// A time that does not exist.
    pub gap: Gap,
    /// A time that comes twice.
    pub overlap: Repeat,
}

/// What happens to a time that a jump of the clock leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// It fires once, right after the gap.
    #[default]
    RunAfter,
    /// It does not fire that day.
    Skip,
}

/// What happens to a time that the clock shows twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// It fires at the first pass.
    #[default]
    First,
    /// It fires at both.
    Both,
}

/// Some local dates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateSet {
    /// One date.
    Date(Spanned<NaiveDate>),
    /// All dates of a calendar.
    Calendar(Spanned<Name>),
}

impl PartialSchema for DateSet {
    fn schema() -> RefOr<Schema> {
        let date =
            ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)));
        let one = |key: &str, value: RefOr<Schema>| ObjectBuilder::new().property(key, value).required(key);
        OneOfBuilder::new().item(one("date", date.into())).item(one("calendar", Name::schema())).into()
    }
}

impl ToSchema for DateSet {}

/// A named list of dates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// Where its name stands.
    #[serde(skip)]
    pub span: Span,
    /// The file its dates were read from, as written; none where they stand in the YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Spanned<String>>,
    /// Its dates, ascending, each once.
    pub dates: Vec<NaiveDate>,
}

/// What happens to missed firings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// They are left out.
    #[default]
    None,
    /// The newest one runs.
    Last,
    /// Each runs, oldest first.
    All,
}

/// What happens to a firing while a run of the DAG is active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It waits for the active run to end.
    #[default]
    Queue,
    /// It is recorded as skipped.
    Skip,
    /// The active run is cancelled.
    CancelPrevious,
}

impl Schedule {
    /// What a fixed time does where clocks jump.
    pub fn dst(&self) -> Dst {
        self.dst.as_ref().map(|dst| dst.value).unwrap_or_default()
    }
}

/// What a schedule declares beside its instants, as plans and views show it. Its `Display` names what differs from the
/// defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleRules {
    /// How the two day fields combine.
    pub day_match: DayMatch,
    /// What a fixed time does where clocks jump.
    pub dst: Dst,
    /// Local dates that do not fire.
    pub exclude: Vec<DateSet>,
    /// The only local dates that fire; empty = every date.
    pub only: Vec<DateSet>,
    /// Each firing starts up to so much later.
    pub jitter: Option<Duration>,
    /// Whether it may fire more often than every 10 seconds.
    pub allow_frequent: bool,
    /// What happens to missed firings.
    pub missed: Missed,
    /// With `missed: all`: only the newest so many run.
    pub missed_cap: Option<u32>,
    /// What happens to a firing while a run is active.
    pub overlap: Overlap,
}

impl From<&Schedule> for ScheduleRules {
    fn from(schedule: &Schedule) -> Self {
        Self {
            day_match: schedule.day_match,
            dst: schedule.dst(),
            exclude: schedule.exclude.clone(),
            only: schedule.only.clone(),
            jitter: schedule.jitter.clone(),
            allow_frequent: schedule.allow_frequent,
            missed: schedule.missed,
            missed_cap: schedule.missed_cap,
            overlap: schedule.overlap,
        }
    }
}

impl fmt::Display for ScheduleRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<String> = Vec::new();
        let mut say = |when: bool, word: &dyn Fn() -> String| words.extend(when.then(word));
        say(self.day_match == DayMatch::And, &|| "both day fields have to match".into());
        say(self.dst.gap == Gap::Skip, &|| "a time that clocks leave out is skipped".into());
        say(self.dst.overlap == Repeat::Both, &|| "a time that comes twice fires twice".into());
        say(!self.only.is_empty(), &|| format!("only on {}", date_words(&self.only)));
        say(!self.exclude.is_empty(), &|| format!("not on {}", date_words(&self.exclude)));
        if let Some(jitter) = &self.jitter {
            say(true, &|| format!("started up to {jitter} later"));
        }
        match (self.missed, self.missed_cap) {
            (Missed::None, _) => {}
            (Missed::Last, _) => say(true, &|| "of missed firings the newest runs".into()),
            (Missed::All, None) => say(true, &|| "missed firings run".into()),
            (Missed::All, Some(cap)) => say(true, &|| format!("of missed firings the newest {cap} run")),
        }
        match self.overlap {
            Overlap::Queue => {}
            Overlap::Skip => say(true, &|| "skipped while a run is active".into()),
            Overlap::CancelPrevious => say(true, &|| "cancels a run that is active".into()),
        }
        f.write_str(&words.join("; "))
    }
}

fn date_words(sets: &[DateSet]) -> String {
    let word = |set: &DateSet| match set {
        DateSet::Date(date) => date.value.to_string(),
        DateSet::Calendar(name) => format!("calendar {}", name.value),
    };
    sets.iter().map(word).collect::<Vec<_>>().join(", ")
}
