//! The JSON Schema for editors says what the decoder says: sound projects are valid, and each wrong key, word, type and
//! missing key of the fixtures is invalid. The validator below knows just the words that the schema uses.

use std::path::Path;

use daybreak_spec::{Node, flow_test_schema, json_schema, load_texts};
use serde_json::{Value as Json, json};

/// The first reason why a value is invalid, with its place.
fn validate(schema: &Json, root: &Json, value: &Json, place: &str) -> Result<(), String> {
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        let target = root.pointer(reference.trim_start_matches('#')).unwrap_or_else(|| panic!("no {reference}"));
        validate(target, root, value, place)?;
    }
    let fail = |why: &str| Err(format!("{place}: {why}"));
    for (word, wanted) in schema.as_object().expect("a schema is an object") {
        match word.as_str() {
            "$ref" | "$defs" | "$schema" | "title" | "description" => {}
            "const" if value == wanted => {}
            "enum" if wanted.as_array().expect("words").contains(value) => {}
            "type" => {
                let types: Vec<&str> = match wanted {
                    Json::String(one) => vec![one],
                    many => many.as_array().expect("types").iter().filter_map(Json::as_str).collect(),
                };
                if !types.iter().any(|one| is_type(one, value)) {
                    return fail(&format!("is no {types:?}"));
                }
            }
            "pattern" => {
                if value.as_str().is_some_and(|text| !matches(wanted.as_str().expect("a pattern"), text)) {
                    return fail(&format!("does not match {wanted}"));
                }
            }
            "minLength" if value.as_str().is_none_or(|text| text.chars().count() >= number(wanted)) => {}
            "maxLength" if value.as_str().is_none_or(|text| text.chars().count() <= number(wanted)) => {}
            "minItems" if value.as_array().is_none_or(|items| items.len() >= number(wanted)) => {}
            "minimum" if value.as_f64().is_none_or(|found| found >= wanted.as_f64().expect("a number")) => {}
            "maximum" if value.as_f64().is_none_or(|found| found <= wanted.as_f64().expect("a number")) => {}
            "anyOf" => {
                let schemas = wanted.as_array().expect("schemas");
                if !schemas.iter().any(|schema| validate(schema, root, value, place).is_ok()) {
                    return fail("matches none of several");
                }
            }
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    validate(wanted, root, item, &format!("{place}/{at}"))?;
                }
            }
            "required" => {
                for key in wanted.as_array().expect("keys").iter().filter_map(Json::as_str) {
                    if value.as_object().is_some_and(|map| !map.contains_key(key)) {
                        return fail(&format!("has no {key}"));
                    }
                }
            }
            "propertyNames" => {
                for key in value.as_object().into_iter().flatten().map(|(key, _)| key) {
                    validate(wanted, root, &json!(key), &format!("{place}/{key}"))?;
                }
            }
            "properties" | "additionalProperties" => {}
            _ => return fail(&format!("breaks {word}: {wanted}")),
        }
    }
    for (key, item) in value.as_object().into_iter().flatten() {
        let place = format!("{place}/{key}");
        match (schema.pointer(&format!("/properties/{key}")), schema.get("additionalProperties")) {
            (Some(property), _) => validate(property, root, item, &place)?,
            (None, Some(Json::Bool(false))) => return Err(format!("{place}: unknown key")),
            (None, Some(other)) => validate(other, root, item, &place)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn number(value: &Json) -> usize {
    usize::try_from(value.as_u64().expect("a number")).expect("small")
}

fn is_type(name: &str, value: &Json) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}

/// The patterns that the schema uses, by hand: no regex crate for some patterns.
fn matches(pattern: &str, text: &str) -> bool {
    let duration = daybreak_spec::Duration::parse(text).is_some();
    match pattern {
        p if p.ends_with("(\\[(0|[1-9][0-9]*)\\])?$") => daybreak_spec::Name::parse_of_run(text).is_some(),
        p if p.starts_with("^[a-z0-9][a-z0-9_-]") => daybreak_spec::Name::parse(text).is_some(),
        p if p.starts_with("^[A-Za-z0-9][A-Za-z0-9._-]") => daybreak_spec::LabelValue::parse(text).is_some(),
        p if p.contains("(us|ms|s|m|h|d|w)") => duration,
        p if p.contains("KiB") => text.ends_with('B') && text.starts_with(|letter: char| letter.is_ascii_digit()),
        p if p.contains("[Tt ]") => daybreak_spec::Timestamp::parse(text).is_some(),
        p if p.starts_with("^[0-9]{4}") => text.len() >= 10 && text.as_bytes()[4] == b'-' && text.len() <= 19,
        p if p.starts_with("^exit") => text.strip_prefix("exit ").is_some_and(|code| code.parse::<u8>().is_ok()),
        p if p.starts_with("^p(") => {
            text.strip_prefix('p').and_then(|digits| digits.parse::<u8>().ok()).is_some_and(|number| number <= 100)
        }
        other => panic!("no pattern {other}"),
    }
}

/// The same tree that the decoder sees, through a task's parameters.
fn json_of(text: &str) -> Json {
    let indented: String = text.lines().map(|line| format!("          {line}\n")).collect();
    let holder =
        format!("version: 1\ndags:\n  d:\n    tasks:\n      t:\n        kind: noop\n        held:\n{indented}");
    let loaded = load_texts(Path::new("/p"), [("daybreak.yaml".to_owned(), holder)]);
    assert_eq!(loaded.problems, [], "{text}");
    loaded.project.dags["d"].tasks["t"].parameter("held").map_or(Json::Null, Node::to_json)
}

fn check(text: &str) -> Result<(), String> {
    let schema = json_schema();
    validate(&schema, &schema, &json_of(text), "")
}

#[test]
fn the_tree_is_the_one_that_another_reader_sees() {
    let texts = [include_str!("fixtures/canonical.yaml"), include_str!("fixtures/every_key.yaml")];
    for text in texts {
        let other: Json = serde_saphyr::from_str(text).expect("sound YAML");
        assert_eq!(json_of(text), other);
    }
}

#[test]
fn sound_projects_are_valid() {
    assert_eq!(check(include_str!("fixtures/canonical.yaml")), Ok(()));
    assert_eq!(check(include_str!("fixtures/every_key.yaml")), Ok(()));
    assert_eq!(check(include_str!("fixtures/base.yaml")), Ok(()));
}

#[test]
fn each_wrong_file_of_one_mistake_is_invalid() {
    let cases = [
        ("version: 2", "/version"),
        ("source: {}", "/source"),
        ("sources: { a: { event_time: t } }", "/sources/a"),
        ("sources: { a: { path: p, even_time: t } }", "/sources/a/even_time"),
        ("sources: { A: { path: p } }", "/sources/A"),
        ("sources: { a: { path: p, schema: { x: int } } }", "/sources/a/schema/x"),
        ("entities: { a: { keys: [] } }", "/entities/a/keys"),
        ("feature_views: { v: { source: s, latest: [a], ttl: 3 } }", "/feature_views/v/ttl"),
        ("feature_views: { v: { source: s, aggregates: [{ of: a, fn: avg, windows: 1d }] } }", "aggregates/0/fn"),
        ("feature_views: { v: { source: s, ignore_nulls: yes } }", "/feature_views/v/ignore_nulls"),
        ("models: { m: { algorithm: x, metrics: [auc] } }", "/models/m"),
        ("models: { m: { observations: { source: s, label: l }, algorithm: x, metrics: f1 } }", "/models/m/metrics"),
        ("dags: { d: {} }", "/dags/d"),
        ("dags: { d: { tasks: { t: { needs: x } } } }", "/dags/d/tasks/t"),
        ("dags: { d: { tasks: { t: { kind: k, memory: 5 } } } }", "/dags/d/tasks/t/memory"),
        ("dags: { d: { params: { x: { type: int } }, tasks: { t: { kind: k } } } }", "/dags/d/params/x"),
        ("dags: { d: { params: { x: { default: 1 } }, tasks: { t: { kind: k } } } }", "/dags/d/params/x"),
        ("dags: { d: { params: { x: [1] }, tasks: { t: { kind: k } } } }", "/dags/d/params/x"),
        ("dags: { d: { tasks: { t: { kind: k, rule: any } } } }", "/dags/d/tasks/t/rule"),
        ("dags: { d: { tasks: { t: { kind: k, when: true } } } }", "/dags/d/tasks/t/when"),
        ("dags: { d: { tasks: { t: { kind: k, teardown: 1 } } } }", "/dags/d/tasks/t/teardown"),
        ("dags: { d: { tasks: { t: { kind: k, tolerate: skip } } } }", "/dags/d/tasks/t/tolerate"),
        (
            "dags: { d: { retry: { attempts: 2, only: [exit] }, tasks: { t: { kind: k, retry: { attempts: 2, only: [75] } } } } }",
            "only",
        ),
        ("dags: { d: { tasks: { t: { kind: k, for_each: 3 } } } }", "/dags/d/tasks/t/for_each"),
        ("dags: { d: { tasks: { t: { kind: k, for_each: [a], max_parallel: 0 } } } }", "/dags/d/tasks/t/max_parallel"),
        ("dags: { d: { tasks: { t: { kind: k, cache: { ttl: 7 } } } } }", "/dags/d/tasks/t/cache/ttl"),
        ("dags: { d: { tasks: { t: { kind: k, cache: { key: [[a]], ttl: 7d } } } } }", "/dags/d/tasks/t/cache/key"),
        ("dags: { d: { retry: { attempts: 0 }, tasks: { t: { kind: k } } } }", "/dags/d/retry/attempts"),
        ("dags: { d: { schedule: { cron: c, start: today }, tasks: { t: { kind: k } } } }", "/dags/d/schedule"),
    ];
    for (text, place) in cases {
        let error = check(text).expect_err(text);
        assert!(error.contains(place), "{text}: {error}");
    }
}

#[test]
fn files_of_flow_tests_have_a_schema_of_their_own() {
    let schema = flow_test_schema();
    let check = |text: &str| validate(&schema, &schema, &json_of(text), "");
    assert_eq!(check(include_str!("fixtures/every_key.test.yaml")), Ok(()));
    let cases = [
        ("tests: {}", ": has no version"),
        ("{ version: 1, tests: { t: { dag: d } } }", "/tests/t: has no expect"),
        ("{ version: 1, tests: { t: { dag: d, at: today, expect: {} } } }", "/tests/t/at"),
        ("{ version: 1, tests: { t: { dag: d, expect: { run: cancelled } } } }", "/tests/t/expect/run"),
        ("{ version: 1, tests: { t: { dag: d, tasks: { a: { fails: exit x } }, expect: {} } } }", "tasks/a/fails"),
        ("{ version: 1, tests: { t: { dag: d, expect: { tasks: { a: { attempt: 1 } } } } } }", "expect/tasks/a"),
        ("{ version: 1, tests: { t: { dag: d, expect: { order: [\"a[01]\"] } } } }", "expect/order"),
    ];
    for (text, place) in cases {
        let error = check(text).expect_err(text);
        assert!(error.contains(place), "{text}: {error}");
    }
}

#[test]
fn tasks_and_algorithms_stay_open_for_those_who_know_their_parameters() {
    let schema = json_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for open in ["task", "algorithm"] {
        assert!(schema["$defs"][open]["additionalProperties"].is_object(), "{open}");
        assert!(schema["$defs"][open]["properties"].is_object(), "{open}");
    }
    assert_eq!(schema["$defs"]["source"]["additionalProperties"], false);
}
