//! Every property of the YAML has a test of what it does: `properties.txt` names it. A property without a line, a line
//! without a property and a line that names no test fail here. Behaviours that no other file shows follow.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use daybreak_tests::{daybreak, json, root, tables};
use serde_json::Value as Json;

const LINES: &str = include_str!("properties.txt");

/// Adds `table.property` for each property of a schema's object, those of its alternatives too. What all kinds of task
/// take is a property of `task`.
fn properties(table: &str, schema: &Json, common: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    for property in schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
        let owner = if common.contains(property) { "task" } else { table };
        found.insert(format!("{owner}.{property}"));
    }
    for one in schema["oneOf"].as_array().into_iter().flatten() {
        let word = ["kind", "name"].into_iter().find_map(|key| one["properties"][key]["const"].as_str());
        // An alternative without a word says which keys go together.
        let Some(word) = word else { continue };
        let common = if table == "task" { common } else { &BTreeSet::new() };
        properties(&format!("{table}({word})"), one, common, found);
    }
}

fn all_properties() -> BTreeSet<String> {
    let folder = root();
    let mut found = BTreeSet::new();
    for (arguments, top) in [(&["schema"][..], "file"), (&["schema", "--tests"], "flow_test_file")] {
        let schema = json(&daybreak(&folder, arguments));
        properties(top, &schema, &BTreeSet::new(), &mut found);
        for (table, definition) in schema["$defs"].as_object().expect("definitions") {
            properties(table, definition, &common(definition), &mut found);
        }
    }
    found
}

/// The properties that all alternatives have.
fn common(definition: &Json) -> BTreeSet<String> {
    let names = |one: &Json| -> BTreeSet<String> {
        one["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let mut alternatives = definition["oneOf"].as_array().into_iter().flatten().map(names);
    let first = alternatives.next().unwrap_or_default();
    alternatives.fold(first, |common, other| common.intersection(&other).cloned().collect())
}

#[test]
fn every_property_has_a_test_and_every_line_a_property() {
    let mut lines = BTreeMap::new();
    for line in LINES.lines().filter(|line| !line.starts_with('#')) {
        let (property, test) = line.split_once(" -> ").unwrap_or_else(|| panic!("no `->`: {line}"));
        assert!(lines.insert(property.to_owned(), test).is_none(), "{property} stands twice");
    }
    let found = all_properties();
    assert!(found.len() > 100, "{} properties", found.len());
    let without: Vec<_> = found.iter().filter(|property| !lines.contains_key(*property)).collect();
    assert!(without.is_empty(), "no test is named for {without:?}: add lines to properties.txt");
    let gone: Vec<_> = lines.keys().filter(|property| !found.contains(*property)).collect();
    assert!(gone.is_empty(), "no schema has {gone:?}: take the lines out of properties.txt");
    for (property, test) in lines {
        let (path, function) = test.split_once("::").unwrap_or_else(|| panic!("{property}: {test} names no function"));
        let text = std::fs::read_to_string(root().join(path));
        let text = text.unwrap_or_else(|error| panic!("{property}: {path}: {error}"));
        assert!(is_test(&text, function), "{property}: {path} has no test `{function}`");
    }
}

/// Whether a source file has a test of that name: one of Rust's, of proptest's, or a story that a harness lists.
fn is_test(text: &str, function: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let head = format!("fn {function}(");
    let Some(at) = lines.iter().position(|line| line.trim_start().trim_start_matches("async ").starts_with(&head))
    else {
        return false;
    };
    let marked = lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with("#[")).any(|line| {
        let line = line.trim_start();
        line.starts_with("#[test]") || line.starts_with("#[tokio::test")
    });
    let stories = text.contains("STORIES") || text.contains("stories! {");
    let listed = stories && text.matches(function).count() > 1;
    marked || listed
}

/// The project of `daybreak init`, with a change.
fn first_project(sound: &str, changed: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let path = folder.path().join("daybreak.yaml");
    let text = std::fs::read_to_string(&path).expect("a project");
    assert!(text.contains(sound), "the first project has not `{sound}` any more");
    std::fs::write(&path, text.replacen(sound, changed, 1)).expect("written");
    folder
}

/// The amounts of the rows that the model would be trained on.
fn amounts(folder: &Path) -> Vec<f64> {
    let arguments = ["training-set", "returned", "--at", "2025-03-01T02:00:00Z", "-o", "rows.parquet"];
    let written = daybreak(folder, &arguments);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    let rows = tables::read(&folder.join("rows.parquet"));
    let amounts = rows.column("amount").expect("an input").f64().expect("numbers").clone();
    amounts.into_no_null_iter().collect()
}

#[test]
fn observations_are_those_for_which_their_condition_holds() {
    let label = "label: returned,";
    let all = amounts(first_project(label, label).path());
    let large = amounts(first_project(label, "label: returned, where: \"amount > 100\",").path());
    let expected = all.iter().filter(|amount| **amount > 100.0).count();
    assert!(expected > 0 && expected < all.len(), "{expected} of {}", all.len());
    assert_eq!((large.len(), large.iter().all(|amount| *amount > 100.0)), (expected, true));
}

/// What is asked for here is small enough to run out at once.
const WAITS: &str = "version: 1
name: waits
dags:
  waits:
    tasks:
      skips: { kind: wait_for, file: \"none*.csv\", every: 20ms, timeout: 100ms, at_timeout: skip }
      succeeds: { kind: wait_for, file: none.csv, every: 20ms, timeout: 100ms, at_timeout: succeed }
      fails: { kind: wait_for, until: \"${run.window_end}+30d\", timeout: 100ms, tolerate: failure }
      finds: { kind: wait_for, file: \"*.yaml\", every: 20ms }
      approves: { kind: approve, message: go?, deadline: 100ms, default: approve }
      rejects: { kind: approve, deadline: 100ms, default: reject, on_reject: skip }
";

#[test]
fn waits_and_questions_that_nobody_answers_end_as_they_were_declared() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("daybreak.yaml"), WAITS).expect("written");
    let run = json(&daybreak(folder.path(), &["run", "waits", "--wait", "--json"]));
    let tasks = run["tasks"].as_array().expect("tasks").iter();
    let mut states: Vec<String> = tasks.map(|task| format!("{} {}", task["name"], task["state"])).collect();
    states.sort();
    let expected = [
        "\"approves\" \"succeeded\"",
        "\"fails\" \"failed\"",
        "\"finds\" \"succeeded\"",
        "\"rejects\" \"skipped\"",
        "\"skips\" \"skipped\"",
        "\"succeeds\" \"succeeded\"",
    ];
    assert_eq!(states, expected, "{run}");
}

#[test]
fn a_promotion_moves_the_alias_that_it_names() {
    let folder =
        first_project("[judge, publish], model: returned }", "[judge, publish], model: returned, to: second }");
    let night = ["run", "nightly", "--at", "2025-03-01T02:00:00Z", "--wait", "--json"];
    assert_eq!(json(&daybreak(folder.path(), &night))["state"], "succeeded");
    let models = json(&daybreak(folder.path(), &["models", "--json"]));
    assert_eq!(models[0]["aliases"], serde_json::json!({ "second": 1 }), "{models}");
}
