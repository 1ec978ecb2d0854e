//! `bench nightly`: steady nights of the flights project (all views over 28-day windows, trained on 60 days, evaluated,
//! published) through the whole engine, beside the same functions called plainly, and what the engine itself adds.

use std::path::Path;

use daybreak_spec::Timestamp;
use serde_json::{Map, Value as Json, json};

use crate::plain::Nights;
use crate::predict::Up;
use crate::report::Case;

/// 02:30 in New York from 15 April 2013 on: the first makes the history, the others are steady.
const NIGHTS: usize = 8;

fn night(index: usize) -> Timestamp {
    let first = Timestamp::parse("2013-04-15T06:30:00Z").expect("an instant");
    first.plus_micros(86_400_000_000 * i64::try_from(index).expect("a small number"))
}

/// Measures both, night by night in turn, and takes the medians.
pub async fn run() -> Vec<Case> {
    let folder = tempfile::tempdir().expect("a private folder");
    daybreak_tests::copy_project(&daybreak_tests::root().join("dags/flights"), folder.path());
    by_hand_only(folder.path());
    let _server = Up::start(folder.path(), &[]);
    let plainly = Nights::new(folder.path());
    let (mut walls, mut plains, mut overheads, mut starts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut engine_tasks, mut plain_tasks) = (Map::new(), Map::new());
    for index in 0..NIGHTS {
        let run = engine_night(folder.path(), night(index));
        let tasks = plainly.night(night(index)).await;
        if index == 0 {
            continue;
        }
        let busy: f64 = field(&run, "busy_us") / 1e3;
        let start: f64 = field(&run, "start_us") / 1e3;
        let wall = wall_ms(&run);
        walls.push(wall);
        overheads.push(wall - busy - start);
        starts.push(start);
        plains.push(tasks.iter().map(|(_, time)| time.as_secs_f64() * 1e3).sum());
        engine_tasks = run["tasks"].as_array().into_iter().flatten().map(task_ms).collect();
        plain_tasks = tasks.into_iter().map(|(name, time)| (name, json!(time.as_secs_f64() * 1e3))).collect();
    }
    let mut more = Map::new();
    more.insert("child_starts_ms".into(), json!(median(&mut starts)));
    more.insert("tasks_ms".into(), Json::Object(engine_tasks));
    more.insert("plain_tasks_ms".into(), Json::Object(plain_tasks));
    let steady = Case {
        case: "steady_night".into(),
        unit: "ms",
        ours: median(&mut walls),
        floor: Some(median(&mut plains)),
        floor_is: "the same functions called plainly",
        more,
    };
    let overhead = Case {
        case: "engine_overhead".into(),
        unit: "ms",
        ours: median(&mut overheads),
        floor: None,
        floor_is: "run time less time in tasks and child starts",
        more: Map::new(),
    };
    vec![steady, overhead]
}

/// Nothing fires by itself: the bench starts each night.
fn by_hand_only(folder: &Path) {
    let path = folder.join("dags.yaml");
    let text = std::fs::read_to_string(&path).expect("the DAGs");
    let text = text.replace("missed: all", "missed: none");
    std::fs::write(&path, text).expect("the DAGs");
}

fn engine_night(folder: &Path, at: Timestamp) -> Json {
    let arguments = ["run", "nightly", "--at", &at.to_string(), "--wait", "--json"];
    daybreak_tests::json(&daybreak_tests::daybreak(folder, &arguments))
}

fn wall_ms(run: &Json) -> f64 {
    let at = |key: &str| Timestamp::parse(run[key].as_str().expect("a run's time")).expect("an instant").micros;
    (at("ended_at") - at("created_at")) as f64 / 1e3
}

fn field(run: &Json, name: &str) -> f64 {
    run["tasks"].as_array().into_iter().flatten().filter_map(|task| task[name].as_f64()).sum()
}

fn task_ms(task: &Json) -> (String, Json) {
    let name = task["name"].as_str().unwrap_or_default().to_owned();
    (name, json!(task["busy_us"].as_f64().unwrap_or_default() / 1e3))
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
