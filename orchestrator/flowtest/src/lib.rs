//! Flow tests: a run of a DAG in which tasks end as the test says. What follows from each end is `core::advance`'s word,
//! as in production; parameters are rendered by the workers' own substitution. No task's code is run, nothing is read
//! or written, time is simulated. To add an end that a task can have: a key of `Mock` and an arm in `ends.rs`; to add
//! something to expect: a key of `Expectation` and a line in `compare.rs`.

mod compare;
mod ends;
mod made;
mod play;

use std::path::Path;

use daybreak_core::{KindCatalog, ScheduleCompiler};
use daybreak_spec::{FlowTest, Problem, Project};

pub use compare::Mismatch;
pub use play::{Played, PlayedTask};

/// Plays the tests of one project.
pub struct FlowTests<'a> {
    project: &'a Project,
    root: &'a Path,
    catalog: &'a KindCatalog,
    schedules: ScheduleCompiler,
}

impl<'a> FlowTests<'a> {
    /// Of a project without errors, in this folder.
    pub fn of(project: &'a Project, root: &'a Path, catalog: &'a KindCatalog) -> Self {
        Self { project, root, catalog, schedules: ScheduleCompiler::of(project) }
    }

    /// Plays a test's run to its end.
    ///
    /// # Errors
    /// What keeps runs of the DAG from being made at all: problems of the project.
    pub fn play(&mut self, test: &FlowTest) -> Result<Played, Vec<Problem>> {
        play::play(test, self)
    }
}

/// Where what came of a run is not what its test expects.
pub fn mismatches(test: &FlowTest, played: &Played) -> Vec<Mismatch> {
    compare::mismatches(test, played)
}
