//! All schedules of one DAG as one stream of firings: instants that coincide are one firing. The key of a firing is
//! (dag, instant), unique for ever. Must not know what a run is. To add a question about firings: a method here.

use daybreak_spec::{Dag, Problem, Severity, Timestamp};

use super::CompiledSchedule;

/// When a DAG fires.
#[derive(Clone, Debug, Default)]
pub struct Firings {
    schedules: Vec<CompiledSchedule>,
}

impl Firings {
    /// Compiles all schedules of a DAG.
    ///
    /// # Errors
    /// The problems of all of them, warnings included, when any has an error.
    pub fn compile(dag: &Dag) -> Result<Self, Vec<Problem>> {
        let (mut schedules, mut problems) = (Vec::new(), Vec::new());
        for schedule in &dag.schedules {
            match CompiledSchedule::compile(schedule) {
                Ok(compiled) => {
                    problems.extend(compiled.warnings().iter().cloned());
                    schedules.push(compiled);
                }
                Err(found) => problems.extend(found),
            }
        }
        let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
        if refused { Err(problems) } else { Ok(Self { schedules }) }
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
