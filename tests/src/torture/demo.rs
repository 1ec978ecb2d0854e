//! `cargo xtask torture --kills`: a demo killed (-9) at random moments and resumed each time has to leave what an undisturbed
//! one leaves, and a run at another thread count too: the same runs, each once, the same SHA-256 of every build, every model and
//! the online content. After each kill no process of the demo may be left. With `--against-up`, `daybreak up` over the same
//! nights of the same project has to leave the same too.

use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use daybreak_tests::served::{nights_of, nights_of_up};
use daybreak_tests::{copy_project, root};
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value as Json, json};

use crate::Arguments;

/// Kills, compares and prints the report.
pub async fn torture_demo(arguments: &Arguments) -> ExitCode {
    let folder = tempfile::tempdir().expect("a private folder");
    let begun = Instant::now();
    let plain = finish(&folder.path().join("undisturbed"), arguments.nights, "2", Begin::Clean);
    let undisturbed = begun.elapsed();
    eprintln!("undisturbed: {:.1} s", undisturbed.as_secs_f64());
    let threads = finish(&folder.path().join("threads"), arguments.nights, "1", Begin::Clean);
    eprintln!("another thread count: done");
    let (tortured, orphans, kills) = torture(&folder.path().join("tortured"), arguments, undisturbed);
    let mut report = json!({
        "kills": kills,
        "nights": arguments.nights,
        "orphans": orphans,
        "each_night_once": each_night_once(&tortured, arguments.nights),
        "equal_to_undisturbed": tortured["artifacts"] == plain["artifacts"],
        "equal_at_other_thread_count": threads["artifacts"] == plain["artifacts"],
        "undisturbed": plain["artifacts"],
        "tortured": tortured["artifacts"],
    });
    if arguments.against_up {
        let served = serve(&folder.path().join("served"), &plain).await;
        report["equal_to_up"] = json!(served == plain["artifacts"]);
        report["up"] = served;
    }
    println!("{}", serde_json::to_string_pretty(&report).expect("a report"));
    let good = report["each_night_once"] == true
        && report["equal_to_up"] != false
        && report["equal_to_undisturbed"] == true
        && report["equal_at_other_thread_count"] == true
        && orphans == 0
        && kills >= arguments.kills;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

enum Begin {
    Clean,
    Resume,
}

fn start(data: &Path, nights: u32, threads: &str, begin: Begin) -> Child {
    let mut command = Command::new(daybreak_tests::binary());
    command.args(["demo", "--exit", "--json", "--nights", &nights.to_string(), "--data"]).arg(data);
    if matches!(begin, Begin::Resume) {
        command.arg("--resume");
    }
    command.env("POLARS_MAX_THREADS", threads).env("RAYON_NUM_THREADS", threads).env("DAYBREAK_THREADS", threads);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("the demo starts")
}

fn finish(data: &Path, nights: u32, threads: &str, begin: Begin) -> Json {
    let output = start(data, nights, threads, begin).wait_with_output().expect("the demo ends");
    daybreak_tests::json(&output)
}

/// The demo's nights through `daybreak up` on a copy of its project.
async fn serve(project: &Path, plain: &Json) -> Json {
    copy_project(&root().join("dags/flights"), project);
    let begun = Instant::now();
    let made = nights_of_up(project, &nights_of(plain)).await;
    let count = |what: &str| made[what].as_object().map_or(0, serde_json::Map::len);
    eprintln!(
        "up: {:.1} s; {} builds, {} models and the online rows of {} views compared",
        begun.elapsed().as_secs_f64(),
        count("builds"),
        count("models"),
        count("online")
    );
    made
}

/// Kills at moments spread over what is left of the work, then lets it finish.
fn torture(data: &Path, arguments: &Arguments, whole: Duration) -> (Json, usize, u32) {
    let mut random = rand::rngs::StdRng::seed_from_u64(arguments.seed);
    let (mut orphans, mut kills) = (0, 0);
    let mut begin = Begin::Clean;
    while kills < arguments.kills {
        let mut demo = start(data, arguments.nights, "2", begin);
        let share = whole.as_secs_f64() / f64::from(arguments.kills);
        let moment = Duration::from_secs_f64(0.05 + random.random_range(0.2..2.5) * share);
        let begun = Instant::now();
        while begun.elapsed() < moment && demo.try_wait().expect("a state").is_none() {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        if demo.try_wait().expect("a state").is_some() {
            eprintln!("the demo ended before kill {}; starting it over", kills + 1);
            begin = Begin::Clean;
            continue;
        }
        demo.kill().expect("a kill");
        demo.wait().expect("a killed demo");
        kills += 1;
        orphans += orphans_of(data);
        begin = if data.join(".daybreak-demo").exists() { Begin::Resume } else { Begin::Clean };
    }
    (finish(data, arguments.nights, "2", begin), orphans, kills)
}

/// Processes that are still there two seconds after the kill.
fn orphans_of(data: &Path) -> usize {
    let begun = Instant::now();
    let text = data.display().to_string();
    loop {
        let left = daybreak_tests::processes_mentioning(&text);
        if left.is_empty() || begun.elapsed() > Duration::from_secs(2) {
            return left.len();
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn each_night_once(report: &Json, nights: u32) -> bool {
    let runs = report["runs"].as_array().cloned().unwrap_or_default();
    let mut instants: Vec<String> = runs.iter().map(|run| run["scheduled_for"].to_string()).collect();
    instants.sort();
    instants.dedup();
    let ended = runs.iter().filter(|run| run["state"] == "succeeded").count();
    instants.len() == runs.len() && ended == runs.len() && runs.len() == nights as usize
}
