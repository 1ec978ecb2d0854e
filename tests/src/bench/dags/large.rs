//! Large projects and DAGs: what it takes until a changed file is live, and until a DAG of ten thousand tasks is accepted,
//! started and shown.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use daybreak_protocol::{Client, TriggerRequest};
use serde_json::{Map, json};

use crate::predict::Up;
use crate::report::Case;

const FILES: usize = 500;
const TASKS: usize = 10_000;

/// From writing one of five hundred files to the new version being live.
pub async fn five_hundred_files() -> Case {
    let folder = tempfile::tempdir().expect("a private folder");
    std::fs::write(folder.path().join("daybreak.yaml"), "version: 1\nname: files\n").expect("a project");
    for number in 0..FILES {
        write_file(folder.path(), number, 3);
    }
    let (up, client) = serve(folder.path());
    let before = client.project().await.expect("the project").version;
    let begun = Instant::now();
    write_file(folder.path(), FILES / 2, 4);
    wait("the change is live", async || client.project().await.expect("the project").version != before).await;
    let live_ms = begun.elapsed().as_secs_f64() * 1e3;
    drop(up);
    case("reload_of_500_files", live_ms, "from the change of a file to the new version being live")
}

fn write_file(folder: &Path, number: usize, tasks: usize) {
    let mut text = format!("dags:\n  d{number}:\n    schedule: {{ cron: \"0 4 * * *\" }}\n    tasks:\n");
    for task in 0..tasks {
        let _ = writeln!(text, "      t{task}: {{ kind: noop }}");
    }
    std::fs::write(folder.join(format!("dag-{number}.yaml")), text).expect("a file");
}

/// A DAG of a hundred rows of a hundred tasks, each of which needs two of the row before.
pub async fn ten_thousand_tasks() -> Vec<Case> {
    let folder = tempfile::tempdir().expect("a private folder");
    std::fs::write(
        folder.path().join("daybreak.yaml"),
        "version: 1\nname: large\ndags: { small: { tasks: { t: { kind: noop } } } }\n",
    )
    .expect("a project");
    let (up, client) = serve(folder.path());
    let mut text = String::from("dags:\n  wide:\n    tasks:\n");
    for task in 0..TASKS {
        let _ = match task {
            0..100 => writeln!(text, "      t{task}: {{ kind: noop }}"),
            _ => {
                let above = task - 100;
                let beside = above / 100 * 100 + (task + 1) % 100;
                writeln!(text, "      t{task}: {{ kind: noop, needs: [t{above}, t{beside}] }}")
            }
        };
    }
    let begun = Instant::now();
    std::fs::write(folder.path().join("wide.yaml"), text).expect("a file");
    wait("the DAG is live", async || client.all_dags().await.expect("DAGs").len() == 2).await;
    let accepted = begun.elapsed().as_secs_f64() * 1e3;
    let begun = Instant::now();
    let run = client.trigger("wide", &TriggerRequest::default()).await.expect("a run that starts");
    let started = begun.elapsed().as_secs_f64() * 1e3;
    wait("it has ended", async || client.run(&run).await.expect("the run").summary.ended_at.is_some()).await;
    let ended = begun.elapsed().as_secs_f64() * 1e3;
    let begun = Instant::now();
    assert_eq!(client.run(&run).await.expect("the run").tasks.len(), TASKS);
    let shown = begun.elapsed().as_secs_f64() * 1e3;
    drop(up);
    vec![
        case("dag_of_10k_accepted", accepted, "from the file being written to the DAG being live"),
        case("dag_of_10k_scheduled", started, "from the request to the answer"),
        case("dag_of_10k_run", ended, "from the request to the end of the run"),
        case("dag_of_10k_shown", shown, "one run's page data"),
    ]
}

fn case(case: &str, ours: f64, floor_is: &'static str) -> Case {
    Case {
        case: case.into(),
        unit: "ms",
        ours,
        floor: None,
        floor_is,
        more: Map::from_iter([("limit_ms".into(), json!(2_000))]),
    }
}

fn serve(folder: &Path) -> (Up, Client) {
    let up = Up::start(folder, &[]);
    let client = Client::new(&format!("http://{}", up.target.address), &up.target.token);
    (up, client)
}

async fn wait(what: &str, holds: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(120), "{what}: it does not come about");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
