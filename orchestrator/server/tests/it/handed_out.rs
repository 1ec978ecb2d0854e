//! What travels with a task over the protocol: what its parameters name, what its kind reads, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_protocol::{Outcome, TaskResult};
use daybreak_server::Timings;
use daybreak_spec::{Name, Project};
use serde_json::{Map, Value as Json, json};

use crate::support::{World, name, nights};

const TASKS: usize = 60;

/// A task as it is drawn: whom it needs, whom its parameters name, and whether its kind reads what is left before it.
struct Drawn {
    needs: BTreeSet<usize>,
    names: BTreeSet<usize>,
    reads: bool,
}

/// A DAG of any form, the same for the same seed.
fn drawn(mut seed: u64) -> Vec<Drawn> {
    let mut draw = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("it is small") % below.max(1)
    };
    let mut tasks: Vec<Drawn> = Vec::new();
    for place in 0..TASKS {
        let needs: BTreeSet<usize> = (0..draw(4).min(place)).map(|_| draw(place)).collect();
        let before: Vec<usize> = before(&tasks, &needs).into_iter().collect();
        let names = (0..draw(3).min(before.len())).map(|_| before[draw(before.len())]).collect();
        tasks.push(Drawn { needs, names, reads: draw(4) == 0 });
    }
    tasks
}

/// Everybody who stands before a task with these needs.
fn before(tasks: &[Drawn], needs: &BTreeSet<usize>) -> BTreeSet<usize> {
    needs.iter().flat_map(|need| before(tasks, &tasks[*need].needs)).chain(needs.iter().copied()).collect()
}

fn task_name(place: usize) -> String {
    format!("t{place:02}")
}

fn project(tasks: &[Drawn]) -> Project {
    let task = |drawn: &Drawn| {
        let needs: Vec<String> = drawn.needs.iter().map(|need| task_name(*need)).collect();
        let texts = drawn.names.iter().map(|name| format!("of ${{tasks.{}.outputs.of:-nobody}}", task_name(*name)));
        let parameters = json!([["anything", { "deep": texts.collect::<Vec<_>>() }]]);
        json!({
            "kind": if drawn.reads { "light" } else { "told" }, "needs": needs, "retry": null, "timeout": null,
            "memory_bytes": null, "parameters": parameters,
        })
    };
    let tasks: Map<String, Json> = (0..).zip(tasks).map(|(place, drawn)| (task_name(place), task(drawn))).collect();
    let retry = json!({ "attempts": 1, "backoff": { "first": "1ms", "factor": 1.0, "max": "1ms", "jitter": "none" } });
    let project = json!({
        "name": "flights", "data_roots": [], "sources": {}, "entities": {}, "feature_views": {}, "models": {},
        "dags": { "drawn": { "schedules": [], "retry": retry, "params": {}, "tasks": tasks } },
    });
    serde_json::from_value(project).expect("a project")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_handed_what_its_parameters_name_and_its_kind_reads_and_nothing_else() {
    for seed in 1..4 {
        let tasks = drawn(seed);
        let world = World::with(nights(), Timings::default()).await;
        world.server.deploy(&project(&tasks).into(), world.folder.path()).await.expect("it deploys");
        world.server.trigger("drawn", None, Map::new()).await.expect("it starts");
        let worker = world.worker().await;
        let mut seen = BTreeMap::new();
        while seen.len() < TASKS {
            for assignment in worker.poll().await {
                let outputs = Map::from_iter([("of".to_owned(), json!(assignment.task))]);
                let result = TaskResult { outputs, ..TaskResult::default() };
                worker.report(&assignment, Outcome::Succeeded(Box::new(result))).await.expect("it holds the task");
                assert_eq!(assignment.without_outputs, BTreeMap::new());
                let handed: BTreeSet<Name> = assignment.outputs.keys().cloned().collect();
                seen.insert(assignment.task, handed);
            }
        }
        for (place, drawn) in tasks.iter().enumerate() {
            let mut expected = drawn.names.clone();
            if drawn.reads {
                expected.extend(before(&tasks, &drawn.needs));
            }
            let expected: BTreeSet<Name> = expected.into_iter().map(|place| name(&task_name(place))).collect();
            assert_eq!(seen[&name(&task_name(place))], expected, "seed {seed}, task {place}");
        }
    }
}
