//! The command line as a new user meets it.

use std::time::Duration;

use daybreak_tests::served::Served;
use daybreak_tests::{copy_project, daybreak, json, processes_mentioning, root, unmistakable_seconds, wait_for};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_fresh_project_checks_explains_and_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let init = daybreak(folder.path(), &["init", "shop"]);
    assert!(init.status.success(), "{}", text(&init.stderr));
    let shop = folder.path().join("shop");
    assert!(daybreak(&shop, &["check"]).status.success());
    let explained = daybreak(&shop, &["explain", "nightly"]);
    assert!(text(&explained.stdout).contains("customer_history"), "{}", text(&explained.stdout));
    let run = json(&daybreak(&shop, &["run", "nightly", "--at", "2025-03-01T02:00:00Z", "--wait", "--json"]));
    assert_eq!(run["state"], "succeeded", "{run}");
    let prediction = json(&daybreak(&shop, &["predict", "returned", "customer=c1", "amount=120", "--json"]));
    let probability = prediction["probability"].as_f64().expect("a probability");
    assert!((0.0..=1.0).contains(&probability), "{prediction}");
    assert_eq!(prediction["model_version"], 1, "{prediction}");
}

#[test]
fn a_run_that_is_waited_for_tells_people_of_each_task_and_programs_only_the_result() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let arguments = ["run", "nightly", "--at", "2025-03-01T02:00:00Z", "--wait"];
    let people = daybreak(folder.path(), &arguments);
    let (told, table) = (text(&people.stderr), text(&people.stdout));
    for task in ["features", "publish", "train", "judge", "promote"] {
        let line = |line: &str| line.starts_with(task) && line.contains("succeeded in");
        assert!(told.lines().any(line), "{task} in {told}");
        assert!(table.lines().any(|line| line.starts_with(task)), "{task} in {table}");
    }
    let program = daybreak(folder.path(), &[&arguments[..], &["--json"]].concat());
    assert_eq!(json(&program)["state"], "succeeded");
    assert_eq!(text(&program.stderr), "");
}

#[test]
fn a_typo_is_shown_with_its_place_and_what_was_meant() {
    let folder = tempfile::tempdir().expect("a folder");
    daybreak(folder.path(), &["init", "."]);
    let path = folder.path().join("daybreak.yaml");
    let project = std::fs::read_to_string(&path).expect("a project");
    std::fs::write(&path, project.replace("entity: customer", "entity: custmer")).expect("a mistake");
    let check = daybreak(folder.path(), &["check"]);
    let shown = text(&check.stdout) + &text(&check.stderr);
    assert_eq!(check.status.code(), Some(1), "{shown}");
    assert!(shown.contains("daybreak.yaml:") && shown.contains("did you mean `customer`"), "{shown}");
}

#[test]
fn simulated_business_time_stands_until_it_is_moved_on_and_never_goes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let none = daybreak(folder.path(), &["clock"]);
    assert_eq!(none.status.code(), Some(3));
    assert!(text(&none.stderr).contains("daybreak up"), "{}", text(&none.stderr));
    let clock = |arguments: &[&str]| daybreak(folder.path(), &[&["clock", "--json"], arguments].concat());
    let served = Served::start(folder.path(), &["--clock-from", "2025-03-01T01:00:00Z"]);
    let clocks = json(&clock(&[]));
    assert_eq!((&clocks["business_now"], &clocks["simulated"]), (&"2025-03-01T01:00:00Z".into(), &true.into()));
    assert_eq!(json(&clock(&["2025-03-01T02:00:00Z"]))["business_now"], "2025-03-01T02:00:00Z");
    let runs = json(&daybreak(folder.path(), &["runs", "--json"]));
    assert_eq!(runs[0]["scheduled_for"], "2025-03-01T02:00:00Z", "what fell due runs: {runs}");
    let back = clock(&["2025-03-01T01:30:00Z"]);
    assert_eq!(back.status.code(), Some(4), "{}", text(&back.stdout));
    drop(served);
    let served = Served::start(folder.path(), &["--clock-from", "2025-01-01T00:00:00Z"]);
    assert_eq!(json(&clock(&[]))["business_now"], "2025-03-01T02:00:00Z", "it goes on where it stood");
    drop(served);
}

