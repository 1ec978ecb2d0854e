//! One file with 25 mistakes: as many problems, each at its place.

use std::path::Path;

use daybreak_spec::{Severity, load_texts, problems_json, render};

const TEXT: &str = include_str!("fixtures/twenty_five.yaml");

/// Code and the words at which it points, with the line.
const EXPECTED: [(&str, u32, &str); 25] = [
    ("unknown_key", 4, "event_tim"),
    ("wrong_type", 5, "["),
    ("bad_expression", 6, "\""),
    ("duplicate_item", 8, "carrier"),
    ("wrong_type", 9, "7"),
    ("unknown_reference", 12, "carier"),
    ("bad_duration", 14, "3 days"),
    ("unknown_word", 16, "avrage"),
    ("missing_key", 17, "arr_delay > 15"),
    ("unknown_reference", 18, "wether"),
    ("refused_sql", 19, "read_csv"),
    ("unknown_word", 23, "int"),
    ("unknown_key", 23, "categoris"),
    ("unsupported_expression", 24, "hour LIKE '9%'"),
    ("unknown_feature", 25, "humidity"),
    ("unknown_reference", 25, "nowhere"),
    ("unknown_word", 26, "ignore"),
    ("unknown_word", 28, "f1"),
    ("unknown_word", 31, "wait"),
    ("out_of_range", 32, "0"),
    ("bad_name", 34, "First Task"),
    ("wrong_type", 34, "30"),
    ("unknown_key", 35, "atempts"),
    ("bad_size", 35, "2gigs"),
    ("duplicate_key", 36, "train"),
];

#[test]
fn twenty_five_mistakes_are_twenty_five_problems_at_their_places() {
    let loaded = load_texts(Path::new("/project"), [("daybreak.yaml".to_owned(), TEXT.to_owned())]);
    let found: Vec<(&str, u32, String)> = loaded
        .problems
        .iter()
        .map(|problem| {
            let line = TEXT.lines().nth(problem.span.line as usize - 1).expect("a line of the file");
            let start = problem.span.column as usize - 1;
            let words: String = line.chars().skip(start).take(problem.span.length as usize).collect();
            (problem.code, problem.span.line, words)
        })
        .collect();
    let expected: Vec<(&str, u32, String)> =
        EXPECTED.iter().map(|(code, line, words)| (*code, *line, (*words).to_owned())).collect();
    assert_eq!(found, expected, "{}", render(&loaded.problems, &loaded.files));
    assert!(loaded.problems.iter().all(|problem| problem.severity == Severity::Error));
}

#[test]
fn the_same_problems_are_told_as_json() {
    let loaded = load_texts(Path::new("/project"), [("daybreak.yaml".to_owned(), TEXT.to_owned())]);
    let json = problems_json(&loaded.problems, &loaded.files);
    let items = json.as_array().expect("a list");
    assert_eq!(items.len(), 25);
    assert_eq!(
        items[3],
        serde_json::json!({
            "code": "duplicate_item", "severity": "error", "file": "daybreak.yaml", "line": 8, "column": 30,
            "length": 7, "message": "`keys` of entity `carrier` names `carrier` twice", "hint": null,
            "related": [{ "file": "daybreak.yaml", "line": 8, "column": 21, "length": 7, "label": "first here" }],
        })
    );
}
