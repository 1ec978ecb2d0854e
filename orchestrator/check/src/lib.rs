//! Everything that can be said of a project without running it: the language's own problems, schedules and graphs,
//! kinds and parameters, columns and types, the flow of builds and versions, all at once; and the typed plan of a
//! project without errors. Reads footers, never rows; runs no task. To add a check: a function in the file it belongs to
//! that pushes problems, and a fixture in `tests/invalid`.

mod circles;
mod columns;
mod dag_values;
mod dags;
mod explain;
mod flow;
mod follow;
mod footers;
mod http_values;
mod kinds;
mod plan;
mod planning;
mod schema;
mod secrets;
mod templates;

use std::collections::BTreeMap;
use std::path::Path;

use daybreak_core::{KindCatalog, ScheduleCompiler};
use daybreak_spec::{FlowTest, Loaded, Name, Problem, Severity, Timestamp};

use crate::dags::CheckedDag;
use crate::footers::Footers;
pub use crate::plan::{Column, DagPlan, Explanation, Item, ModelPlan, Plan, SchedulePlan, TaskPlan, ViewPlan};
pub use crate::secrets::SecretUse;

/// Why a project could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder itself.
    #[error(transparent)]
    Load(#[from] daybreak_spec::Error),
}

/// A project and everything found out about it.
#[derive(Debug)]
pub struct Checked {
    /// What was read.
    pub loaded: Loaded,
    /// The typed plan; none where there is an error.
    pub plan: Option<Plan>,
    /// Everything wrong, by place: errors and warnings, those of reading included.
    pub problems: Vec<Problem>,
    /// The secrets that tasks refer to.
    pub secrets: BTreeMap<Name, Vec<SecretUse>>,
}

/// Checks projects, and remembers footers of Parquet files from one check to the next.
#[derive(Debug)]
pub struct Checker {
    kinds: KindCatalog,
    footers: Footers,
}

impl Default for Checker {
    fn default() -> Self {
        Self { kinds: daybreak_tasks::registry().catalog(), footers: Footers::default() }
    }
}

/// Checks the project in a folder.
///
/// # Errors
/// When the folder cannot be read or holds no project; everything else is a problem.
pub fn check(root: &Path) -> Result<Checked, Error> {
    Checker::default().check(root)
}

/// Checks what flow tests need of the project in a folder: everything but the columns of its files, which need not be
/// there; and reads the tests.
///
/// # Errors
/// As for [`check`].
pub fn check_flows(root: &Path) -> Result<Flows, Error> {
    let mut loaded = daybreak_spec::load(root)?;
    let tests = daybreak_spec::load_flow_tests(&mut loaded)?;
    let kinds = daybreak_tasks::registry().catalog();
    let mut found = Vec::new();
    let checked = dags_of(&loaded, &kinds, &mut found);
    found.extend(follow::check(&loaded, &checked));
    found.extend(circles::check(&loaded.project, &kinds, &checked));
    let problems = all(&loaded, found);
    Ok(Flows { loaded, tests, kinds, problems })
}

/// The DAGs of a project and its flow tests.
#[derive(Debug)]
pub struct Flows {
    /// What was read.
    pub loaded: Loaded,
    /// The tests.
    pub tests: Vec<FlowTest>,
    /// The kinds of tasks.
    pub kinds: KindCatalog,
    /// Everything wrong, by place.
    pub problems: Vec<Problem>,
}

/// The JSON Schema of project files for editors, with the kinds of tasks and the algorithms.
pub fn json_schema() -> serde_json::Value {
    schema::json_schema(&daybreak_tasks::registry().catalog())
}

impl Checker {
    /// Checks the project in a folder.
    ///
    /// # Errors
    /// When the folder cannot be read or holds no project; everything else is a problem.
    pub fn check(&self, root: &Path) -> Result<Checked, Error> {
        Ok(self.checked(daybreak_spec::load(root)?))
    }

    /// Checks the project in a folder and its flow tests.
    ///
    /// # Errors
    /// As for [`Self::check`].
    pub fn check_with_tests(&self, root: &Path) -> Result<(Checked, Vec<FlowTest>), Error> {
        let mut loaded = daybreak_spec::load(root)?;
        let tests = daybreak_spec::load_flow_tests(&mut loaded)?;
        Ok((self.checked(loaded), tests))
    }

    fn checked(&self, loaded: Loaded) -> Checked {
        let project = &loaded.project;
        let mut found = Vec::new();
        let columns = columns::check(project, &loaded.root, &self.footers, &mut found);
        let checked = dags_of(&loaded, &self.kinds, &mut found);
        found.extend(flow::unpublished(project, &checked));
        found.extend(follow::check(&loaded, &checked));
        found.extend(circles::check(project, &self.kinds, &checked));
        let problems = all(&loaded, found);
        let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
        let plan = (!refused).then(|| planning::plan(project, &columns, &checked));
        let secrets = secrets::used(&loaded.project);
        Checked { plan, problems, loaded, secrets }
    }
}

/// The sound ones of a project's DAGs.
fn dags_of(loaded: &Loaded, kinds: &KindCatalog, problems: &mut Vec<Problem>) -> BTreeMap<Name, CheckedDag> {
    let mut checked = BTreeMap::new();
    let mut schedules = ScheduleCompiler::of(&loaded.project);
    for (name, dag) in &loaded.project.dags {
        problems.extend(secrets::misplaced(dag, kinds));
        if let Some(dag) = dags::check(loaded, dag, (&mut schedules, kinds), problems) {
            checked.insert(name.clone(), dag);
        }
    }
    checked
}

/// What reading found and what was found since, by place.
fn all(loaded: &Loaded, found: Vec<Problem>) -> Vec<Problem> {
    let mut problems = loaded.problems.clone();
    problems.extend(new_ones(&loaded.problems, found));
    problems.sort_by(|one, other| (one.span, one.code, &one.message).cmp(&(other.span, other.code, &other.message)));
    problems.dedup();
    problems
}

/// Mistakes in names that reading finds and that resolving columns finds once more, at another place of the line.
const FOUND_TWICE: [&str; 5] =
    ["unknown_feature", "unknown_key_column", "duplicate_role", "duplicate_feature", "reserved_name"];

/// What reading has not said already.
fn new_ones(known: &[Problem], found: Vec<Problem>) -> Vec<Problem> {
    let same_mistake = |known: &Problem, other: &Problem| {
        let same_line = (known.span.file, known.span.line) == (other.span.file, other.span.line);
        let again = known.code == other.code && FOUND_TWICE.contains(&known.code);
        let follows = other.code == "duplicate_name" && matches!(known.code, "duplicate_role" | "duplicate_column");
        same_line && (known.span.column == other.span.column || again || follows)
    };
    found.into_iter().filter(|other| !known.iter().any(|known| same_mistake(known, other))).collect()
}

impl Checked {
    /// Whether the project can be run.
    pub fn is_sound(&self) -> bool {
        self.plan.is_some()
    }

    /// All problems as a compiler would show them: place, line, what to write instead.
    pub fn render(&self) -> String {
        daybreak_spec::render(&self.problems, &self.loaded.files)
    }

    /// All problems as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        daybreak_spec::problems_json(&self.problems, &self.loaded.files)
    }

    /// A DAG of the plan with its next firings after `now`; its `Display` is for people.
    pub fn explain(&self, dag: &Name, now: Timestamp) -> Option<Explanation> {
        planning::explain(self.plan.as_ref()?, &self.loaded.project, dag, now)
    }
}
