//! `bench orchestrator`: what a step costs when every step is durable. Tasks are `noop`, run by the worker in the process
//! exactly as `up` runs them; each figure stands beside a bare loop of fsynced commits on the same disk or server. To
//! add a case: a function here, its figures in a `Case`.

mod database;
mod fill;
mod project;
mod schedules;
mod steps;

use serde_json::json;

use crate::report::Case;
pub use database::{Database, State};
pub use fill::finished_runs;
pub use project::sequence;
use steps::{Bench, Measured};
pub use steps::{now, percentile};

/// Finished task runs in the database of the `_full` cases.
const FINISHED: u32 = 1_000_000;

/// Measures every case on every database.
pub async fn run() -> Vec<Case> {
    sqlx::any::install_default_drivers();
    let mut cases = Vec::new();
    for database in [Database::sqlite(), Database::postgres()] {
        let mut of_this = measure(&database).await;
        for case in &mut of_this {
            case.more.insert("db".into(), json!(database.name()));
        }
        cases.append(&mut of_this);
    }
    cases
}

async fn measure(database: &Database) -> Vec<Case> {
    let mut bench = Bench::start(database).await;
    let mut cases = Vec::new();
    let sequence = bench.sequence_40().await;
    cases.push(sequence.case("sequence_40", "ms"));
    cases.push(bench.fanout_100().await.case("fanout_100", "ms"));
    cases.append(&mut bench.trigger_to_start().await);
    cases.push(bench.items_10k().await.case("items_10k", "s"));
    let throughput = bench.throughput().await;
    cases.push(throughput.case("throughput", "tasks/s"));
    bench.stop().await;
    finished_runs(bench.state(), "ten", FINISHED / 10).await;
    bench.restart().await;
    cases.push(full(bench.sequence_40().await, &sequence).case("sequence_40_full", "ms"));
    cases.push(full(bench.throughput().await, &throughput).case("throughput_full", "tasks/s"));
    cases.append(&mut bench.pages().await);
    bench.stop().await;
    cases.append(&mut schedules::burst_and_idle(database).await);
    cases
}

/// A figure on the full database, with its ratio to the one on the empty database.
fn full(mut full: Measured, empty: &Measured) -> Measured {
    full.more.insert("of_empty".into(), json!(full.ours / empty.ours));
    full.more.insert("finished_task_runs".into(), json!(FINISHED));
    full
}
