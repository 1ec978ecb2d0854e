//! Outputs of programs, tasks that are done once per item, results that are known: as a user writes and types them.

use std::path::Path;

use daybreak_tests::{daybreak, json};
use serde_json::Value as Json;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const PROJECT: &str = r#"version: 1
name: cities
dags:
  weather:
    params: { country: Italy, fail: none }
    tasks:
      list:
        kind: command
        argv: [sh, list.sh]
        env: { COUNTRY: "${params.country}" }
      score:
        kind: command
        needs: list
        for_each: ${tasks.list.outputs.cities}
        max_parallel: 2
        argv: [sh, score.sh, "${item.name}", "${index}", "${params.fail}"]
        cache: { key: v1, ttl: 7d }
      report:
        kind: command
        needs: score
        rule: all_done
        cwd: out
        argv: [sh, ../report.sh, "${tasks.score.outputs.succeeded:-none}", "${tasks.list.outputs.missing:-a default}"]
"#;

fn project(folder: &Path) {
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("written");
    write("daybreak.yaml", PROJECT);
    write(
        "list.sh",
        "echo '{\"cities\": [{\"name\": \"Rome\"}, {\"name\": \"Oslo\"}, {\"name\": \"Lima\"}], \"n\": 3}' > \"$DAYBREAK_OUTPUTS\"\n",
    );
    write(
        "score.sh",
        "echo scoring \"$1\"\n[ \"$1\" = \"$3\" ] && exit 3\necho \"{\\\"city\\\": \\\"$1\\\", \\\"place\\\": $2}\" > \"$DAYBREAK_OUTPUTS\"\n",
    );
    write("report.sh", "echo \"{\\\"scored\\\": \\\"$1\\\", \\\"word\\\": \\\"$2\\\"}\" > \"$DAYBREAK_OUTPUTS\"\n");
    std::fs::create_dir(folder.join("out")).expect("a folder");
}

fn task<'a>(run: &'a Json, name: &str) -> &'a Json {
    let tasks = run["tasks"].as_array().expect("tasks");
    tasks.iter().find(|task| task["name"] == name).unwrap_or_else(|| panic!("{name} in {run}"))
}

#[test]
fn a_list_is_handed_on_scored_item_by_item_and_known_the_next_time() {
    let folder = tempfile::tempdir().expect("a folder");
    project(folder.path());
    let checked = daybreak(folder.path(), &["check"]);
    assert!(checked.status.success(), "{}{}", text(&checked.stdout), text(&checked.stderr));
    let run = |more: &[&str]| daybreak(folder.path(), &[&["run", "weather", "--wait", "--json"], more].concat());
    let first = json(&run(&[]));
    assert_eq!(first["state"], "succeeded", "{first}");
    assert_eq!(task(&first, "list")["outputs"]["n"], 3);
    let score = task(&first, "score");
    assert_eq!((&score["items"]["items"], &score["items"]["succeeded"]), (&3.into(), &3.into()));
    assert_eq!(score["outputs"]["outputs"][2], serde_json::json!({ "city": "Lima", "place": 2 }));
    let report = &task(&first, "report")["outputs"];
    assert_eq!((&report["scored"], &report["word"]), (&"3".into(), &"a default".into()));
    let id = first["id"].as_str().expect("an id");
    let log = daybreak(folder.path(), &["logs", id, "score[1]"]);
    assert!(text(&log.stdout).contains("scoring Oslo"), "{}{}", text(&log.stdout), text(&log.stderr));
    let items = json(&daybreak(folder.path(), &["items", id, "score", "--json"]));
    assert_eq!((&items[1]["name"], &items[1]["item"]), (&"score[1]".into(), &serde_json::json!({ "name": "Oslo" })));

    // The same again asks no worker; an item whose parameters are others does.
    let second = json(&run(&[]));
    let items = daybreak(folder.path(), &["items", second["id"].as_str().expect("an id"), "score"]);
    let shown = text(&items.stdout);
    assert_eq!(shown.matches(&format!("the result of run {id}")).count(), 3, "{shown}");
    assert_eq!(task(&second, "score")["outputs"], score["outputs"]);

    let failed = run(&["--param", "fail=Oslo"]);
    assert_eq!(failed.status.code(), Some(1), "{}", text(&failed.stderr));
    let failed: Json = serde_json::from_slice(&failed.stdout).expect("JSON");
    let reason = failed["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("task `score` failed: item 1 failed: `sh score.sh Oslo 1 Oslo` ended with exit code 3"),
        "{reason}"
    );
    let id = failed["id"].as_str().expect("an id");
    let only = daybreak(folder.path(), &["items", id, "score", "--state", "failed"]);
    assert!(
        text(&only.stdout).contains("score[1]") && !text(&only.stdout).contains("score[0]"),
        "{}",
        text(&only.stdout)
    );
    let wrong = daybreak(folder.path(), &["items", id, "score", "--state", "odd"]);
    assert!(
        wrong.status.code() == Some(2) && text(&wrong.stderr).contains("`odd` is no state"),
        "{}",
        text(&wrong.stderr)
    );

    // One item alone, once what failed it is mended.
    std::fs::write(folder.path().join("score.sh"), "echo '{}' > \"$DAYBREAK_OUTPUTS\"\n").expect("mended");
    let cleared = json(&daybreak(folder.path(), &["clear", id, "score[1]", "--wait", "--json"]));
    assert_eq!(cleared["state"], "succeeded", "{cleared}");
    assert_eq!(cleared["again"]["tasks"], serde_json::json!(["report", "score[1]"]));
    assert_eq!(task(&cleared, "score")["outputs"]["succeeded"], 3);
}
