//! `bench dags`: what people who write and operate DAGs wait for: a backfill beside live runs, a large project read again,
//! a large DAG taken up, lists and pages over a long past. To add a case: a function in the file of its subject.

mod backfill;
mod large;

use crate::report::Case;

/// Measures every case.
pub async fn run() -> Vec<Case> {
    let mut cases = backfill::beside_live_runs().await;
    cases.push(large::five_hundred_files().await);
    cases.append(&mut large::ten_thousand_tasks().await);
    cases
}
