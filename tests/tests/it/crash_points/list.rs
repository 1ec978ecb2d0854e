//! The list of crash points is closed: each is in the sources and in a test, or docs/RELIABILITY.md says why there is none;
//! and whatever makes a file durable has a point beside it.

use std::collections::BTreeSet;
use std::path::Path;

use daybreak_tests::root;

/// Number of the last crash point.
const LAST: u32 = 25;

/// Files that sync or rename without a point, and why they need none.
const WITHOUT: [(&str, &str); 5] = [
    ("orchestrator/artifacts/src/cache.rs", "a copy: one that is torn is no copy, and is fetched again"),
    ("orchestrator/cli/src/demo/replay.rs", "what the demo shows"),
    ("orchestrator/cli/src/home.rs", "the note of a server, and a token that is made again"),
    ("feature-store/core/src/embedded/open.rs", "the lock table: LMDB makes a missing one"),
    ("workers/serving/src/log/segment.rs", "an empty file, and the cut of a torn end, which is cut again"),
];

/// (path, text) of our sources, without their tests.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for room in ["orchestrator", "workers", "feature-store"] {
        read(&root().join(room), &mut files);
    }
    files
}

fn read(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            read(&path, files);
        } else if name.to_string_lossy().ends_with(".rs") {
            let shown = path.strip_prefix(root()).expect("below the root").display().to_string();
            files.push((shown, std::fs::read_to_string(&path).expect("a source file")));
        }
    }
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("tests.rs")
}

/// What stands between two words.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split_once(after).map(|(inside, _)| inside)).collect()
}

#[test]
fn every_point_is_crossed_by_a_test_and_every_number_is_a_point_or_says_why_not() {
    let mut files = sources();
    read(&root().join("tests/tests/it/crash_points"), &mut files);
    let (tests, code): (Vec<_>, Vec<_>) = files
        .iter()
        .filter(|(path, _)| path != "orchestrator/failpoints/src/lib.rs")
        .partition(|(path, _)| is_test(path));
    let points: BTreeSet<&str> = code.iter().flat_map(|(_, text)| between(text, "crossing!(\"", "\")")).collect();
    let is_tested = |point: &&&str| {
        let named = [format!("\"{point}\""), format!("\"{point}=")];
        tests.iter().any(|(_, text)| named.iter().any(|named| text.contains(named)))
    };
    let untested: Vec<_> = points.iter().filter(|point| !is_tested(point)).collect();
    assert!(untested.is_empty(), "no test ends a process at {untested:?}");
    let docs = std::fs::read_to_string(root().join("docs/RELIABILITY.md")).expect("the page");
    for number in 1..=LAST {
        let name = format!("cp{number:02}");
        let is_point = points.iter().any(|point| point.starts_with(&format!("{name}.")));
        let is_explained = docs.contains(&format!("| {name} | no such step: "));
        assert!(docs.contains(&format!("| {name} |")), "{name} is not in docs/RELIABILITY.md");
        assert!(is_point != is_explained, "{name}: either a point or the reason why there is none");
    }
}

#[test]
fn whatever_makes_a_file_durable_has_a_point_beside_it() {
    let durable = ["sync_all(", "sync_data(", "fs::rename(", "with_fsync("];
    let without: BTreeSet<&str> = WITHOUT.iter().map(|(path, _)| *path).collect();
    let (files, mut found) = (sources(), BTreeSet::new());
    for (path, text) in &files {
        let own = text.split("#[cfg(test)]").next().unwrap_or(text);
        if !is_test(path) && durable.iter().any(|call| own.contains(call)) && !own.contains("crossing!") {
            found.insert(path.as_str());
        }
    }
    assert_eq!(found, without, "add a `crossing!`, or the reason why none is needed");
}
