//! Tests of how DAGs run: the files `*.test.yaml` of a project. They are no part of what is deployed, so `load` leaves
//! them out; whoever wants them asks for them here. What a test means is decided by the package that runs it.

use serde_json::{Map, Value as Json};

use crate::decode::flow_tests;
use crate::folder::{self, Content};
use crate::load::{Loaded, add_files};
use crate::report::in_order;
use crate::{Decoder, Duration, Error, Name, Node, RetryCause, Span, Spanned, Timestamp, yaml};

/// One test.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowTest {
    /// What it is called, and where.
    pub name: Spanned<String>,
    /// The DAG.
    pub dag: Spanned<Name>,
    /// T; none: the instant that all tests share.
    pub at: Option<Spanned<Timestamp>>,
    /// The run's parameters.
    pub params: Map<String, Json>,
    /// How tasks end, and single items of those that are done once per item (`score[1]`).
    pub mocks: Vec<(Spanned<Name>, Mock)>,
    /// What must come of it.
    pub expect: Expectation,
}

/// How a task ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mock {
    /// What it hands on once it succeeds.
    pub outputs: Map<String, Json>,
    /// Attempts that fail.
    pub fails: Option<MockedFailure>,
    /// Why it is marked as skipped.
    pub skipped: Option<String>,
    /// How long an attempt takes.
    pub takes: Option<Duration>,
}

/// How attempts fail.
#[derive(Clone, Debug, PartialEq)]
pub struct MockedFailure {
    /// The cause.
    pub cause: MockedCause,
    /// For people.
    pub reason: Option<String>,
    /// So many fail; none: all.
    pub times: Option<u32>,
}

/// Why an attempt fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MockedCause {
    /// The retry policy says what follows.
    Tried(RetryCause),
    /// It is never tried again.
    Final(String),
}

/// What must hold at the end of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expectation {
    /// The run's state.
    pub run: Option<Spanned<String>>,
    /// A part of the run's reason.
    pub reason: Option<Spanned<String>>,
    /// What is expected of tasks.
    pub tasks: Vec<(Spanned<Name>, TaskExpectation)>,
    /// Each of them began after the one before had ended.
    pub order: Vec<Spanned<Name>>,
}

/// What must hold of a task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskExpectation {
    /// Its state.
    pub state: Option<Spanned<String>>,
    /// Attempts charged to it.
    pub attempts: Option<Spanned<u32>>,
    /// Parameters it was given last.
    pub parameters: Vec<(Spanned<String>, Node)>,
    /// Outputs it left.
    pub outputs: Vec<(Spanned<String>, Node)>,
    /// The cause of its failure.
    pub cause: Option<Spanned<String>>,
    /// A part of the reason for its end.
    pub reason: Option<Spanned<String>>,
}

/// Reads the tests of a loaded project. Their files join its files, what is wrong with them its problems.
///
/// # Errors
/// When the folder cannot be read. What is wrong inside the files are problems.
pub fn load_flow_tests(loaded: &mut Loaded) -> Result<Vec<FlowTest>, Error> {
    let found = folder::read_tests(&loaded.root)?;
    Ok(read(loaded, found.into_iter().map(|file| (file.path, file.content))))
}

