//! Projects without a mistake: plans, explanations, speed.

use std::time::{Duration, Instant};

use daybreak_check::Item;
use daybreak_spec::{Name, Timestamp};

use crate::project_with;

fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

#[test]
fn a_sound_project_has_a_plan_and_no_problem() {
    let (_folder, checked) = project_with(&[]);
    assert!(checked.problems.is_empty(), "{}", checked.render());
    insta::assert_json_snapshot!("plan", checked.plan);
}

#[test]
fn a_dag_is_explained_with_columns_types_and_next_firings() {
    let (_folder, checked) = project_with(&[]);
    let now = Timestamp::parse("2026-03-06T12:00:00Z").expect("an instant");
    let explained = checked.explain(&name("nightly"), now).expect("a DAG");
    insta::assert_snapshot!("explain", explained);
}

#[test]
fn how_needed_tasks_must_end_is_explained() {
    let text = "dags:\n  odd:\n    tasks:\n      a: { kind: noop, tolerate: failure }\n      \
                b: { kind: noop, needs: a, rule: all_done }\n      \
                c: { kind: noop, needs: [a, b], when: \"!a.failed || b.done\" }\n      \
                d: { kind: noop, needs: c, teardown: true }\n";
    let (_folder, checked) = project_with(&[("odd.yaml", text)]);
    let explained = checked.explain(&name("odd"), Timestamp::from_micros(0)).expect("a DAG").to_string();
    let tasks: Vec<&str> = explained.lines().filter(|line| line.contains("(noop")).map(str::trim).collect();
    assert_eq!(
        tasks,
        [
            "1. a (noop); its failure is tolerated",
            "2. b (noop) after a, by `all_done`",
            "3. c (noop) after a, b, when `!a.failed || b.done`",
            "4. d (noop) after c, however they end, to tear down",
        ]
    );
}

#[test]
fn a_dag_that_does_not_exist_is_not_explained() {
    let (_folder, checked) = project_with(&[]);
    assert!(checked.explain(&name("weekly"), Timestamp::from_micros(0)).is_none());
}

#[test]
fn a_parameter_may_stand_on_the_dags_defaults() {
    let text = "dags:\n  odd:\n    params: { which: will_pay, days: 30d }\n    tasks:\n      features: { kind: build_features }\n      \
                train: { kind: train, needs: features, model: \"${params.which}\", history: \"${params.days}\" }\n";
    let (_folder, checked) = project_with(&[("odd.yaml", text)]);
    assert!(checked.is_sound(), "{}", checked.render());
    let plan = checked.plan.expect("sound");
    let train = plan.dags[&name("odd")].tasks.iter().find(|task| task.kind == "train").expect("the task");
    assert!(train.outputs.contains(&Item::Version { model: name("will_pay") }));
}

#[test]
fn a_parameter_that_no_task_uses_is_a_warning() {
    let text = "dags:\n  odd:\n    params: { days: 30, city: { type: string, default: Rome }, spare: 1 }\n    tasks:\n      \
                a: { kind: command, argv: [echo, \"${params.days}\"], env: { CITY: \"in ${params.city}\" } }\n";
    let (_folder, checked) = project_with(&[("odd.yaml", text)]);
    assert!(checked.is_sound(), "{}", checked.render());
    let told: Vec<_> = checked.problems.iter().map(|problem| (problem.code, problem.span.line)).collect();
    assert_eq!(told, [("unused_parameter", 3)], "{}", checked.render());
}

#[test]
fn a_parameter_without_a_default_stands_for_any_value() {
    let text = "dags:\n  odd:\n    params: { which: { type: string }, days: { type: string } }\n    tasks:\n      \
                features: { kind: build_features }\n      \
                train: { kind: train, needs: features, model: \"${params.which}\", history: \"${params.days}\" }\n";
    let (_folder, checked) = project_with(&[("odd.yaml", text)]);
    assert!(checked.is_sound(), "{}", checked.render());
}

#[test]
fn a_source_without_files_is_sound_with_a_declared_schema() {
    let text = "sources:\n  odd: { path: data/none-*.parquet, event_time: at, schema: { at: datetime, buyer: str, n: i64 } }\n\
                feature_views:\n  counted: { entity: customer, source: odd, aggregates: [{ of: n, fn: sum, windows: [1d] }] }\n";
    let (_folder, checked) = project_with(&[("odd.yaml", text)]);
    assert!(checked.is_sound(), "{}", checked.render());
}

#[test]
fn fifty_files_are_checked_within_a_second() {
    let mut files = Vec::new();
    for number in 0..50 {
        let text = format!(
            "feature_views:\n  view_{number}: {{ entity: customer, source: visits, aggregates: [{{ of: seconds, fn: [mean, p90], windows: \
             [1d, 7d] }}] }}\nmodels:\n  model_{number}:\n    observations: {{ source: orders, label: paid, label_known_at: paid_at }}\n    \
             inputs: {{ amount: f64 }}\n    features: [view_{number}, user_facts]\n    algorithm: {{ name: logistic_regression }}\n    \
             metrics: [auc]\ndags:\n  dag_{number}:\n    schedule: {{ cron: \"{} 3 * * *\" }}\n    tasks:\n      features: {{ kind: \
             build_features }}\n      train: {{ kind: train, needs: features, model: model_{number}, history: 10d }}\n",
            number % 60
        );
        files.push((format!("part_{number}.yaml"), text));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (folder, checked) = project_with(&files);
    assert!(checked.is_sound(), "{}", checked.render());
    let begun = Instant::now();
    daybreak_check::check(folder.path()).expect("a project");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn the_schema_for_editors_knows_kinds_and_algorithms() {
    let schema = daybreak_check::json_schema().to_string();
    for word in ["build_features", "min_history", "logistic_regression", "l2"] {
        assert!(schema.contains(word), "{word}");
    }
}

#[test]
fn footers_are_read_again_when_a_file_changes() {
    let (folder, _) = project_with(&[]);
    let checker = daybreak_check::Checker::default();
    assert!(checker.check(folder.path()).expect("a project").is_sound());
    std::fs::write(folder.path().join("data/users.parquet"), b"broken").expect("written");
    assert!(!checker.check(folder.path()).expect("a project").is_sound());
}

#[test]
fn a_model_that_goes_live_without_its_rows_is_warned_of() {
    let base = crate::BASE
        .replace("      publish: { kind: materialize, needs: features }\n", "")
        .replace("[judge, publish]", "judge");
    let (_folder, checked) = project_with(&[("daybreak.yaml", &base)]);
    assert!(checked.is_sound(), "a warning does not refuse the project");
    insta::assert_snapshot!("never_published", checked.render());
}

#[test]
fn the_flights_example_is_sound() {
    let flights = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dags/flights");
    let checked = daybreak_check::check(&flights).expect("a project");
    assert!(checked.problems.is_empty(), "{}", checked.render());
}

#[test]
fn problems_are_json_too() {
    let (_folder, checked) = project_with(&[("odd.yaml", "dags:\n  odd: { tasks: { go: { kind: nop } } }\n")]);
    let json = checked.to_json();
    assert_eq!(json[0]["code"], "unknown_kind");
    assert_eq!(
        (json[0]["file"].as_str(), json[0]["line"].as_u64(), json[0]["column"].as_u64()),
        (Some("odd.yaml"), Some(2), Some(31))
    );
}
