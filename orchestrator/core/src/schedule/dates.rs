//! Local dates that fire and those that do not. Knows nothing of zones or times. To add a kind of date rule: a variant of
//! `DateSet` in the language, its list in [`Dates::of`].

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use daybreak_spec::{DateSet, Name, Project, Schedule};

/// Ascending, each date once.
type List = Arc<[NaiveDate]>;

/// The calendars of a project, shared by all schedules that name them.
#[derive(Clone, Debug, Default)]
pub struct Calendars(BTreeMap<Name, List>);

impl Calendars {
    /// Those that a project declares.
    pub fn of(project: &Project) -> Self {
        let lists = project.calendars.iter();
        Self(lists.map(|(name, calendar)| (name.clone(), calendar.dates.as_slice().into())).collect())
    }
}

/// Which dates a schedule keeps to.
#[derive(Clone, Debug, Default)]
pub(super) struct Dates {
    /// None: every date.
    only: Box<[List]>,
    exclude: Box<[List]>,
}

impl Dates {
    /// A calendar that is not known restricts nothing: whoever reads the project has said so.
    pub fn of(schedule: &Schedule, calendars: &Calendars) -> Self {
        Self { only: lists(&schedule.only, calendars), exclude: lists(&schedule.exclude, calendars) }
    }

    /// Whether every date fires.
    pub fn are_all(&self) -> bool {
        self.only.is_empty() && self.exclude.is_empty()
    }

    /// The first date that may fire, where there is one.
    pub fn first(&self) -> Option<NaiveDate> {
        let first = self.only.iter().filter_map(|list| list.first().copied()).min()?;
        self.next(first)
    }

    /// The first date from `date` on that fires.
    pub fn next(&self, mut date: NaiveDate) -> Option<NaiveDate> {
        loop {
            if !self.only.is_empty() {
                date = self
                    .only
                    .iter()
                    .filter_map(|list| list.get(list.partition_point(|day| *day < date)))
                    .min()
                    .copied()?;
            }
            if !self.excludes(date) {
                return Some(date);
            }
            date = date.succ_opt()?;
        }
    }

    /// The last date up to `date` that fires.
    pub fn previous(&self, mut date: NaiveDate) -> Option<NaiveDate> {
        loop {
            if !self.only.is_empty() {
                let before = |list: &List| list.partition_point(|day| *day <= date).checked_sub(1).map(|at| list[at]);
                date = self.only.iter().filter_map(before).max()?;
            }
            if !self.excludes(date) {
                return Some(date);
            }
            date = date.pred_opt()?;
        }
    }

    fn excludes(&self, date: NaiveDate) -> bool {
        self.exclude.iter().any(|list| list.binary_search(&date).is_ok())
    }
}

fn lists(sets: &[DateSet], calendars: &Calendars) -> Box<[List]> {
    let mut single = Vec::new();
    let mut lists = Vec::new();
    for set in sets {
        match set {
            DateSet::Date(date) => single.push(date.value),
            DateSet::Calendar(name) => lists.extend(calendars.0.get(&name.value).cloned()),
        }
    }
    if !single.is_empty() {
        single.sort_unstable();
        single.dedup();
        lists.push(single.into());
    }
    lists.into()
}
