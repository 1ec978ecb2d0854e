//! The command line of schedules: when DAGs fire, and letting them rest. No behaviour.

use clap::Args;
use daybreak_spec::Timestamp;

use super::{Project, instant_or_date};

/// `schedule`
#[derive(Args)]
pub struct Schedule {
    /// The DAG
    pub dag: String,
    /// So many firings
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub next: u32,
    /// From this instant or UTC date on [default: now]
    #[arg(long, value_parser = instant_or_date, value_name = "INSTANT")]
    pub from: Option<Timestamp>,
    /// Show also what `exclude` and `only` leave out
    #[arg(long)]
    pub all: bool,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `simulate`
#[derive(Args)]
pub struct Simulate {
    /// From this instant or UTC date on
    #[arg(long, value_parser = instant_or_date, value_name = "INSTANT")]
    pub from: Timestamp,
    /// Before this instant or UTC date
    #[arg(long, value_parser = instant_or_date, value_name = "INSTANT")]
    pub to: Timestamp,
    /// Only this DAG's
    #[arg(long)]
    pub dag: Option<String>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `pause`, `resume`
#[derive(Args)]
pub struct Pause {
    /// The DAG
    pub dag: String,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}
