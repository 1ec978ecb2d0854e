//! The command line: every command, flag and help text. No behaviour. To add a command: a variant here, a file in
//! `commands/`, a line in `main.rs`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use daybreak_spec::Timestamp;

pub use backfills::{Backfill, BackfillOne, BackfillStart, ReprocessWord};
pub use control::{Audit, Cancel, Clear, Decide, Items, Mark, MarkAs, Rerun, WhyNot};
pub use models::{ModelCommand, Models, Promote, Rollback};
pub use roles::{Listening, Serve, Serving, ToServer, Up, Worker};
pub use schedules::{Pause, Schedule, Simulate};
pub use testing::{Check, Test};
pub use tokens::{Token, TokenCommand, TokenCreate};

mod backfills;
mod control;
mod models;
mod roles;
mod schedules;
mod testing;
mod tokens;

/// Daybreak trains by night and serves by day.
#[derive(Parser)]
#[command(name = "daybreak", version, about, propagate_version = true, max_term_width = 100)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How log lines on standard error are written; DAYBREAK_LOG says which
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// How log lines are written.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line, for programs
    Json,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run the flights example: nights of training, then live predictions
    Demo(Demo),
    /// Run server, worker and endpoint in one process until Ctrl-C
    Up(Up),
    /// Run the server alone: schedules, state, API; workers and endpoints are processes of their own
    Server(Serving),
    /// Run the tasks of a server on this machine until Ctrl-C
    Worker(Worker),
    /// Answer predictions with what is live on a server until Ctrl-C, also while that is away
    Serve(Serve),
    /// Make the project's files as they are now the version that new runs are made from
    Apply(Apply),
    /// Report every mistake in a project
    Check(Check),
    /// Show the typed plan of a DAG: tasks, columns and types, next firings
    Explain {
        /// The DAG
        dag: String,
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
    /// Show when a DAG fires: local time, UTC, windows, days on which clocks jump
    Schedule(Schedule),
    /// Print every firing of a period without running anything
    Simulate(Simulate),
    /// List DAGs: next firing, active runs, last run, pauses
    Dags {
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
    /// Let a DAG fire nothing until it is resumed; runs by hand go on
    Pause(Pause),
    /// Let a paused DAG fire again
    Resume(Pause),
    /// Run the project's flow tests (`*.test.yaml`): its DAGs, with the ends of their tasks made up
    Test(Test),
    /// Print the JSON Schema of project files, for editors
    Schema {
        /// The schema of flow tests, `*.test.yaml`, instead
        #[arg(long)]
        tests: bool,
    },
    /// Write a small project that runs
    Init {
        /// Folder to write it to
        #[arg(default_value = ".")]
        directory: PathBuf,
    },
    /// Start a run of a DAG by hand
    Run(Run),
    /// Run the windows of a range (again), beside what schedules run
    #[command(subcommand)]
    Backfill(Backfill),
    /// List runs, newest first
    Runs {
        /// Only this DAG's
        #[arg(long)]
        dag: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 30, value_name = "N")]
        limit: u32,
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
    /// Print the log of a run's task
    Logs {
        /// The run's id
        #[arg(value_parser = run_id)]
        run: String,
        /// The task; all of the run's when left out
        task: Option<String>,
        /// Print the task's log as it is written, until the task has ended
        #[arg(long, requires = "task")]
        follow: bool,
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
    /// Run a run that has ended again, all of it or from its failed tasks; it keeps the version it was made from
    Rerun(Rerun),
    /// Run a task that has ended again, and all that needs it
    Clear(Clear),
    /// Say how a task ends that has not ended; an attempt that is going on is ended
    Mark(Mark),
    /// Approve a task that waits for a decision
    Approve(Decide),
    /// Reject a task that waits for a decision
    Reject(Decide),
    /// Ask for the end of a run
    Cancel(Cancel),
    /// List the items of a task that is done once per item
    Items(Items),
    /// List workers: queues, labels, slots, what each runs, when it was last seen
    Workers {
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
    /// List queues: what waits and runs in them, and how many workers take from them
    Queues {
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
    /// Say what keeps a run's tasks from running
    Why(WhyNot),
    /// List what was done by hand, newest first: who, when, from where
    Audit(Audit),
    /// List models, their versions and aliases; promote a version by hand, or go back to the one before
    Models(Models),
    /// Look at online features
    Features {
        /// What to look at
        #[command(subcommand)]
        command: Features,
    },
    /// Ask the endpoint for a prediction
    Predict {
        /// The model
        model: String,
        /// Entity keys and inputs
        #[arg(value_name = "KEY=VALUE")]
        values: Vec<String>,
        /// The endpoint (`daybreak serve`), where it is not the server itself, e.g. http://127.0.0.1:4322
        #[arg(long, value_name = "URL", value_parser = roles::url)]
        endpoint: Option<String>,
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
    /// Write the rows a model would be trained on at an instant to a Parquet file
    TrainingSet(TrainingSet),
    /// Show business time and real time; move simulated business time on
    Clock(Clock),
    /// Bring the state database's schema up to date, and say what was done
    Migrate(Migrate),
    /// Print the project's own token, or make, list and take back tokens with a role
    Token(Token),
    /// Print the OpenAPI document of the server's API
    Openapi,
    /// (internal) run one heavy task, handed over by a worker
    #[command(hide = true)]
    TaskChild,
    /// (internal) supervise the processes of one task
    #[command(hide = true)]
    TaskShim {
        /// What to run
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        argv: Vec<std::ffi::OsString>,
    },
    /// (internal) the demo's departures as JSON lines
    #[command(hide = true)]
    DemoDepartures {
        /// The project
        directory: PathBuf,
        /// From this instant on
        #[arg(value_parser = instant)]
        from: Timestamp,
        /// Before this instant
        #[arg(value_parser = instant)]
        to: Timestamp,
    },
}

/// `run DAG` starts one, `run show ID` looks at one.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Run {
    #[command(subcommand)]
    /// Look at a run instead.
    pub show: Option<RunShow>,
    /// The DAG
    #[arg(required = true)]
    pub dag: Option<String>,
    /// T, the instant that features and labels are cut off at [default: now]
    #[arg(long, value_parser = instant, value_name = "INSTANT")]
    pub at: Option<Timestamp>,
    /// A parameter of the DAG
    #[arg(long = "param", value_name = "KEY=VALUE")]
    pub params: Vec<String>,
    /// Wait for its end; exit 1 if it fails
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// Looking at runs.
#[derive(Subcommand)]
pub enum RunShow {
    /// Show a run and its tasks
    Show {
        /// The run's id
        #[arg(value_parser = run_id)]
        id: String,
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
}

/// Looking at features.
#[derive(Subcommand)]
pub enum Features {
    /// Show the online features of one entity
    Get {
        /// The feature view
        view: String,
        /// Its keys
        #[arg(value_name = "KEY=VALUE")]
        keys: Vec<String>,
        /// The endpoint (`daybreak serve`), where it is not the server itself, e.g. http://127.0.0.1:4322
        #[arg(long, value_name = "URL", value_parser = roles::url)]
        endpoint: Option<String>,
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
}

/// Where the project is and how to print.
#[derive(Args, Clone)]
pub struct Project {
    /// Folder of the project
    #[arg(long = "project", default_value = ".", value_name = "DIR")]
    pub directory: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `apply`
#[derive(Args)]
pub struct Apply {
    /// Folder of the project
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl Apply {
    /// Where the project is and how to print.
    pub fn project(&self) -> Project {
        Project { directory: self.directory.clone(), json: self.json }
    }
}

/// `migrate`
#[derive(Args)]
pub struct Migrate {
    /// The PostgreSQL to bring up to date; without it (and without `DAYBREAK_DATABASE`) the file of the project
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// Where, and how to print.
    #[command(flatten)]
    pub project: Project,
}

/// `clock`
#[derive(Args)]
pub struct Clock {
    /// Move simulated business time on to this instant; what falls due on the way runs
    #[arg(value_parser = instant, value_name = "INSTANT")]
    pub at: Option<Timestamp>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `demo`
#[derive(Args)]
pub struct Demo {
    /// Nights to run, from 1 February 2013
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=212))]
    pub nights: u32,
    /// Days of departures to replay against the endpoint, each after its night
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub replay_days: u32,
    /// Folder for the project and its state
    #[arg(long, default_value = "daybreak-demo", value_name = "DIR")]
    pub data: PathBuf,
    /// Go on with the demo that was interrupted in that folder
    #[arg(long)]
    pub resume: bool,
    /// Print one JSON object at the end, progress to standard error
    #[arg(long)]
    pub json: bool,
    /// End when done instead of staying up
    #[arg(long)]
    pub exit: bool,
}

/// `training-set`
#[derive(Args)]
pub struct TrainingSet {
    /// The model
    pub model: String,
    /// T: only rows and labels known before it
    #[arg(long, value_parser = instant, value_name = "INSTANT")]
    pub at: Timestamp,
    /// Length of the history, ending at T [default: the one of the first task that trains the model]
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    pub history: Option<daybreak_spec::Duration>,
    /// File to write
    #[arg(short, long, value_name = "FILE.parquet")]
    pub output: PathBuf,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("`{text}` is not an instant; write e.g. 2013-03-10T07:00:00Z"))
}

/// A run's id, before it is asked for.
fn run_id(text: &str) -> Result<String, String> {
    let is_id = text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    if is_id {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not the id of a run; `daybreak runs` lists them"))
    }
}

fn instant_or_date(text: &str) -> Result<Timestamp, String> {
    let midnight = Timestamp::parse(&format!("{text}T00:00:00Z")).filter(|_| text.len() == 10);
    midnight.map_or_else(|| instant(text), Ok)
}

fn duration(text: &str) -> Result<daybreak_spec::Duration, String> {
    daybreak_spec::Duration::parse(text).ok_or_else(|| format!("`{text}` is not a duration; write e.g. 60d or 12h"))
}
