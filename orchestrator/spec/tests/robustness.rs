//! No input makes the language panic: random texts, random bytes in a sound project, random expressions and queries.

use std::path::Path;

use daybreak_spec::{
    DiagnosticReport, Span, Style, Template, check_query, infer_type, load_texts, parse_expression, parse_gate,
};
use proptest::prelude::*;

const CANONICAL: &str = include_str!("fixtures/canonical.yaml");
const EVERY_KEY: &str = include_str!("fixtures/every_key.yaml");

fn survives(text: &str) {
    let loaded = load_texts(Path::new("/p"), [("daybreak.yaml".to_owned(), text.to_owned())]);
    for problem in &loaded.problems {
        assert!(problem.span.line > 0 && problem.span.column > 0 && problem.span.length > 0, "{problem:?}");
    }
    let report = DiagnosticReport::new(loaded.problems.clone(), &loaded.files);
    let plain = report.render(Style::Plain);
    assert!(!plain.chars().any(|letter| letter.is_control() && letter != '\n'), "{plain:?}");
    report.render(Style::Ansi);
    report.to_json();
    let json = serde_json::to_string(&loaded.project).expect("whatever could be read is JSON");
    serde_json::from_str::<daybreak_spec::Project>(&json).expect("its own JSON");
}

/// A sound text with some of its lines or letters changed.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\t".to_owned()),
        Just("\n".to_owned()),
        Just(": ".to_owned()),
        Just("&a *a".to_owned()),
        Just("{ [ ".to_owned()),
        Just("'".to_owned()),
        Just("\u{1b}[31m".to_owned()),
        Just("\u{202e}é漢\u{1f600}".to_owned()),
        Just("| \n".to_owned()),
        Just("99999999999999999999".to_owned()),
        "[ -~]{0,6}",
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0usize..30, piece), 1..6);
    (prop::sample::select(vec![CANONICAL, EVERY_KEY]), edits).prop_map(|(text, edits)| {
        let mut letters: Vec<char> = text.chars().collect();
        for (at, removed, inserted) in edits {
            let start = at.index(letters.len());
            let end = (start + removed).min(letters.len());
            letters.splice(start..end, inserted.chars());
        }
        letters.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_projects_are_read_or_refused(text in mutated()) {
        survives(&text);
    }

    #[test]
    fn random_texts_are_read_or_refused(text in "(?s).{0,200}") {
        survives(&text);
    }

    #[test]
    fn random_yaml_signs_are_read_or_refused(text in r#"[a-c:{}\[\],&*!|>'"%@#\- \n\t?~0-9.]{0,80}"#) {
        survives(&text);
    }

    #[test]
    fn random_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("daybreak.yaml"), bytes).expect("a file");
        let loaded = daybreak_spec::load(folder.path()).expect("a project");
        daybreak_spec::render(&loaded.problems, &loaded.files);
    }

    #[test]
    fn random_expressions_are_typed_or_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "a", "b.c", "\"x y\"", "1", "-2.5", "'t'", "NULL", "TRUE", "(", ")", "+", "-", "*", "/", "%", "=", "<", ">=",
            "AND", "OR", "NOT", "IS", "IN", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST(", "AS", "i32", ",",
            "ABS(", "COALESCE(", "EXTRACT(", "HOUR", "FROM", "DATE '2013-01-01'", "::", "SELECT", ";", "--", "$", "é",
        ]), 0..14),
    ) {
        let text = words.join(" ");
        let span = Span { file: 0, line: 1, column: 1, length: u32::try_from(text.chars().count()).expect("short").max(1) };
        if let Ok(expression) = parse_expression(&text, span) {
            let typed = infer_type(&expression.tree, &|_| Some(daybreak_spec::ColumnType::I64));
            prop_assert!(typed.is_ok() || typed.is_err());
        }
        let _ = check_query(&text, span);
        let _ = check_query(&format!("SELECT {text} FROM a"), span);
        let _ = parse_gate(&text, span);
    }

    #[test]
    fn random_templates_and_gates_are_read_or_refused(text in r#"[a-z${}. <>=0-9\-é]{0,40}"#) {
        let span = Span { file: 0, line: 1, column: 1, length: u32::try_from(text.chars().count()).expect("short").max(1) };
        if let Ok(template) = Template::parse(&text, span) {
            let rendered = template.render(&|_| Some(String::new()));
            prop_assert!(rendered.is_ok());
        }
        let _ = parse_gate(&text, span);
    }
}
