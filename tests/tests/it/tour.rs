//! The tour of DAGs (`dags/tour`): each DAG does for real what its comments and flow tests say, and each of many
//! mistakes in its files is told by its code at its place.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use daybreak_tests::served::Served;
use daybreak_tests::{copy_project, daybreak, json, root, wait_for};
use serde_json::Value as Json;

const MISTAKES: &str = include_str!("tour_mistakes.txt");

fn tour() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy_project(&root().join("dags/tour"), folder.path());
    let secrets = folder.path().join(".secrets");
    std::fs::create_dir_all(&secrets).expect("a folder");
    std::fs::write(secrets.join("courier-token"), "swordfish\n").expect("written");
    let owner_alone = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(secrets.join("courier-token"), owner_alone).expect("set");
    folder
}

/// The state of the run, and of each task with its attempts.
fn ran(folder: &Path, arguments: &[&str]) -> (String, BTreeMap<String, (String, u64)>, Json) {
    let output = daybreak(folder, &[&["run"], arguments, &["--wait", "--json"]].concat());
    let run: Json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |json: &Json| json.as_str().expect("text").to_owned();
    let task = |task: &Json| (text(&task["name"]), (text(&task["state"]), task["attempt"].as_u64().expect("a count")));
    let tasks = run["tasks"].as_array().expect("tasks").iter().map(task).collect();
    (text(&run["state"]), tasks, run)
}

