//! Hostile and unusual YAML: budgets, encodings, folders. Each is refused with its place, and quickly.

use std::fs;
use std::path::Path;
use std::time::Instant;

use daybreak_spec::{Error, Loaded, load, load_texts};

fn read(text: impl Into<String>) -> Loaded {
    let started = Instant::now();
    let texts = [("daybreak.yaml".to_owned(), "version: 1\n".to_owned()), ("hostile.yaml".to_owned(), text.into())];
    let loaded = load_texts(Path::new("/p"), texts);
    // The budget is 50 ms each. This only tells a text that takes time out of all proportion from one that is read.
    assert!(started.elapsed().as_secs() < 10, "took {:?}", started.elapsed());
    loaded
}

fn refused(text: impl Into<String>, code: &str, line: u32) {
    let loaded = read(text);
    let found: Vec<(&str, u32)> = loaded.problems.iter().map(|problem| (problem.code, problem.span.line)).collect();
    assert!(found.contains(&(code, line)), "expected {code} in line {line}, found {found:?}");
}

#[test]
fn an_alias_bomb_is_refused_by_the_budget_of_values() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    refused(text, "yaml_budget", 5);
}

#[test]
fn more_aliases_than_the_budget_are_refused() {
    let items = vec!["*a"; 101].join(", ");
    refused(format!("a: &a x\nb: [{items}]\n"), "yaml_budget", 2);
    let items = vec!["*a"; 100].join(", ");
    let loaded = read(format!("a: &a x\nb: [{items}]\n"));
    assert!(loaded.problems.iter().all(|problem| problem.code == "unknown_key"), "{:?}", loaded.problems);
}

#[test]
fn deep_nesting_is_refused_in_both_styles() {
    refused("[".repeat(10_000), "yaml_budget", 1);
    refused("{a: ".repeat(10_000), "yaml_budget", 1);
    let block: String = (0..200).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    refused(block, "yaml_budget", 65);
    refused(format!("{}x", "- ".repeat(200)), "yaml_budget", 1);
}

#[test]
fn nesting_within_the_budget_is_read() {
    let text = format!("a: {}{}", "[".repeat(60), "]".repeat(60));
    assert!(read(text).problems.iter().all(|problem| problem.code == "unknown_key"));
}

#[test]
fn too_many_values_and_too_many_bytes_are_refused() {
    let lines: String = (0..50_001).map(|line| format!("k{line}: 1\n")).collect();
    refused(lines, "yaml_budget", 50_000);
    refused("# 123456789\n".repeat(100_000), "yaml_budget", 1);
}

#[test]
fn large_odd_texts_within_the_budget_take_no_time() {
    for unit in
        ["? ", "- ", "&a ", "*a ", "!t ", "'", "\"\\x", "a: b: ", "|\n ", "# x\n", "---\n", "\u{0}", "\r", ": ", ", "]
    {
        read(unit.repeat(400_000 / unit.len()));
    }
}

#[test]
fn encodings_other_than_utf_8_are_refused() {
    refused("\u{feff}entities: {}\n", "yaml_encoding", 1);
    let utf_16: Vec<u8> = "version: 1\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, line, column) in [(utf_16, 1, 1), (b"version: 1\nname: a\xffb\n".to_vec(), 2, 8)] {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("daybreak.yaml"), bytes).expect("a file");
        let loaded = load(folder.path()).expect("a project");
        let problem = &loaded.problems[0];
        assert_eq!((problem.code, problem.span.line, problem.span.column), ("yaml_encoding", line, column));
    }
}

#[test]
fn a_byte_order_mark_moves_no_other_problem() {
    let loaded = read("\u{feff}entites: {}\n");
    let found: Vec<(&str, u32)> = loaded.problems.iter().map(|problem| (problem.code, problem.span.column)).collect();
    assert_eq!(found, [("yaml_encoding", 1), ("unknown_key", 1)]);
}

#[test]
fn tabs_indent_nothing() {
    refused("entities:\n\ta: { keys: [b] }\n", "yaml_tab", 2);
    refused("entities:\n  a:\n  \tkeys: [b]\n", "yaml_tab", 3);
}

