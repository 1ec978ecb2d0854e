//! The command line of backfills. No behaviour.

use clap::{Args, Subcommand, ValueEnum};
use daybreak_spec::Timestamp;

use super::{Project, instant_or_date};

/// `backfill`
#[derive(Subcommand)]
pub enum Backfill {
    /// Run the windows of a range, a few at a time, beside what schedules run
    Start(BackfillStart),
    /// List backfills, newest first
    List {
        /// At most this many
        #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
    /// Show a backfill: how far it is and how long it will take
    Show(BackfillOne),
    /// Let a backfill make no more runs; those that exist go on
    Pause(BackfillOne),
    /// Let a paused backfill go on
    Resume(BackfillOne),
    /// End a backfill and its runs that go on
    Cancel(BackfillOne),
}

/// Which windows are run.
#[derive(Clone, Copy, ValueEnum)]
pub enum ReprocessWord {
    /// Those that have no run
    Missing,
    /// Those whose last run failed or was cancelled too
    Failed,
    /// All
    All,
}

/// `backfill start`
#[derive(Args)]
pub struct BackfillStart {
    /// The DAG
    pub dag: String,
    /// Firings from this date or instant on, e.g. 2013-03-01 or 2013-03-01T02:30:00-05:00
    #[arg(long, value_parser = instant_or_date)]
    pub from: Timestamp,
    /// Up to, not including, this one [default: now]
    #[arg(long, value_parser = instant_or_date)]
    pub to: Option<Timestamp>,
    /// Which of them; one whose run goes on is never doubled
    #[arg(long, value_enum, default_value_t = ReprocessWord::Missing)]
    pub reprocess: ReprocessWord,
    /// The newest first
    #[arg(long)]
    pub backwards: bool,
    /// Runs at once, whatever `max_active_runs` says [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub parallel: Option<u32>,
    /// Added to the priority of every task: minus the minutes that it lets others go before it [default: -5]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-10_000..=10_000))]
    pub priority: Option<i32>,
    /// A parameter of the runs
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Only say what would be run
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    /// Wait for its end; exit 1 if a run failed
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// Commands about one backfill.
#[derive(Args)]
pub struct BackfillOne {
    /// The backfill's id
    #[arg(value_parser = backfill_id)]
    pub id: String,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

fn backfill_id(text: &str) -> Result<String, String> {
    super::run_id(text)
        .map_err(|_| format!("`{text}` is not the id of a backfill; `daybreak backfill list` shows them"))
}
