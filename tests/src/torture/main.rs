//! `cargo xtask torture`: kills a demo and compares what it leaves (`demo.rs`), or lets faults happen to servers, workers,
//! database, network and disk and holds what is left against a ledger (`faults/`), or ends trees of processes that will
//! not go (`trees.rs`).

mod demo;
mod faults;
mod trees;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
struct Arguments {
    /// Number of kills of a demo
    #[arg(long, default_value_t = 50, conflicts_with = "faults")]
    kills: u32,
    /// Nights of the demo
    #[arg(long, default_value_t = 20, conflicts_with = "faults")]
    nights: u32,
    /// Run `daybreak up` over the same nights and compare
    #[arg(long, conflicts_with = "faults")]
    against_up: bool,
    /// Faults among servers and workers instead
    #[arg(long)]
    faults: Option<u32>,
    /// Where those keep their state
    #[arg(long, value_enum, default_value_t = faults::Db::Sqlite, requires = "faults")]
    db: faults::Db,
    /// Only faults of this kind
    #[arg(long, value_enum, requires = "faults")]
    only: Option<faults::Kind>,
    /// Instead: how long others take to go on after the end of a worker, a leader and the database, so many times each
    #[arg(long, conflicts_with_all = ["faults", "kills"])]
    failover: Option<usize>,
    /// Instead: end so many trees of processes that ignore SIGTERM and leave their session
    #[arg(long, conflicts_with_all = ["faults", "kills", "failover"])]
    trees: Option<usize>,
    /// Seed of what happens when
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What a task of the torture is: writes what it does to this ledger
    #[arg(long, hide = true, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(ledger) = &arguments.ledger {
        return faults::work(ledger);
    }
    match (arguments.faults, arguments.failover, arguments.trees) {
        (Some(count), ..) => faults::torture(count, arguments.db, arguments.only, arguments.seed).await,
        (_, Some(times), _) => faults::failover(times).await,
        (.., Some(count)) => trees::end_trees(count).await,
        (None, None, None) => demo::torture_demo(&arguments).await,
    }
}