fn read(loaded: &mut Loaded, contents: impl Iterator<Item = (String, Content)>) -> Vec<FlowTest> {
    let first = u32::try_from(loaded.files.len()).unwrap_or(u32::MAX);
    let (mut problems, mut trees) = (Vec::new(), Vec::new());
    let readable = add_files(&mut loaded.files, contents, &mut problems);
    for (file, _) in (first..).zip(readable).filter(|(_, readable)| *readable) {
        let (tree, wrong) = yaml::parse(file, loaded.files.text(file));
        problems.extend(wrong);
        trees.extend(tree.map(|tree| (file, tree)));
    }
    let mut decoder = Decoder::with_files(&loaded.files);
    let mut tests = Vec::new();
    for (file, tree) in &trees {
        let top = Span { file: *file, line: 1, column: 1, length: 1 };
        let label = format!("`{}`", loaded.files.path(*file));
        tests.extend(flow_tests(&mut decoder, (tree, label, top), &loaded.project, &loaded.declared));
    }
    problems.extend(decoder.into_problems());
    loaded.problems.extend(problems);
    loaded.problems = in_order(std::mem::take(&mut loaded.problems));
    tests
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const PROJECT: &str = "version: 1
dags:
  load:
    params: { day: { type: integer, min: 1 }, city: Rome }
    tasks:
      { fetch: { kind: noop }, store: { kind: noop, needs: fetch }, tidy: { kind: noop }, each: { kind: noop, for_each: [1] } }
";

    /// Code, line, column and words.
    type Told = (&'static str, u32, u32, String);

    fn read_tests(text: &str) -> (Vec<FlowTest>, Vec<Told>) {
        let mut loaded = crate::load_texts(Path::new("/p"), [("daybreak.yaml".to_owned(), PROJECT.to_owned())]);
        assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
        let contents = [("load.test.yaml".to_owned(), Content::Bytes(text.as_bytes().to_vec()))];
        let tests = read(&mut loaded, contents.into_iter());
        let problem = |problem: &crate::Problem| {
            let words = format!("{}; {}", problem.message, problem.hint.as_deref().unwrap_or_default());
            (problem.code, problem.span.line, problem.span.column, words)
        };
        (tests, loaded.problems.iter().map(problem).collect())
    }

    /// Unit tests check, when a map is dropped, that each key of its table was asked for.
    #[test]
    fn every_key_is_read() {
        let (tests, problems) = read_tests(include_str!("../tests/fixtures/every_key.test.yaml"));
        assert_eq!(problems, []);
        assert_eq!(tests.len(), 2);
        let (first, fetch) = (&tests[0], &tests[0].mocks[0].1);
        assert_eq!((first.name.as_str(), first.params["day"].as_i64()), ("every key", Some(7)));
        assert_eq!(first.at.as_ref().map(|at| at.value.to_string()).as_deref(), Some("2026-03-10T07:00:00Z"));
        let fails = fetch.fails.as_ref().expect("it fails");
        assert_eq!((&fails.cause, fails.times), (&MockedCause::Tried(RetryCause::Exit(75)), Some(2)));
        assert_eq!(first.expect.order.len(), 3);
        let last = MockedCause::Final("bad_input".to_owned());
        assert_eq!(tests[1].mocks[0].1.fails.as_ref().map(|fails| &fails.cause), Some(&last));
    }

    #[test]
    fn mistakes_are_told_with_their_places_all_at_once() {
        let (_, problems) = read_tests(
            "version: 1
tests:
  one:
    dag: laod
    expect: { run: suceeded }
  two:
    dag: load
    at: yesterday
    params: { dya: 1 }
    tasks:
      fetsh: { outputs: { x: 1 } }
      store: { fails: exit 900 }
      tidy: { skipped: no use, takes: 1s }
    expect:
      tasks: { fetch: ready, store: { atempts: 1 } }
      order: [fetch, fetch]
  three:
    dag: load
    params: { day: 0 }
    tasks: { fetch: { fails: error, outputs: { x: 1 } } }
    expect: {}
  four:
    dag: load
    params: { day: 1 }
    tasks: { \"fetch[0]\": { fails: error }, \"each[01]\": { fails: error }, \"each[1]\": { fails: error } }
    expect: { tasks: { \"fetsh[0]\": succeeded }, order: [\"each[0]\", \"each[0]\"] }
",
        );
        let found: Vec<(&str, u32, u32)> = problems.iter().map(|problem| (problem.0, problem.1, problem.2)).collect();
        let expected = [
            ("unknown_reference", 4, 10),
            ("unknown_word", 5, 20),
            ("missing_parameter", 6, 3),
            ("bad_date", 8, 9),
            ("unknown_reference", 9, 15),
            ("unknown_reference", 11, 7),
            ("unknown_word", 12, 23),
            ("conflicting_keys", 13, 15),
            ("unknown_word", 15, 23),
            ("unknown_key", 15, 39),
            ("duplicate_item", 16, 22),
            ("wrong_value", 19, 20),
            ("conflicting_keys", 20, 37),
            ("empty_list", 21, 13),
            ("unknown_reference", 25, 15),
            ("bad_name", 25, 45),
            ("unknown_reference", 26, 25),
            ("duplicate_item", 26, 69),
        ];
        assert_eq!(found, expected, "{problems:#?}");
        for (at, hint) in [(0, "`load`"), (1, "`succeeded`"), (4, "`day`"), (5, "`fetch`"), (9, "`attempts`")] {
            assert!(problems[at].3.contains(&format!("did you mean {hint}?")), "{:?}", problems[at]);
        }
    }
}
