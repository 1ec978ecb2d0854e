//! Flow tests as their authors meet them: each test of the fixture's project holds, and each wrong expectation is told
//! with its place.

use std::path::Path;

use daybreak_core::{KindCatalog, KindDefinition, ParameterDefinition, ParameterType};
use daybreak_flowtest::{FlowTests, Mismatch, mismatches};
use daybreak_spec::{FlowTest, Loaded, load, load_flow_tests};

static PARAMETERS: [ParameterDefinition; 1] =
    [ParameterDefinition { name: "argv", parameter_type: ParameterType::Argv, required: false, summary: "" }];
static WAIT_PARAMETERS: [ParameterDefinition; 1] =
    [ParameterDefinition { name: "at_timeout", parameter_type: ParameterType::Text, required: false, summary: "" }];
static PLAIN: KindDefinition = KindDefinition {
    name: "command",
    summary: "",
    parameters: &PARAMETERS,
    heavy: true,
    side_effects: true,
    gated: false,
    reads: &[],
    makes: &[],
    rules: &[],
};
static WAITING: KindDefinition = KindDefinition {
    name: "wait_for",
    summary: "",
    parameters: &WAIT_PARAMETERS,
    heavy: false,
    side_effects: false,
    gated: false,
    reads: &[],
    makes: &[],
    rules: &[],
};
static GATED: KindDefinition = KindDefinition {
    name: "promote",
    summary: "",
    parameters: &[],
    heavy: false,
    side_effects: false,
    gated: true,
    reads: &[],
    makes: &[],
    rules: &[],
};

fn project(tests: &str) -> (Loaded, Vec<FlowTest>) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("daybreak.yaml"), include_str!("fixtures/daybreak.yaml")).expect("written");
    std::fs::write(folder.path().join("a.test.yaml"), tests).expect("written");
    let mut loaded = load(folder.path()).expect("a project");
    let tests = load_flow_tests(&mut loaded).expect("readable");
    assert_eq!(loaded.problems, []);
    (loaded, tests)
}

fn played(tests: &str) -> Vec<(String, Vec<Mismatch>)> {
    let (loaded, tests) = project(tests);
    let catalog = KindCatalog::new([&PLAIN, &WAITING, &GATED]);
    let mut flow_tests = FlowTests::of(&loaded.project, Path::new("/project"), &catalog);
    let mut found = Vec::new();
    for test in &tests {
        let played = flow_tests.play(test).expect("a sound project");
        found.push((test.name.value.clone(), mismatches(test, &played)));
    }
    found
}

#[test]
fn what_holds_in_production_holds_in_a_test() {
    let found = played(include_str!("fixtures/nightly.test.yaml"));
    assert_eq!(found.len(), 25);
    for (name, wrong) in found {
        assert_eq!(wrong, [], "{name}");
    }
}

#[test]
fn a_run_is_the_same_each_time_it_is_played() {
    let text = include_str!("fixtures/wrong.test.yaml");
    assert_eq!(played(text), played(text));
}

#[test]
fn each_wrong_expectation_is_told_at_its_place_with_what_is_there_instead() {
    let text = include_str!("fixtures/wrong.test.yaml");
    let mut found = Vec::new();
    for (_, wrong) in played(text) {
        for mismatch in wrong {
            let line = text.lines().nth(mismatch.span.line as usize - 1).expect("a line");
            let (start, length) = (mismatch.span.column as usize - 1, mismatch.span.length as usize);
            let at: String = line.chars().skip(start).take(length).collect();
            found.push(format!("{at} | {}", mismatch.problem().message));
            assert!(!mismatch.what.is_empty());
        }
    }
    let expected = [
        "succeeded | the run is `failed`, and `succeeded` was expected",
        "disk | the run's reason is `task `fetch` failed: full`, and `…disk…` was expected",
        "failed | task `store` is `upstream_failed`, and `failed` was expected",
        "2 | the count of attempts of task `fetch` is 3, and 2 was expected",
        "timeout | the cause of task `fetch` is `task_error`, and `timeout` was expected",
        "store | task `store` is `upstream_failed`, and `begun` was expected",
        "[ | parameter `argv` of task `store` is not what was expected",
        "4 | output `rows` of task `fetch` is 3, and 4 was expected",
        "left | the begin of task `left` is `before the end of right`, and `after the end of right` was expected",
        "[ | parameter `argv` of task `score[0]` is not what was expected",
        "score[2] | task `score[2]` is `not there`, and `there` was expected",
        "score[1] | task `score[1]` is `not there`, and `there` was expected",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_difference_of_lists_shows_its_lines() {
    let wrong = played(include_str!("fixtures/wrong.test.yaml"));
    let argv = wrong.iter().flat_map(|(_, wrong)| wrong).find(|wrong| wrong.what.contains("argv")).expect("there");
    let text = argv.difference().expect("a list");
    assert_eq!(text, "  [\n    \"put\",\n-   \"4\",\n+   3,\n    \"Rome\"\n  ]\n");
}
