//! `bench ui`: what the API answers to the pages and what the pages do in a real Chromium, on a database of a million task runs
//! (10,000 runs of a DAG of 100 tasks). The browser's part is `orchestrator/ui/e2e/measure.spec.ts`, which needs the packages that
//! the server's build has installed. To add a case: a figure here, or there and a line in [`IN_BROWSER`].

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use daybreak_protocol::{GridQuery, TriggerRequest};
use daybreak_spec::Name;
use daybreak_tests::served::Served;
use serde_json::{Map, Value as Json, json};

use crate::orchestrator::{Database, finished_runs, percentile, sequence};
use crate::report::Case;

const RUNS: u32 = 10_000;
const TASKS: u32 = 100;
const ASKED: usize = 200;

/// Figures of the browser: name, unit, what the floor is, the limit that the design sets.
const IN_BROWSER: [(&str, &str, &str, f64); 3] = [
    ("first_page_usable_p95", "ms", "an empty page", 1_000.0),
    ("grid_scroll_frame_p99", "ms", "the same page standing still", 50.0),
    ("fifty_pages_cpu", "% core", "the same run with no page open", 5.0),
];

/// Measures every case.
pub async fn run() -> Vec<Case> {
    sqlx::any::install_default_drivers();
    let database = Database::sqlite();
    let state = database.state("pages");
    write_project(state.folder());
    let served = Served::start(state.folder(), &[]);
    run_once(&served).await;
    drop(served);
    finished_runs(&state, "hundred", RUNS - 1).await;
    let served = Served::start(state.folder(), &[]);
    let mut cases = answers(&served).await;
    cases.append(&mut in_browser(&served, state.folder()));
    cases
}

/// A run for the filled ones to resemble.
async fn run_once(served: &Served) {
    let client = served.client();
    let run = client.trigger("hundred", &TriggerRequest::default()).await.expect("a run");
    while client.run(&run).await.expect("a run").summary.ended_at.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn write_project(folder: &Path) {
    let mut text = String::from("version: 1\nname: pages\ndags:\n");
    sequence(&mut text, "hundred", TASKS);
    // Goes on for half a minute, with a change every half second.
    text.push_str("  busy:\n    tasks:\n      t0: { kind: command, argv: [sleep, '0.5'] }\n");
    for index in 1..60 {
        let before = index - 1;
        text.push_str(&format!("      t{index}: {{ kind: command, needs: t{before}, argv: [sleep, '0.5'] }}\n"));
    }
    std::fs::write(folder.join("daybreak.yaml"), text).expect("a project");
}

/// What the API answers to the grid and to the home page.
async fn answers(served: &Served) -> Vec<Case> {
    let client = served.client();
    let dag = Name::parse("hundred").expect("a name");
    let (mut grid, mut home, mut health) = (Vec::new(), Vec::new(), Vec::new());
    let mut before = None;
    for _ in 0..ASKED {
        let begun = Instant::now();
        let page = client.grid(&dag, &GridQuery { before, limit: Some(500) }).await.expect("a page");
        grid.push(begun.elapsed().as_secs_f64() * 1e3);
        before = page.next;
        let begun = Instant::now();
        client.overview().await.expect("an overview");
        home.push(begun.elapsed().as_secs_f64() * 1e3);
        let begun = Instant::now();
        client.health().await.expect("it is well");
        health.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let floor = percentile(&mut health, 0.95);
    let case = |name: &str, values: &mut Vec<f64>, limit_ms: u32| Case {
        case: name.to_owned(),
        unit: "ms",
        ours: percentile(values, 0.95),
        floor: Some(floor),
        floor_is: "the health route's",
        more: Map::from_iter([("limit_ms".to_owned(), json!(limit_ms))]),
    };
    vec![case("grid_page_of_500x100_p95", &mut grid, 100), case("overview_p95", &mut home, 50)]
}

fn in_browser(served: &Served, folder: &Path) -> Vec<Case> {
    let measured = folder.join("measured.json");
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", "measure"]).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../orchestrator/ui"));
    npm.env("DAYBREAK_URL", &served.url).env("DAYBREAK_TOKEN", &served.token).env("DAYBREAK_MEASURED", &measured);
    npm.env("DAYBREAK_PID", served.pid().to_string()).stdout(std::process::Stdio::null());
    let status = npm.status().expect("npm, which has built the pages");
    assert!(status.success(), "the measuring of the pages has failed");
    let figures: Json = serde_json::from_slice(&std::fs::read(measured).expect("figures")).expect("JSON");
    let case = |(name, unit, floor_is, limit): (&str, &'static str, &'static str, f64)| {
        let mut more = figures[name]["more"].as_object().cloned().unwrap_or_default();
        more.insert("limit".to_owned(), json!(limit));
        let figure = |key: &str| figures[name][key].as_f64();
        Case {
            case: name.to_owned(),
            unit,
            ours: figure("ours").expect("a figure"),
            floor: figure("floor"),
            floor_is,
            more,
        }
    };
    IN_BROWSER.into_iter().map(case).collect()
}