#[test]
fn keys_that_yaml_would_turn_into_values_stay_text() {
    let loaded = read("entities:\n  no: { keys: [yes] }\n  2013: { keys: [null_key] }\n  0x1f: { keys: k }\n");
    assert_eq!(loaded.problems, []);
    let names: Vec<&str> = loaded.project.entities.keys().map(daybreak_spec::Name::as_str).collect();
    assert_eq!(names, ["0x1f", "2013", "no"]);
}

#[test]
fn hidden_files_hidden_folders_and_nested_projects_are_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, text).expect("a file");
    };
    write("daybreak.yaml", "version: 1\n");
    write("z/deep/one.yaml", "entities: { one: { keys: [a] } }\n");
    write("b.yml", "entities: { two: { keys: [a] } }\n");
    write("notes.txt", "entities: { three: { keys: [a] } }\n");
    write(".hidden/four.yaml", "entities: { four: { keys: [a] } }\n");
    write(".five.yaml", "entities: { five: { keys: [a] } }\n");
    write("nested/daybreak.yaml", "version: 1\n");
    write("nested/six.yaml", "entities: { six: { keys: [a] } }\n");
    let loaded = load(folder.path()).expect("a project");
    assert_eq!(loaded.problems, []);
    let names: Vec<&str> = loaded.project.entities.keys().map(daybreak_spec::Name::as_str).collect();
    assert_eq!(names, ["one", "two"]);
    let paths: Vec<&str> = (0..3).map(|file| loaded.files.path(file)).collect();
    assert_eq!((paths, loaded.files.len()), (vec!["daybreak.yaml", "b.yml", "z/deep/one.yaml"], 3));
}

#[test]
fn links_out_of_the_project_and_pipes_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let outside = tempfile::NamedTempFile::new().expect("a file outside");
    fs::write(folder.path().join("daybreak.yaml"), "version: 1\n").expect("a file");
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out.yaml")).expect("a link");
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.yaml")).expect("a link");
    std::os::unix::fs::symlink("daybreak.yaml", folder.path().join("same.yaml")).expect("a link");
    std::os::unix::fs::symlink(".", folder.path().join("loop")).expect("a link");
    let loaded = load(folder.path()).expect("a project");
    let found: Vec<(&str, &str)> =
        loaded.problems.iter().map(|problem| (problem.code, loaded.files.path(problem.span.file))).collect();
    assert_eq!(found, [("not_a_file", "out.yaml"), ("not_a_file", "zero.yaml")]);
}

#[test]
fn a_folder_without_a_project_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = load(folder.path()).expect_err("no project");
    assert!(matches!(error, Error::NoProject { .. }));
    fs::write(folder.path().join("daybreak.yml"), "version: 1\n").expect("a file");
    let error = load(folder.path()).expect_err("no project");
    assert!(error.to_string().ends_with("has no daybreak.yaml; rename its daybreak.yml"), "{error}");
    assert!(matches!(load(&folder.path().join("nowhere")), Err(Error::Folder { .. })));
}

#[test]
fn fifty_files_are_one_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let canonical = include_str!("fixtures/canonical.yaml");
    fs::write(folder.path().join("daybreak.yaml"), canonical).expect("a file");
    for file in 0..50 {
        let mut text = canonical.replace("version: 1\n", "");
        for name in
            ["departures", "arrivals", "weather", "planes", "carrier", "airport", "route", "aircraft", "network"]
        {
            text = text.replace(&format!("  {name}:"), &format!("  {name}_{file}:"));
        }
        for name in ["carrier_punctuality", "airport_weather", "plane_facts", "late_arrival", "nightly"] {
            text = text.replace(&format!("  {name}:"), &format!("  {name}_{file}:"));
        }
        fs::write(folder.path().join(format!("part_{file}.yaml")), text).expect("a file");
    }
    let loaded = load(folder.path()).expect("a project");
    assert_eq!(daybreak_spec::render(&loaded.problems, &loaded.files), "");
    assert_eq!(loaded.project.models.len(), 51);
}
