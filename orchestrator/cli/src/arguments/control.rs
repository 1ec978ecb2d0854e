//! The command line of what people do to runs by hand. No behaviour.

use clap::Args;

use super::{Project, run_id};

/// `rerun`
#[derive(Args)]
pub struct Rerun {
    /// The run's id
    #[arg(value_parser = run_id)]
    pub run: String,
    /// Only what failed, was cancelled or was left out for a failure, and all that needs it
    #[arg(long, conflicts_with = "latest")]
    pub from_failed: bool,
    /// As a new run, in the version that is live now; without it a run keeps the version it was made from
    #[arg(long)]
    pub latest: bool,
    /// Only say what would run again
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    /// Wait for its end; exit 1 if it fails
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `clear`
#[derive(Args)]
pub struct Clear {
    /// The run's id
    #[arg(value_parser = run_id)]
    pub run: String,
    /// The task
    pub task: String,
    /// Only say what would run again
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    /// Wait for the run's end; exit 1 if it fails
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// How a task is marked.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum MarkAs {
    /// It did its work
    Succeeded,
    /// It failed for good
    Failed,
    /// It is not to be run
    Skipped,
}

/// `mark`
#[derive(Args)]
pub struct Mark {
    /// The run's id
    #[arg(value_parser = run_id)]
    pub run: String,
    /// The task
    pub task: String,
    /// How it ends
    pub state: MarkAs,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// What a success hands on to the tasks that need it
    #[arg(long = "output", value_name = "KEY=VALUE")]
    pub outputs: Vec<String>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `approve` and `reject`
#[derive(Args)]
pub struct Decide {
    /// The run's id
    #[arg(value_parser = run_id)]
    pub run: String,
    /// The task that waits for approval
    pub task: String,
    /// Why, for those who look later; the task hands it on
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `cancel`
#[derive(Args)]
pub struct Cancel {
    /// The run's id
    #[arg(value_parser = run_id)]
    pub run: String,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `items`
#[derive(Args)]
pub struct Items {
    /// The run's id
    #[arg(value_parser = run_id)]
    pub run: String,
    /// The task
    pub task: String,
    /// Only those in this state, e.g. failed
    #[arg(long)]
    pub state: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `why`
#[derive(Args)]
pub struct WhyNot {
    /// The run's id
    #[arg(value_parser = run_id)]
    pub run: String,
    /// The task; all of the run's when left out
    pub task: Option<String>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `audit`
#[derive(Args)]
pub struct Audit {
    /// Only what was done to this run, DAG or project
    #[arg(long, value_name = "NAME_OR_ID")]
    pub of: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}
