//! Queues and labels as a user meets them: what waits for nobody is shown and told, and a worker that takes it runs it.

use std::time::Duration;

use daybreak_protocol::{Client, TriggerRequest};
use daybreak_tests::roles::Role;
use daybreak_tests::served::Served;
use daybreak_tests::{daybreak, json, wait_for};
use serde_json::json;

const PLACED: &str = "version: 1
name: placed
dags:
  mixed:
    queue: etl
    tasks:
      plain: { kind: noop, queue: default }
      moved: { kind: noop, needs: plain }
      fits: { kind: noop, needs: plain, queue: gpu, labels: { model: a100 } }
";

#[tokio::test(flavor = "multi_thread")]
async fn tasks_run_on_workers_of_their_queue_that_have_their_labels() {
    let around = tempfile::tempdir().expect("a folder");
    let project = around.path().join("placed");
    std::fs::create_dir(&project).expect("a folder");
    std::fs::write(project.join("daybreak.yaml"), PLACED).expect("a project");
    let served = Served::start_as("server", &project, &["--listen", "127.0.0.1:0"]);
    let run = served.client().trigger("mixed", &TriggerRequest::default()).await.expect("it starts");
    let read = |arguments: &[&str]| json(&daybreak(&project, &[arguments, &["--json"]].concat()));
    let words = |task: &str| read(&["why", &run, task])["tasks"][0]["words"].to_string();
    assert!(words("plain").contains("no worker is registered"), "{}", words("plain"));

    let _plain = Role::worker(&served, "plain", &["--labels", "zone=eu"]);
    wait_for("the end of `plain`", Duration::from_secs(30), || {
        read(&["queues"])["queues"]
            .as_array()?
            .iter()
            .any(|queue| queue["queue"] == "gpu" && queue["ready"] == 1)
            .then_some(())
    });
    assert!(words("moved").contains("no worker for queue `etl`; `daybreak worker --queues etl`"), "{}", words("moved"));
    assert!(words("fits").contains("no worker for queue `gpu` (labels model=a100)"), "{}", words("fits"));
    let shown = String::from_utf8_lossy(&daybreak(&project, &["queues"]).stdout).into_owned();
    let gpu = shown.lines().find(|line| line.starts_with("gpu")).expect("a line");
    assert!(gpu.contains("model=a100") && gpu.trim_end().ends_with("none"), "{shown}");
    let metrics = metrics(&served).await;
    assert!(metrics.contains("daybreak_unserved_tasks 2\n"), "{metrics}");
    assert!(metrics.contains("daybreak_queue_ready_tasks{queue=\"gpu\"} 1\n"), "{metrics}");

    let wrong = Role::worker(&served, "wrong", &["--queues", "gpu", "--labels", "model=h100"]);
    let _etl = Role::worker(&served, "etl", &["--queues", "etl,other", "--slots", "3"]);
    wait_for("the end of `moved`", Duration::from_secs(30), || words("moved").contains("has succeeded").then_some(()));
    assert!(words("fits").contains("no worker for queue `gpu` (labels model=a100)"), "{}", words("fits"));
    drop(wrong);
    let _gpu = Role::worker(&served, "gpu", &["--queues", "gpu", "--labels", "model=a100,zone=us"]);
    wait_for("the end of the run", Duration::from_secs(30), || {
        (read(&["run", "show", &run])["state"] == "succeeded").then_some(())
    });
    let workers = read(&["workers"]);
    let etl = workers["workers"].as_array().expect("workers").iter().find(|worker| worker["name"] == "etl");
    let etl = etl.unwrap_or_else(|| panic!("{workers}"));
    assert_eq!(
        (&etl["queues"], &etl["heavy_slots"], &etl["state"]),
        (&json!(["etl", "other"]), &json!(3), &json!("working"))
    );
}

async fn metrics(served: &Served) -> String {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let sent = client.get(format!("{}/metrics", served.url)).bearer_auth(&served.token).send().await;
    sent.expect("an answer").text().await.expect("a text")
}

#[tokio::test(flavor = "multi_thread")]
async fn up_takes_the_queues_that_it_is_told_and_all_without_a_word() {
    let around = tempfile::tempdir().expect("a folder");
    let project = around.path().join("placed");
    std::fs::create_dir(&project).expect("a folder");
    std::fs::write(project.join("daybreak.yaml"), PLACED).expect("a project");
    let queues_of = |served: &Served| {
        let client: Client = served.client();
        async move { client.all_workers().await.expect("workers")[0].queues.clone() }
    };
    let up = Served::start(&project, &[]);
    wait_for("its worker", Duration::from_secs(10), || {
        let workers = json(&daybreak(&project, &["workers", "--json"]));
        (workers["workers"].as_array()?.len() == 1).then_some(())
    });
    assert_eq!(queues_of(&up).await, None);
    drop(up);
    let up = Served::start(&project, &["--queues", "default,etl", "--labels", "model=a100"]);
    wait_for("its worker", Duration::from_secs(10), || {
        let workers = json(&daybreak(&project, &["workers", "--json"]));
        (workers["workers"][0]["labels"] == json!({ "model": "a100" })).then_some(())
    });
    assert_eq!(queues_of(&up).await.map(|queues| queues.len()), Some(2));
}
