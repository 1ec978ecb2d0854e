//! `daybreak-bench NAME [--json]`: each figure beside the bare work measured in the same run. To add a bench: a file, a variant.

mod dags;
mod echo;
mod load;
mod nightly;
mod orchestrator;
mod plain;
mod predict;
mod report;
mod shop;
mod ui;
mod workers;

use clap::{Parser, ValueEnum};

#[derive(Parser)]
struct Arguments {
    /// What to measure
    bench: Bench,
    /// One JSON object instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Bench {
    /// A steady night against the same functions called plainly
    Nightly,
    /// The endpoint against an axum echo
    Predict,
    /// Steps, throughput and schedules against bare fsynced commits
    Orchestrator,
    /// A backfill beside live runs, large projects and DAGs
    Dags,
    /// Workers in processes of their own over HTTP, and how long a claim takes
    Workers,
    /// The pages in a real browser, on a database of a million task runs
    Ui,
    /// (internal) the echo
    #[value(hide = true)]
    Echo,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let form = if arguments.json { report::Form::Json } else { report::Form::Table };
    match arguments.bench {
        Bench::Nightly => report::print("nightly", &nightly::run().await, form),
        Bench::Predict => report::print("predict", &predict::run().await, form),
        Bench::Orchestrator => report::print("orchestrator", &orchestrator::run().await, form),
        Bench::Dags => report::print("dags", &dags::run().await, form),
        Bench::Workers => report::print("workers", &workers::run().await, form),
        Bench::Ui => report::print("ui", &ui::run().await, form),
        Bench::Echo => echo::serve().await,
    }
}
