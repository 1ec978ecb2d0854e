//! The ledger outside the system: a file to which every effect of a task is added and fsynced, one line each, by the task
//! itself. What the system says is held against it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::json;

/// One attempt of a task of a run.
pub type Attempt = (String, String, u32);

/// What was written.
#[derive(Default)]
pub struct Ledger {
    /// Attempts that began.
    pub began: BTreeSet<Attempt>,
    /// All that began, in order: run and task.
    pub starts: Vec<(String, String)>,
    /// What attempts that got to their end have handed on: a number that no other attempt has.
    pub done: BTreeMap<String, Attempt>,
}

/// What a task of the torture does: says that it begins, takes a while, says what it hands on, hands it on.
pub fn work(ledger: &Path) -> ExitCode {
    let facts: BTreeMap<String, String> = std::env::vars().collect();
    let fact = |name: &str| facts.get(name).cloned().unwrap_or_default();
    let who = format!("{} {} {}", fact("DAYBREAK_RUN_ID"), fact("DAYBREAK_TASK"), fact("DAYBREAK_ATTEMPT"));
    let nonce = format!("{:032x}", rand::random::<u128>());
    add(ledger, &format!("began {who} -"));
    let takes: u64 = fact("TAKES_MS").parse().unwrap_or(50);
    std::thread::park_timeout(Duration::from_millis(takes));
    add(ledger, &format!("done {who} {nonce}"));
    let outputs = json!({ "nonce": nonce }).to_string();
    match std::fs::write(fact("DAYBREAK_OUTPUTS"), outputs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(75),
    }
}

/// A line is one write to a file that is only added to, so that lines of many processes never mix.
fn add(ledger: &Path, line: &str) {
    let file = OpenOptions::new().append(true).create(true).open(ledger);
    let written =
        file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data()));
    if let Err(error) = written {
        eprintln!("the ledger cannot be written: {error}");
        std::process::exit(75);
    }
}

/// All of it.
pub fn read(ledger: &Path) -> Ledger {
    let mut found = Ledger::default();
    for line in std::fs::read_to_string(ledger).unwrap_or_default().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [what, run, task, attempt, nonce] = words[..] else { continue };
        let attempt = (run.to_owned(), task.to_owned(), attempt.parse().unwrap_or_default());
        match what {
            "began" => {
                found.starts.push((attempt.0.clone(), attempt.1.clone()));
                found.began.insert(attempt);
            }
            _ => drop(found.done.insert(nonce.to_owned(), attempt)),
        }
    }
    found
}