#[test]
fn each_misuse_says_what_was_tried_on_what_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let at = "2025-03-01T02:00:00Z";
    let cases: &[(&[&str], i32, &[&str])] = &[
        (&["run", "nightli"], 4, &["`nightli`", "nightly"]),
        (&["run", "nightly", "--param", "x"], 2, &["`x`", "KEY=VALUE"]),
        (&["run", "nightly", "--at", "yesterday"], 2, &["`yesterday`", "2013-03-10T07:00:00Z"]),
        (&["run", "show", "nope"], 2, &["`nope`", "daybreak runs"]),
        (&["logs", "nope"], 2, &["`nope`", "daybreak runs"]),
        (&["explain", "nope"], 2, &["`nope`", "nightly"]),
        (&["predict", "returned", "customer"], 2, &["`customer`", "KEY=VALUE"]),
        (&["up", "--listen", "nonsense"], 2, &["`nonsense`", "127.0.0.1:4321"]),
        (&["up", "--listen", "0.0.0.0:1"], 2, &["0.0.0.0:1", "loopback"]),
        (&["up", "nowhere"], 3, &["nowhere", "daybreak init"]),
        (&["runs", "--project", "data"], 3, &["data", "daybreak.yaml", "daybreak init"]),
        (
            &["training-set", "returned", "--at", "2020-03-01T00:00:00Z", "-o", "x"],
            1,
            &["`returned`", "--at", "--history"],
        ),
        (&["training-set", "returned", "--at", at, "-o", "no/x"], 74, &["no/x", "folder"]),
    ];
    for (arguments, status, words) in cases {
        let output = daybreak(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(*status), "{arguments:?}: {said}");
        assert!(words.iter().all(|word| said.contains(word)), "{arguments:?} has to mention {words:?}: {said}");
    }
}

#[test]
fn a_server_told_twice_to_end_ends_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let path = folder.path().join("daybreak.yaml");
    let (seconds, started) = (unmistakable_seconds(1), folder.path().join("started"));
    let nap = format!("trap '' TERM; touch {}; sleep {seconds}", started.display());
    let stubborn = format!("  stubborn:\n    tasks:\n      nap: {{ kind: command, argv: [sh, -c, \"{nap}\"] }}\n");
    let project = std::fs::read_to_string(&path).expect("a project") + &stubborn;
    std::fs::write(&path, project).expect("a project");
    let mut served = Served::start(folder.path(), &[]);
    assert!(daybreak(folder.path(), &["run", "stubborn"]).status.success());
    wait_for("the task to ignore what asks it to end", Duration::from_secs(20), || started.exists().then_some(()));
    served.interrupt();
    wait_for("the server takes back its note", Duration::from_secs(5), || {
        (!folder.path().join(".daybreak/server.json").exists()).then_some(())
    });
    served.interrupt();
    assert_eq!(served.wait().code(), Some(130));
    wait_for("the end of the task", Duration::from_secs(10), || {
        processes_mentioning(&seconds).is_empty().then_some(())
    });
}

#[test]
fn init_never_writes_over_a_project() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    assert_eq!(daybreak(folder.path(), &["init"]).status.code(), Some(3));
}

#[test]
fn a_second_server_on_the_same_folder_refuses_with_status_3() {
    let folder = tempfile::tempdir().expect("a folder");
    daybreak(folder.path(), &["init"]);
    let up = |listen| {
        let mut command = std::process::Command::new(daybreak_tests::binary());
        command.args(["up", "--listen", listen]).current_dir(folder.path());
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
        command.spawn().expect("a server")
    };
    let mut first = up("127.0.0.1:0");
    wait_for("the first server", Duration::from_secs(30), || {
        folder.path().join(".daybreak/server.json").exists().then_some(())
    });
    let second = up("127.0.0.1:0").wait_with_output().expect("a refusal");
    first.kill().expect("a kill");
    first.wait().expect("an end");
    assert_eq!(second.status.code(), Some(3), "{}", text(&second.stderr));
}

#[test]
fn every_example_project_checks_without_a_problem() {
    for entry in std::fs::read_dir(root().join("dags")).expect("dags/").flatten() {
        let folder = tempfile::tempdir().expect("a folder");
        copy_project(&entry.path(), folder.path());
        let check = daybreak(folder.path(), &["check"]);
        assert!(check.status.success(), "{}: {}", entry.path().display(), text(&check.stdout) + &text(&check.stderr));
    }
}

#[test]
fn a_file_that_is_no_demo_is_never_emptied() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("thesis.txt"), "years of work").expect("a file");
    let demo = daybreak(folder.path(), &["demo", "--nights", "1", "--exit", "--data", "."]);
    assert_eq!(demo.status.code(), Some(3), "{}", text(&demo.stderr));
    assert!(folder.path().join("thesis.txt").exists());
}