#[test]
fn each_dag_of_the_tour_does_for_real_what_it_says() {
    let folder = tour();
    let served = Served::start(folder.path(), &[]);
    let states = |arguments: &[&str]| {
        let (state, tasks, _) = ran(folder.path(), arguments);
        let tasks: Vec<String> = tasks.into_iter().map(|(name, (state, _))| format!("{name} {state}")).collect();
        format!("{state}: {}", tasks.join(", "))
    };
    let all = "succeeded: bill succeeded, deliver succeeded, fetch succeeded, prices succeeded";
    assert_eq!(states(&["orders", "--param", "city=Oslo"]), all);
    let light = "succeeded: arrive succeeded, bicycle succeeded, van skipped, weigh succeeded";
    assert_eq!(states(&["branches"]), light);
    let heavy = "succeeded: arrive succeeded, bicycle skipped, van succeeded, weigh failed";
    assert_eq!(states(&["branches", "--param", "weight=200"]), heavy);
    let clean = "succeeded: alarm skipped, give_back succeeded, rent succeeded, report succeeded, work succeeded";
    assert_eq!(states(&["cleanup"]), clean);
    let broken = "failed: alarm succeeded, give_back succeeded, rent succeeded, report upstream_failed, work failed";
    assert_eq!(states(&["cleanup", "--param", "works=false"]), broken);
    let told = wait_for("the office's note", Duration::from_secs(30), || {
        std::fs::read_to_string(folder.path().join("office.txt")).ok().filter(|note| note.ends_with('\n'))
    });
    assert!(told.starts_with("cleanup failed: task `work` failed"), "{told}");
    let swept = wait_for("the sweeping after two runs", Duration::from_secs(30), || {
        let runs = json(&daybreak(folder.path(), &["runs", "--dag", "sweep_up", "--json"]));
        let runs = runs.as_array().expect("runs").clone();
        (runs.len() == 2 && runs.iter().all(|run| run["state"] == "succeeded")).then_some(runs)
    });
    assert_eq!(swept[0]["trigger"], "after");
    let (state, tasks, _) = ran(folder.path(), &["picky"]);
    assert_eq!((state.as_str(), tasks["call"].1), ("succeeded", 3), "tried again on exit 75");
    assert_eq!(states(&["crowds"]), "succeeded: bill succeeded, label succeeded, parcel succeeded");
    assert_eq!(states(&["twice_a_week"]), "succeeded: look succeeded");
    assert_eq!(states(&["rounds"]), "succeeded: close succeeded, stops succeeded, visit succeeded");
    let (_, _, again) = ran(folder.path(), &["rounds"]);
    let stops = again["tasks"].as_array().expect("tasks").iter().find(|task| task["name"] == "stops").expect("a task");
    assert!(stops["cached_from"].is_string(), "its result is known: {stops}");
    let id = again["id"].as_str().expect("an id");
    let log = |task| String::from_utf8_lossy(&daybreak(folder.path(), &["logs", id, task]).stdout).into_owned();
    assert!(log("visit[1]").contains("5 letters for Oak, stop 1"), "{}", log("visit[1]"));
    assert!(log("close").contains("2 stops, no notes"), "{}", log("close"));
    let refused = daybreak(folder.path(), &["run", "orders", "--param", "limit=1000"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("must be at most 100"), "{said}");
    drop(served);
}

#[test]
fn the_tours_release_waits_for_a_trial_and_for_somebody() {
    let folder = tour();
    let served = Served::start(folder.path(), &[]);
    let started = json(&daybreak(folder.path(), &["run", "release", "--json"]));
    let id = started["id"].as_str().expect("an id").to_owned();
    wait_for("the question", Duration::from_secs(30), || {
        let run = json(&daybreak(folder.path(), &["run", "show", &id, "--json"]));
        let tasks = run["tasks"].as_array().expect("tasks");
        tasks.iter().any(|task| task["name"] == "boss" && task["state"] == "deferred").then_some(())
    });
    let approved = daybreak(folder.path(), &["approve", &id, "boss", "--note", "go ahead"]);
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    let run = wait_for("the end", Duration::from_secs(30), || {
        let run = json(&daybreak(folder.path(), &["run", "show", &id, "--json"]));
        (run["ended_at"] != Json::Null).then_some(run)
    });
    assert_eq!(run["state"], "succeeded", "{run}");
    let log = String::from_utf8_lossy(&daybreak(folder.path(), &["logs", &id, "release"]).stdout).into_owned();
    assert!(log.contains("note: go ahead"), "{log}");
    let runs = json(&daybreak(folder.path(), &["runs", "--dag", "branches", "--json"]));
    assert_eq!(runs[0]["state"], "succeeded", "the trial was a run of its own: {runs}");
    drop(served);
}

#[test]
fn programs_of_the_tour_see_their_params_facts_folder_and_secrets() {
    let folder = tour();
    let (_, _, run) = ran(folder.path(), &["orders", "--param", "city=Oslo", "--param", "limit=7"]);
    let id = run["id"].as_str().expect("an id");
    let log = |task| String::from_utf8_lossy(&daybreak(folder.path(), &["logs", id, task]).stdout).into_owned();
    let fetched = log("fetch");
    assert!(fetched.contains("at most 7 orders, fast, with --city=Oslo --until="), "{fetched}");
    assert!(fetched.contains(&format!("DAYBREAK_RUN_ID={id}")) && fetched.contains("DAYBREAK_TASK=fetch"), "{fetched}");
    assert!(log("bill").contains(&format!("run {id} of orders")));
    assert!(log("deliver").contains("a token of 9 letters: ***"), "{}", log("deliver"));
    let (_, _, night) = ran(folder.path(), &["every_evening", "--at", "2026-03-08T07:00:00Z"]);
    let id = night["id"].as_str().expect("an id");
    let window = String::from_utf8_lossy(&daybreak(folder.path(), &["logs", id, "window"]).stdout).into_owned();
    assert!(window.contains("from 2026-03-07T07:30:00Z to 2026-03-08T07:00:00Z"), "{window}");
}

#[test]
fn each_mistake_in_the_tours_files_is_told_by_its_code_at_its_place() {
    let folder = tour();
    let mut told = 0;
    for line in MISTAKES.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let [code, file, sound, wrong] = parts[..] else { panic!("four parts: {line}") };
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).expect("a file of the tour");
        assert!(text.contains(sound), "the tour has not `{sound}` any more");
        let marked = text.replacen(sound, wrong, 1);
        let before = &marked[..marked.find('»').expect("a mark")];
        let column = before.lines().last().map_or(0, |line| line.chars().count()) + 1;
        std::fs::write(&path, marked.replace('»', "")).expect("written");
        let output = daybreak(folder.path(), &["check", "--json"]);
        std::fs::write(&path, &text).expect("written");
        assert_eq!(output.status.code(), Some(1), "{line}");
        let checked: Json = serde_json::from_slice(&output.stdout).expect("JSON");
        let problems = checked["problems"].as_array().expect("problems").iter();
        let errors: Vec<String> = problems
            .filter(|problem| problem["severity"] == "error")
            .map(|found| format!("{} {}:{}:{}", found["code"], found["file"], found["line"], found["column"]))
            .collect();
        let expected = format!("\"{code}\" \"{file}\":{}:{column}", before.lines().count());
        assert_eq!(errors, [expected], "{line}");
        told += 1;
    }
    assert!(told >= 30, "{told} mistakes");
    assert_eq!(json(&daybreak(folder.path(), &["check", "--json"]))["ok"], true, "the tour itself is sound");
}
