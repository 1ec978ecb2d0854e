//! `cargo run` and the tests share one build of every dependency: what cargo resolves for each has to be the same.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use daybreak_tests::root;

/// Crate and version -> its feature sets.
fn resolved(arguments: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--offline", "--prefix", "none", "--format", "{p}|{f}"]).args(arguments).current_dir(root());
    let output = command.output().expect("cargo tree");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((name, features)) = line.trim_end_matches(" (*)").split_once('|') {
            crates.entry(name.to_owned()).or_default().insert(features.to_owned());
        }
    }
    crates
}

#[test]
fn cargo_run_and_the_tests_resolve_the_same_features() {
    let run = resolved(&["--edges", "normal,build"]);
    let tests = resolved(&["--workspace", "--edges", "normal,build,dev"]);
    assert!(run.keys().any(|name| name.starts_with("polars ")), "polars is part of the binary");
    let different: Vec<_> = run
        .iter()
        .filter(|(name, features)| !features.is_subset(tests.get(*name).unwrap_or(&BTreeSet::new())))
        .map(|(name, features)| format!("{name}: {features:?} against {:?}", tests.get(name)))
        .collect();
    assert!(different.is_empty(), "built twice:\n{}", different.join("\n"));
}