#[test]
fn a_run_is_run_again_marked_and_explained_by_hand_and_the_audit_tells_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let served = Served::start(folder.path(), &[]);
    let at = "2025-03-01T02:00:00Z";
    let run = json(&daybreak(folder.path(), &["run", "nightly", "--at", at, "--wait", "--json"]));
    let id = run["id"].as_str().expect("an id");
    let refused = |arguments: &[&str], why: &str| {
        let output = daybreak(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {}", text(&output.stdout));
        assert!(text(&output.stderr).contains(why), "{arguments:?}: {}", text(&output.stderr));
    };
    refused(&["rerun", id, "--from-failed"], "no task of run");
    refused(&["clear", id, "jugde"], "it has features, judge, promote, publish, train");
    refused(&["mark", id, "judge", "failed", "--reason", "no"], "daybreak clear");
    refused(&["why", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], "no run has the id");
    let dry = daybreak(folder.path(), &["clear", id, "judge", "--dry-run"]);
    assert!(text(&dry.stdout).contains("would run again: judge, promote"), "{}", text(&dry.stdout));
    let dry = json(&daybreak(folder.path(), &["rerun", id, "--latest", "--dry-run", "--json"]));
    assert_eq!((dry["tasks"].as_array().map(Vec::len), &dry["run_id"]), (Some(5), &run["id"]));
    let cleared = daybreak(folder.path(), &["clear", id, "judge", "--wait"]);
    assert!(cleared.status.success(), "{}", text(&cleared.stderr));
    assert!(text(&cleared.stderr).contains("runs again: judge, promote"), "{}", text(&cleared.stderr));
    let again = json(&daybreak(folder.path(), &["rerun", id, "--wait", "--json"]));
    assert_eq!((&again["id"], &again["state"]), (&run["id"], &"succeeded".into()));
    assert_eq!(again["again"]["version_is_current"], true, "{again}");
    let why = json(&daybreak(folder.path(), &["why", id, "train", "--json"]));
    assert_eq!((&why["tasks"][0]["kind"], &why["run"][0]["kind"]), (&"succeeded".into(), &"succeeded".into()));
    let audit = json(&daybreak(folder.path(), &["audit", "--of", id, "--json"]));
    let actions: Vec<_> = audit.as_array().expect("entries").iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["rerun", "clear", "trigger"]);
    assert_eq!(audit[0]["from"], "cli 127.0.0.1", "{audit}");
    let models = json(&daybreak(folder.path(), &["models", "--json"]));
    assert_eq!(models[0]["versions"].as_array().map(Vec::len), Some(1), "the same bytes are the same version");
    drop(served);
}

#[test]
fn a_champion_is_promoted_and_taken_back_by_hand() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    let served = Served::start(folder.path(), &[]);
    for at in ["2025-03-01T02:00:00Z", "2025-03-02T02:00:00Z"] {
        assert!(daybreak(folder.path(), &["run", "nightly", "--at", at, "--wait"]).status.success());
    }
    let answers = |version: i64| {
        let ask = ["predict", "returned", "customer=c1", "amount=120", "--json"];
        let answered = || (json(&daybreak(folder.path(), &ask))["model_version"] == version).then_some(());
        wait_for("the endpoint to follow", Duration::from_secs(30), answered);
    };
    answers(2);
    let back = |reason: &str| daybreak(folder.path(), &["models", "rollback", "returned", "--reason", reason]);
    let output = back("worse by day");
    assert_eq!(
        text(&output.stdout),
        "`champion` of model `returned` points at version 1 now; it pointed at version 2\n"
    );
    answers(1);
    let further = back("further");
    assert_eq!(further.status.code(), Some(4));
    assert!(text(&further.stderr).contains("pointed nowhere before version 1"), "{}", text(&further.stderr));
    let promote = ["models", "promote", "returned", "2", "--reason", "it was the feed", "--json"];
    let moved = json(&daybreak(folder.path(), &promote));
    answers(2);
    assert_eq!((&moved["from"], &moved["to"], &moved["reason"]), (&1.into(), &2.into(), &"it was the feed".into()));
    assert_eq!(daybreak(folder.path(), &promote).status.code(), Some(4), "it points there");
    assert_eq!(daybreak(folder.path(), &promote[..4]).status.code(), Some(2), "a move has its reason");
    let models = json(&daybreak(folder.path(), &["models", "--json"]));
    assert_eq!(models[0]["aliases"]["champion"], 2);
    let reasons: Vec<_> =
        models[0]["alias_history"].as_array().expect("moves").iter().map(|entry| &entry["reason"]).collect();
    assert_eq!(reasons[2..], ["worse by day", "it was the feed"], "{models}");
    let audit = json(&daybreak(folder.path(), &["audit", "--of", "returned", "--json"]));
    assert_eq!(audit.as_array().map(Vec::len), Some(2), "{audit}");
    drop(served);
}
