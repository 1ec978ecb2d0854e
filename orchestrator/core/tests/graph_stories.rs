//! The graph of a DAG: what it answers, and what it refuses. Must not touch schedules or states. To add a rule: a story.

use std::collections::BTreeMap;

use daybreak_core::DagGraph;
use daybreak_spec::{
    Backoff, Condition, Dag, Duration, Jitter, Name, Problem, Retry, Span, Spanned, Task, TriggerRule,
};
use proptest::prelude::*;

fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

/// Tasks as `(name, needs)`; the n-th need of the n-th task stands at line n + 1, column 10 × (n + 1).
fn dag(tasks: &[(&str, &[&str])]) -> Dag {
    let second = Duration::parse("1s").expect("a duration");
    let backoff = Backoff { first: second.clone(), factor: 2.0, max: second, jitter: Jitter::Full };
    let mut declared = BTreeMap::new();
    for (row, (task, needs)) in (1_u32..).zip(tasks) {
        let needs = (1_u32..).zip(*needs).map(|(column, need)| {
            let length = u32::try_from(need.len()).expect("short");
            Spanned::new(name(need), Span { file: 0, line: row, column: column * 10, length })
        });
        let task_value = Task {
            span: Span { file: 0, line: row, column: 1, length: 1 },
            kind: Spanned::unplaced("noop".to_owned()),
            needs: needs.collect(),
            trigger: TriggerRule::default(),
            tolerated: false,
            for_each: None,
            cache: None,
            retry: None,
            timeout: None,
            queue_timeout: None,
            total_timeout: None,
            memory_bytes: None,
            limits: Vec::new(),
            priority: None,
            queue: None,
            labels: Default::default(),
            parameters: Vec::new(),
        };
        declared.insert(name(task), Box::new(task_value));
    }
    Dag {
        span: Span::default(),
        schedules: Vec::new(),
        retry: Retry { attempts: 1, backoff, only: Vec::new() },
        params: BTreeMap::new(),
        after: Vec::new(),
        updated: Vec::new(),
        max_active_runs: None,
        priority: 0,
        deadline: None,
        queue: None,
        tasks: declared,
    }
}

fn problems(tasks: &[(&str, &[&str])]) -> Vec<Problem> {
    DagGraph::build(&dag(tasks)).expect_err("refused")
}

fn words(names: Vec<&Name>) -> Vec<&str> {
    names.into_iter().map(Name::as_str).collect()
}

#[test]
fn tasks_come_after_what_they_need_and_by_name_where_free() {
    let dag =
        dag(&[("zeta", &[]), ("alpha", &["zeta"]), ("beta", &["zeta"]), ("omega", &["alpha", "beta"]), ("a", &[])]);
    let graph = DagGraph::build(&dag).expect("sound");
    assert_eq!(words(graph.topological_order()), ["a", "zeta", "alpha", "beta", "omega"]);
}

#[test]
fn parents_children_and_ancestors_are_by_name() {
    let dag = dag(&[
        ("features", &[]),
        ("train", &["features"]),
        ("publish", &["features"]),
        ("promote", &["train", "publish"]),
    ]);
    let graph = DagGraph::build(&dag).expect("sound");
    assert_eq!(words(graph.parents(&name("promote"))), ["publish", "train"]);
    assert_eq!(words(graph.children(&name("features"))), ["publish", "train"]);
    assert_eq!(words(graph.ancestors(&name("promote"))), ["features", "publish", "train"]);
    assert!(graph.ancestors(&name("nowhere")).is_empty());
    assert_eq!(graph.topological_order().len(), 4);
}

#[test]
fn an_unknown_need_gets_the_nearest_name() {
    let found = problems(&[("features", &[]), ("go", &["feature"])]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].code, found[0].span.line, found[0].span.column), ("unknown_reference", 2, 10));
    assert_eq!(found[0].hint.as_deref(), Some("did you mean `features`?"));
}

#[test]
fn a_condition_names_tasks_that_are_needed() {
    let mut dag = dag(&[("build", &[]), ("other", &[]), ("go", &["build"])]);
    let text = "build.done && !biuld.failed || other.skipped";
    let span = Span { file: 0, line: 9, column: 20, length: u32::try_from(text.len()).expect("short") };
    let condition = Condition::parse(text, span).expect("sound");
    dag.tasks.get_mut("go").expect("go").trigger = TriggerRule::When(condition);
    let found = DagGraph::build(&dag).expect_err("refused");
    let shown: Vec<_> =
        found.iter().map(|problem| (problem.code, problem.span.column, problem.hint.as_deref())).collect();
    let expected =
        [("unknown_reference", 35, Some("did you mean `build`?")), ("not_needed", 51, Some("add `other` to `needs`"))];
    assert_eq!(shown, expected);
}

