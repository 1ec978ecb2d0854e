//! `cargo xtask torture --trees`: commands that will not go. Each is a tree of processes that all ignore SIGTERM, one in a
//! session of its own and one that has left its parent by a double fork. Its run is cancelled, and the time is taken until
//! nothing of the tree is left.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use daybreak_protocol::{CancelRequest, Client, TriggerRequest};
use daybreak_tests::processes_mentioning;
use daybreak_tests::served::Served;
use serde_json::json;

/// At a time.
const AT_ONCE: usize = 25;

/// Processes of one tree.
const PROCESSES: usize = 5;

/// Between "please end" and the kill, as workers have it, and what may be added.
const GRACE: Duration = Duration::from_secs(5);
const BEYOND: Duration = Duration::from_secs(2);

const PATIENCE: Duration = Duration::from_secs(60);

/// All that a tree is has the folder in its environment.
const PROJECT: &str = r#"version: 1
name: trees
dags:
  tree:
    tasks:
      grow:
        kind: command
        argv: [sh, tree.sh]
        env: { PIDS: "@FOLDER@/${run.id}.pids" }
"#;

/// What is ignored stays ignored in every program that is started.
const TREE: &str = r#"trap '' TERM INT HUP
echo $$ >> "$PIDS"
sleep 6000 & echo $! >> "$PIDS"
setsid sh -c 'echo $$ >> "$PIDS"; sleep 6000 & echo $! >> "$PIDS"; wait' &
(setsid sh -c 'echo $$ >> "$PIDS"; exec sleep 6000' &)
wait
"#;

/// Ends so many trees and prints how long it took.
pub async fn end_trees(count: usize) -> ExitCode {
    let folder = tempfile::Builder::new().prefix("daybreak-trees-").tempdir().expect("a folder");
    let text = folder.path().display().to_string();
    std::fs::write(folder.path().join("daybreak.yaml"), PROJECT.replace("@FOLDER@", &text)).expect("a project");
    std::fs::write(folder.path().join("tree.sh"), TREE).expect("a script");
    let served = Served::start(folder.path(), &["--heavy", &AT_ONCE.to_string()]);
    let client = served.client();
    let begun = Instant::now();
    let mut took = Vec::with_capacity(count);
    while took.len() < count {
        let ending = (0..AT_ONCE.min(count - took.len())).map(|_| end_tree(&client, folder.path()));
        took.extend(futures::future::join_all(ending).await);
        eprintln!("{} of {count} trees, {:.0} s", took.len(), begun.elapsed().as_secs_f64());
    }
    drop(served);
    let gone = Instant::now();
    while !processes_mentioning(&text).is_empty() && gone.elapsed() < GRACE {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let orphans = processes_mentioning(&text).len();
    took.sort();
    let at = |share: usize| took[(took.len() * share / 100).min(took.len() - 1)].as_secs_f64();
    let late = took.iter().filter(|took| **took > GRACE + BEYOND).count();
    let report = json!({
        "trees": count, "processes_of_each": PROCESSES, "grace_s": GRACE.as_secs(), "p50_s": at(50), "p99_s": at(99),
        "longest_s": at(100), "beyond_grace_and_2_s": late, "orphans": orphans, "seconds": begun.elapsed().as_secs(),
    });
    println!("{}", serde_json::to_string_pretty(&report).expect("a report"));
    if late == 0 && orphans == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Lets one grow, cancels its run and waits until nothing of it is left.
async fn end_tree(client: &Client, folder: &Path) -> Duration {
    let run_id = client.trigger("tree", &TriggerRequest::default()).await.expect("a run that starts");
    let pids = folder.join(format!("{run_id}.pids"));
    let grown = until("a tree", || Some(processes(&pids)).filter(|found| found.len() == PROCESSES)).await;
    assert!(grown.iter().all(|process| lives(*process)), "the tree of run {run_id} has not stood");
    let asked = Instant::now();
    client.cancel(&run_id, &CancelRequest::default()).await.expect("a run that is cancelled");
    until("the end of a tree", || grown.iter().all(|process| !lives(*process)).then_some(())).await;
    asked.elapsed()
}

fn processes(pids: &PathBuf) -> Vec<u32> {
    let text = std::fs::read_to_string(pids).unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().filter_map(|line| line.parse().ok()).collect()
}

/// One that has ended and that nobody has waited for is a process still.
fn lives(process: u32) -> bool {
    Path::new("/proc").join(process.to_string()).exists()
}

async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
