//! Faults among real processes: servers, workers, a database, the network between them and their disks. A client starts runs
//! all the while, their tasks write what they do to a ledger outside the system, and after each round, once the faults have
//! stopped and everything has come to its end, the invariants are checked (`invariants.rs`). To add a fault: a variant of
//! [`Kind`], its arms in `fault.rs`.

mod actor;
mod cast;
mod failover;
mod fault;
mod invariants;
mod ledger;
mod project;
mod proxy;
mod work;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::json;

use cast::Cast;
pub use fault::Kind;
pub use ledger::work;
use work::Work;

/// Where the state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Db {
    /// One server, its state in a file.
    Sqlite,
    /// Two servers on a PostgreSQL.
    Postgres,
}

/// Faults between two looks at the invariants.
const PER_ROUND: u32 = 25;

/// How long everything may take to come to its end once the faults have stopped.
const CALM: Duration = Duration::from_secs(180);

/// Measures how long others take to go on, so many times each, and prints it.
pub async fn failover(times: usize) -> ExitCode {
    let report = failover::measure(times).await;
    println!("{}", serde_json::to_string_pretty(&report).expect("a report"));
    if report["orphans"] == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Lets so many faults happen and prints what became of everything.
pub async fn torture(faults: u32, db: Db, only: Option<Kind>, seed: u64) -> ExitCode {
    let mut random = StdRng::seed_from_u64(seed);
    let begun = Instant::now();
    let mut cast = Cast::start(db).await;
    let kinds: Vec<Kind> = match only {
        Some(kind) => vec![kind],
        None => Kind::all().iter().copied().filter(|kind| cast.can(*kind)).collect(),
    };
    for kind in Kind::all().iter().filter(|kind| !cast.can(**kind)) {
        eprintln!("left out: {kind:?}: {}", kind.needs());
    }
    let work = Work::begin(&cast);
    let (mut left, mut round, mut counts) = (faults, 0, std::collections::BTreeMap::new());
    let mut broken = Vec::new();
    while left > 0 && broken.is_empty() {
        round += 1;
        let now = left.min(PER_ROUND);
        left -= now;
        for _ in 0..now {
            let kind = kinds[random.random_range(0..kinds.len())];
            *counts.entry(format!("{kind:?}")).or_insert(0_u32) += 1;
            fault::let_happen(&mut cast, kind, &mut random).await;
            cast.pause(Duration::from_millis(random.random_range(100..900))).await;
        }
        cast.heal().await;
        work.rest(&mut cast).await;
        broken = match cast.calm(&work, CALM).await {
            Ok(()) => invariants::check(&cast, &work).await,
            Err(stuck) => vec![format!("I7 {stuck}")],
        };
        let state = if broken.is_empty() { "all invariants hold" } else { "BROKEN" };
        eprintln!(
            "round {round}: {} faults, {} runs acknowledged, {} effects in the ledger, {:.0} s: {state}",
            faults - left,
            work.acknowledged(),
            work.ledger().done.len(),
            begun.elapsed().as_secs_f64(),
        );
        work.go_on();
    }
    work.rest(&mut cast).await;
    let (told, repeated) = (work.told(), cast.repeated());
    let left_behind = cast.end().await;
    if left_behind > 0 {
        broken.push(format!("I8 {left_behind} processes are left"));
    }
    let report = json!({
        "faults": faults, "db": format!("{db:?}"), "seed": seed, "kinds": counts, "seconds": begun.elapsed().as_secs(),
        "work": told, "requests_repeated": repeated, "orphans": left_behind, "broken": broken,
    });
    println!("{}", serde_json::to_string_pretty(&report).expect("a report"));
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