#[test]
fn a_cycle_names_its_path() {
    let found = problems(&[("a", &["c"]), ("b", &["a"]), ("c", &["b"]), ("d", &["a"])]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, "cycle");
    assert_eq!(found[0].message, "tasks need each other in a cycle: a -> c -> b -> a");
    assert_eq!((found[0].span.line, found[0].related.len()), (1, 2));
    assert_eq!(found[0].related[0].1, "`c` needs `b`");
}

#[test]
fn a_shortest_cycle_of_a_knot_is_shown() {
    let found = problems(&[("a", &["b", "c"]), ("b", &["a"]), ("c", &["d"]), ("d", &["a"])]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message, "tasks need each other in a cycle: a -> b -> a");
}

#[test]
fn every_mistake_is_found_at_once() {
    let found = problems(&[
        ("a", &["a", "nope"]),
        ("b", &["c"]),
        ("c", &["b"]),
        ("d", &["a", "a"]),
        ("e", &["f"]),
        ("f", &["e"]),
    ]);
    let mut codes: Vec<_> = found.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["cycle", "cycle", "duplicate_need", "self_need", "unknown_reference"]);
}

#[test]
fn a_dag_without_tasks_is_refused() {
    assert_eq!(problems(&[])[0].code, "no_tasks");
}

#[test]
fn ten_thousand_tasks_in_a_row_are_fine_and_one_more_is_not() {
    let names: Vec<String> = (0..=10_000).map(|number| format!("t{number:05}")).collect();
    let needs: Vec<Vec<&str>> = (0..names.len())
        .map(|index| index.checked_sub(1).map(|before| names[before].as_str()).into_iter().collect())
        .collect();
    let rows: Vec<(&str, &[&str])> =
        names.iter().zip(&needs).map(|(task, needs)| (task.as_str(), needs.as_slice())).collect();
    let graph = DagGraph::build(&dag(&rows[..10_000])).expect("sound");
    assert_eq!(graph.ancestors(&name("t09999")).len(), 9_999);
    assert_eq!(problems(&rows)[0].code, "too_many_tasks");
}

#[test]
fn more_than_a_hundred_thousand_needs_are_refused() {
    let names: Vec<String> = (0..600).map(|number| format!("t{number:03}")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let rows: Vec<(&str, &[&str])> = all.iter().enumerate().map(|(index, task)| (*task, &all[..index])).collect();
    assert_eq!(problems(&rows)[0].code, "too_many_needs");
}

proptest! {
    #[test]
    fn any_graph_is_either_ordered_or_shown_to_be_cyclic(edges in prop::collection::btree_set((0_u8..12, 0_u8..12), 0..30)) {
        let names: Vec<String> = (0..12).map(|number| format!("t{number:02}")).collect();
        let needs: Vec<Vec<&str>> = (0..12_u8)
            .map(|task| edges.iter().filter(|(from, to)| *from == task && to != from).map(|(_, to)| names[usize::from(*to)].as_str()).collect())
            .collect();
        let rows: Vec<(&str, &[&str])> =
            names.iter().zip(&needs).map(|(task, needs)| (task.as_str(), needs.as_slice())).collect();
        match DagGraph::build(&dag(&rows)) {
            Ok(graph) => {
                let order = words(graph.topological_order());
                prop_assert_eq!(order.len(), 12);
                for (task, needs) in &rows {
                    let place = |word: &str| order.iter().position(|other| *other == word);
                    for need in *needs { prop_assert!(place(need) < place(task)); }
                }
            }
            Err(found) => {
                for problem in found {
                    prop_assert_eq!(problem.code, "cycle");
                    let path: Vec<&str> = problem.message.rsplit(": ").next().unwrap_or_default().split(" -> ").collect();
                    prop_assert_eq!(path.first(), path.last());
                    for pair in path.windows(2) {
                        let needs = rows.iter().find(|(task, _)| *task == pair[0]).map(|(_, needs)| *needs).unwrap_or_default();
                        prop_assert!(needs.contains(&pair[1]), "{} is a real path", problem.message);
                    }
                }
            }
        }
    }
}
