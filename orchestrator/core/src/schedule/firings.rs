//! All schedules of one DAG as one stream of firings: instants that coincide are one firing. The key of a firing is
//! (dag, instant), unique for ever. Must not know what a run is. To add a question about firings: a method here.

use daybreak_spec::{Problem, Timestamp};

use super::{CompiledSchedule, Walk};

/// When a DAG fires.
#[derive(Clone, Debug, Default)]
pub struct Firings {
    schedules: Box<[CompiledSchedule]>,
}

impl Firings {
    /// Of schedules in order of declaration.
    pub(super) fn new(schedules: Vec<CompiledSchedule>) -> Self {
        Self { schedules: schedules.into() }
    }

    /// What the user should look at, though it runs.
    pub fn warnings(&self) -> impl Iterator<Item = &Problem> {
        self.schedules.iter().flat_map(CompiledSchedule::warnings)
    }

    /// The single schedules, in order of declaration.
    pub fn schedules(&self) -> &[CompiledSchedule] {
        &self.schedules
    }

    /// Whether the DAG runs by hand only.
    pub fn is_empty(&self) -> bool {
        self.schedules.is_empty()
    }

    /// The same schedules without `exclude` and `only`.
    pub fn on_every_date(&self) -> Self {
        Self::new(self.schedules.iter().map(CompiledSchedule::on_every_date).collect())
    }

    /// All firings after `after`, soonest first.
    pub fn walk(&self, after: Timestamp) -> Walk<'_> {
        Walk::new(self, after)
    }

    /// The first firing after `after`, within the schedules' starts and ends.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.schedules.iter().filter_map(|schedule| schedule.next_after(after)).min()
    }

    /// The last firing before `before`, within the schedules' starts and ends.
    pub fn previous_before(&self, before: Timestamp) -> Option<Timestamp> {
        self.schedules.iter().filter_map(|schedule| schedule.previous_before(before)).max()
    }

    /// The instants of the schedules in `[from, to]`, oldest first, as if they had neither start nor end.
    pub fn extended_between(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let mut instants: Vec<Timestamp> =
            self.schedules.iter().flat_map(|schedule| schedule.extended_between(from, to)).collect();
        instants.sort_unstable();
        instants.dedup();
        instants
    }
}
