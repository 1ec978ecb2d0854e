//! Schedules on the command line: what fires when, a year without running anything, pauses with and without a server.

use std::path::Path;

use daybreak_tests::served::Served;
use daybreak_tests::{daybreak, json};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A project whose data is not there: instants need none.
fn project(folder: &Path) {
    let text = "version: 1\nname: instants\ncalendars:\n  holidays: { path: holidays.txt }\ndags:\n  \
        nightly:\n    schedule: { cron: \"30 2 * * *\", timezone: America/New_York, exclude: [{ calendar: holidays }], \
        missed: last }\n    tasks: { t: { kind: noop } }\n  \
        twice:\n    schedules:\n      - { cron: \"0 12 * * *\" }\n      - { cron: \"0 8,12 * * *\", jitter: 10m }\n    \
        tasks: { t: { kind: noop } }\n";
    std::fs::write(folder.join("daybreak.yaml"), text).expect("a project");
    std::fs::write(folder.join("holidays.txt"), "# closed\n2026-03-10\n").expect("a calendar");
}

#[test]
fn firings_are_shown_with_local_time_window_and_what_clocks_do() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let shown = daybreak(folder.path(), &["schedule", "nightly", "--from", "2026-03-07", "--next", "4"]);
    let lines: Vec<String> = text(&shown.stdout).lines().map(str::to_owned).collect();
    assert!(shown.status.success() && lines[0].contains("not on calendar holidays"), "{}", text(&shown.stderr));
    let row =
        |text: &str| lines.iter().find(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {lines:#?}"));
    let made_up = row("2026-03-08T07:00:00Z");
    for words in ["2026-03-08 03:00:00 -04:00", "2026-03-07T07:30:00Z", "gap day", "right after the gap"] {
        assert!(made_up.contains(words), "{made_up}");
    }
    assert!(lines.iter().all(|line| !line.contains("2026-03-10 02:30")), "an excluded date is left out");
    let all = daybreak(folder.path(), &["schedule", "nightly", "--from", "2026-03-07", "--next", "4", "--all"]);
    assert!(text(&all.stdout).contains("left out by its date"), "{}", text(&all.stdout));
    let json = json(&daybreak(folder.path(), &["schedule", "twice", "--from", "2026-01-01", "--next", "2", "--json"]));
    assert_eq!(json["firings"][1]["schedules"], serde_json::json!([0, 1]), "{json}");
    assert_eq!(json["firings"][1]["window_start"], "2026-01-01T08:00:00Z");
    let unknown = daybreak(folder.path(), &["schedule", "nihgtly"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("did you mean `nightly`"), "{}", text(&unknown.stderr));
    assert!(!folder.path().join(".daybreak").exists(), "nothing was started");
}

#[test]
fn a_year_is_simulated_without_running_anything() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let period = ["simulate", "--from", "2026-01-01", "--to", "2027-01-01"];
    let shown = text(&daybreak(folder.path(), &period).stdout);
    let instants: Vec<&str> = shown.lines().map_while(|line| line.split_once("  ")).map(|(at, _)| at).collect();
    assert!(instants.len() > 1_000 && instants.windows(2).all(|pair| pair[0] <= pair[1]), "in order of time");
    assert!(shown.contains("1094 firings of 2 DAGs"), "{}", shown.lines().last().unwrap_or_default());
    let json = json(&daybreak(folder.path(), &[&period[..], &["--dag", "nightly", "--json"]].concat()));
    assert_eq!((json["counts"]["nightly"].as_u64(), json["total"].as_u64()), (Some(364), Some(364)));
    assert_eq!(json["firings"].as_array().map(Vec::len), Some(364));
    let backwards = daybreak(folder.path(), &["simulate", "--from", "2027-01-01", "--to", "2026-01-01"]);
    assert_eq!(backwards.status.code(), Some(2));
    assert!(!folder.path().join(".daybreak").exists(), "nothing was started");
}

#[test]
fn a_dag_is_paused_with_a_note_and_stays_so_until_it_is_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let paused = daybreak(folder.path(), &["pause", "nightly", "--note", "new feed"]);
    assert!(paused.status.success(), "{}", text(&paused.stderr));
    assert!(text(&paused.stdout).contains("paused since") && text(&paused.stdout).contains(": new feed"));
    let served = Served::start(folder.path(), &[]);
    let dags = json(&daybreak(folder.path(), &["dags", "--json"]));
    assert_eq!((dags[0]["name"].as_str(), dags[0]["paused"]["note"].as_str()), (Some("nightly"), Some("new feed")));
    for command in ["schedule", "explain"] {
        let shown = text(&daybreak(folder.path(), &[command, "nightly"]).stdout);
        assert!(shown.contains("paused since") && shown.contains("new feed"), "{command}: {shown}");
    }
    let resumed = daybreak(folder.path(), &["resume", "nightly", "--note", "it is here"]);
    assert!(text(&resumed.stdout).contains("fires again, next at"), "{}", text(&resumed.stderr));
    let again = daybreak(folder.path(), &["resume", "nightly"]);
    assert_eq!(again.status.code(), Some(4));
    assert!(text(&again.stderr).contains("is not paused"), "{}", text(&again.stderr));
    drop(served);
}
