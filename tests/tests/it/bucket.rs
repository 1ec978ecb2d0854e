//! A project whose artefacts are in a bucket of a real S3 server, through the real binary.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use daybreak_artifacts::{Access, Artifacts, Bucket, Place};
use daybreak_tests::faulty_network::{Fault, FaultyNetwork};
use daybreak_tests::object_storage::ObjectStorage;
use daybreak_tests::postgres::{Durability, Postgres};
use daybreak_tests::roles::{Role, token};
use daybreak_tests::served::{Served, nights_of, nights_of_up_with};
use daybreak_tests::{binary, copy_project, daybreak, json, root, wait_for};
use serde_json::json;

static STORAGE: LazyLock<ObjectStorage> = LazyLock::new(|| ObjectStorage::start().expect("an S3 server"));
const AT: &str = "2025-03-01T02:00:00Z";
const LOUD: &str = "dags:
  loud:
    tasks:
      tell: { kind: command, argv: [sh, -c, 'env; for number in $(seq 3000); do echo line $number; done'] }
";

type Variables = Vec<(&'static str, String)>;

/// What `up` is told about a part of the bucket.
fn variables(prefix: &str) -> Variables {
    variables_at(&STORAGE.address, prefix)
}

fn variables_at(address: &str, prefix: &str) -> Variables {
    vec![
        ("DAYBREAK_ARTIFACTS", format!("s3://{}/{prefix}", ObjectStorage::BUCKET)),
        ("AWS_ENDPOINT_URL", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", STORAGE.owner.id.clone()),
        ("AWS_SECRET_ACCESS_KEY", STORAGE.owner.secret.clone()),
    ]
}

fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(daybreak(folder.path(), &["init"]).status.success());
    std::fs::write(folder.path().join("loud.yaml"), LOUD).expect("a DAG");
    folder
}

/// A command with these variables and nothing else of the bucket.
fn with(folder: &Path, arguments: &[&str], variables: &Variables) -> Output {
    let variables = variables.iter().map(|(name, value)| (name, value));
    // What should be refused must not run for ever.
    let mut command = Command::new("timeout");
    command
        .arg("60")
        .arg(binary())
        .args(arguments)
        .current_dir(folder)
        .envs(variables)
        .output()
        .expect("daybreak starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The live model's answer, as soon as it is live.
async fn prediction(served: &Served) -> serde_json::Value {
    prediction_at(&served.url, &served.token).await
}

async fn prediction_at(url: &str, token: &str) -> serde_json::Value {
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let begun = Instant::now();
    loop {
        let request = client.post(format!("{url}/v1/models/returned/predict")).bearer_auth(token);
        let answer = request.json(&json!({ "customer": "c1", "amount": 120.0 })).send().await.expect("an answer");
        if answer.status().is_success() {
            return answer.json().await.expect("JSON");
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "the model goes live: {:?}", answer.text().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nights_in_a_bucket_make_the_same_content_as_in_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = json(&daybreak(folder.path(), &["demo", "--exit", "--json", "--data", "demo", "--nights", "2"]));
    let project = folder.path().join("served");
    copy_project(&root().join("dags/flights"), &project);
    let served = nights_of_up_with(&project, &nights_of(&plain), &variables("nights")).await;
    assert_eq!(served["models"].as_object().map(serde_json::Map::len), Some(2));
    assert_eq!(served, plain["artifacts"]);
    assert!(!project.join(".daybreak/artifacts").exists(), "objects or logs beside the bucket");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_in_a_bucket_goes_live_again_without_a_copy_and_its_logs_are_read() {
    let (folder, variables) = (shop(), variables("shop"));
    let served = Served::start_with(folder.path(), &["--clock-from", AT], &variables);
    let run = daybreak(folder.path(), &["run", "nightly", "--at", AT, "--wait"]);
    assert!(run.status.success(), "{}", said(&run));
    let before = prediction(&served).await;
    let loud = json(&daybreak(folder.path(), &["run", "loud", "--wait", "--json"]));
    let run_id = loud["id"].as_str().expect("a run's id");
    let log = said(&daybreak(folder.path(), &["logs", run_id, "tell"]));
    assert!(log.contains("line 1\n") && log.contains("line 3000\n"), "{log}");
    for secret in [&STORAGE.owner.id, &STORAGE.owner.secret] {
        assert!(!log.contains(secret.as_str()), "a program sees the bucket's credentials");
    }
    assert!(!log.contains("AWS_") && !log.contains("DAYBREAK_ARTIFACTS"), "{log}");
    let set = ["training-set", "returned", "--at", AT, "--output", "set.parquet"];
    let elsewhere = said(&with(folder.path(), &set, &Variables::new()));
    assert!(elsewhere.contains("set DAYBREAK_ARTIFACTS to what it was started with"), "{elsewhere}");
    let made = with(folder.path(), &set, &variables);
    assert!(made.status.success(), "{}", said(&made));
    drop(served);
    std::fs::remove_dir_all(folder.path().join(".daybreak/cache")).expect("copies");
    let served = Served::start_with(folder.path(), &["--clock-from", AT], &variables);
    assert_eq!(prediction(&served).await["prediction"], before["prediction"]);
    let again = said(&daybreak(folder.path(), &["logs", run_id, "tell"]));
    assert_eq!(again, log);
}

#[test]
fn a_state_is_refused_with_another_artefact_store() {
    let (folder, here) = (shop(), variables("mine"));
    drop(Served::start_with(folder.path(), &[], &here));
    let nothing = Variables::new();
    for (variables, place) in [(&nothing, ".daybreak/artifacts"), (&variables("yours"), "s3://artefacts/yours")] {
        for command in [&["up", "--listen", "127.0.0.1:0"][..], &["runs"]] {
            let refused = with(folder.path(), command, variables);
            let words = said(&refused);
            assert_eq!(refused.status.code(), Some(3), "{words}");
            assert!(words.contains(place) && words.contains("its artefacts are elsewhere"), "{words}");
            assert!(words.contains("--artifacts or DAYBREAK_ARTIFACTS"), "{words}");
        }
    }
    assert!(with(folder.path(), &["runs"], &here).status.success());
    // The other way round.
    let folder = shop();
    drop(Served::start(folder.path(), &[]));
    let refused = with(folder.path(), &["runs"], &variables("moved"));
    assert!(said(&refused).contains("its artefacts are elsewhere"), "{}", said(&refused));
}

#[test]
fn what_a_bucket_is_asked_with_is_checked_before_anything_is_done() {
    let folder = shop();
    let up = ["up", "--listen", "127.0.0.1:0"];
    let unset: Variables = vec![("DAYBREAK_ARTIFACTS", "s3://artefacts/x".to_owned())];
    let words = said(&with(folder.path(), &up, &unset));
    assert!(words.contains("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{words}");
    let mut odd = variables("x");
    odd[0].1 = "https://artefacts/x".to_owned();
    assert!(said(&with(folder.path(), &up, &odd)).contains("write s3://bucket or s3://bucket/prefix"));
    let mut nowhere = variables("x");
    nowhere[0].1 = "s3://nowhere/x".to_owned();
    let refused = with(folder.path(), &up, &nowhere);
    assert!(said(&refused).contains("the bucket of s3://nowhere/x"), "{}", said(&refused));
    let mut wrong = variables("x");
    wrong[4].1 = "wrong".to_owned();
    let refused = with(folder.path(), &up, &wrong);
    assert!(said(&refused).contains("SignatureDoesNotMatch"), "{}", said(&refused));
    assert!(!folder.path().join(".daybreak/artifacts").exists());
}

#[test]
fn a_run_under_expired_credentials_fails_with_their_name_and_succeeds_once_they_are_renewed() {
    let folder = shop();
    let project = folder.path().join("daybreak.yaml");
    let text = std::fs::read_to_string(&project).expect("the project");
    std::fs::write(project, text.replace("first: 10s", "first: 10ms")).expect("the project");
    let network = FaultyNetwork::to(&STORAGE.address);
    let served = Served::start_with(folder.path(), &["--clock-from", AT], &variables_at(&network.address, "expired"));
    network.breaks(|_| Fault::Answered(400, "ExpiredToken"));
    let begun = Instant::now();
    let failed = daybreak(folder.path(), &["run", "nightly", "--at", AT, "--wait", "--json"]);
    let words = said(&failed);
    assert!(!failed.status.success() && words.contains("ExpiredToken"), "{words}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let view: serde_json::Value = serde_json::from_slice(&failed.stdout).expect("JSON");
    let run_id = view["id"].as_str().expect("a run's id").to_owned();
    let shown = said(&daybreak(folder.path(), &["why", &run_id]));
    assert!(shown.contains("ExpiredToken"), "{shown}");
    network.breaks(|_| Fault::None);
    let again = daybreak(folder.path(), &["rerun", &run_id, "--wait"]);
    assert!(again.status.success(), "{}", said(&again));
    drop(served);
}

/// A worker and an endpoint that have nothing of the server's but its address, a token and the bucket.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_of_another_folder_does_a_night_through_the_bucket() {
    let (around, variables) = (tempfile::tempdir().expect("a folder"), variables("roles"));
    let project = around.path().join("shop");
    copy_project(shop().path(), &project);
    let served = Served::start_as_with("server", &project, &["--listen", "127.0.0.1:0"], &variables);
    let (folder, token_of_worker) = (around.path().join("host"), token(&project, "worker", "host"));
    let arguments = ["worker", "--server", &served.url];
    let nowhere = Variables::new();
    let mut refused = Role::start_with(("refused", &folder), &token_of_worker, &arguments, &nowhere);
    assert_eq!(refused.wait().code(), Some(2), "{}", refused.said());
    refused.says("--artifacts or DAYBREAK_ARTIFACTS");
    let _worker = Role::start_with(("host", &folder), &token_of_worker, &arguments, &variables);
    let run = json(&daybreak(&project, &["run", "nightly", "--at", AT, "--wait", "--json"]));
    assert_eq!(run["state"], "succeeded", "{run}");
    let loud = json(&daybreak(&project, &["run", "loud", "--wait", "--json"]));
    let log = said(&daybreak(&project, &["logs", loud["id"].as_str().expect("a run's id"), "tell"]));
    assert!(log.contains("line 3000\n") && !log.contains("AWS_"), "{log}");
    let of_endpoint = ["serve", "--server", &served.url, "--listen", "127.0.0.1:0"];
    let endpoint = Role::start_with(("endpoint", &folder), &token_of_worker, &of_endpoint, &variables);
    endpoint.says(" at http://");
    let words = endpoint.said();
    let url = words.rsplit(" at ").next().and_then(|rest| rest.split_whitespace().next()).expect("an address");
    let answer = prediction_at(url, &token(&project, "predict", "client")).await;
    assert_eq!(answer["model_version"], 1, "{answer}");
    assert!(!project.join(".daybreak/artifacts").exists() && !folder.join("daybreak-worker/artifacts").exists());
}

/// Two folders as two hosts would have them: what one made, the other reads.
#[tokio::test(flavor = "multi_thread")]
async fn two_servers_of_one_state_read_what_the_other_wrote() {
    let (one, other) = (shop(), tempfile::tempdir().expect("a folder"));
    copy_project(one.path(), other.path());
    let postgres = Postgres::start(Durability::None).expect("PostgreSQL");
    postgres.create_database("two", None).expect("a database");
    let mut variables = variables("two");
    variables.push(("DAYBREAK_DATABASE", postgres.url("two")));
    let first = Served::start_with(one.path(), &["--clock-from", AT], &variables);
    let run = daybreak(one.path(), &["run", "nightly", "--at", AT, "--wait"]);
    assert!(run.status.success(), "{}", said(&run));
    let loud = json(&daybreak(one.path(), &["run", "loud", "--wait", "--json"]));
    let run_id = loud["id"].as_str().expect("a run's id");
    let second = Served::start_with(other.path(), &["--clock-from", AT], &variables);
    assert_eq!(prediction(&first).await["prediction"], prediction(&second).await["prediction"]);
    let logs = [&one, &other].map(|folder| said(&daybreak(folder.path(), &["logs", run_id, "tell"])));
    assert!(logs[0].contains("line 3000\n"), "{}", logs[0]);
    assert_eq!(logs[0], logs[1]);
    // A night that the second one makes once the first one is gone, from builds that the first one made.
    drop(first);
    let earlier = "2025-02-28T02:00:00Z";
    let night = daybreak(other.path(), &["run", "nightly", "--at", earlier, "--wait"]);
    assert!(night.status.success(), "{}", said(&night));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_waits_for_an_object_that_somebody_puts_into_a_bucket() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = |object: &str| {
        format!(
            "version: 1\nname: late\ndags:\n  late:\n    tasks:\n      drop: {{ kind: wait_for, object: \"{object}\", every: 1s, timeout: 2m }}\n"
        )
    };
    let write = |object: &str| std::fs::write(folder.path().join("daybreak.yaml"), project(object)).expect("a project");
    write("s3://Bucket/late");
    let refused = said(&daybreak(folder.path(), &["check"]));
    assert!(refused.contains("names no object: write s3://bucket/key"), "{refused}");
    let bucket = ObjectStorage::BUCKET;
    write(&format!("s3://{bucket}/late/objects/*"));
    let variables: Variables =
        variables("late").into_iter().filter(|(name, _)| *name != "DAYBREAK_ARTIFACTS").collect();
    let _served = Served::start_with(folder.path(), &[], &variables);
    let started = json(&daybreak(folder.path(), &["run", "late", "--json"]));
    let id = started["id"].as_str().expect("an id").to_owned();
    let stands = |state: &str| {
        wait_for(&format!("the task to be {state}"), Duration::from_secs(60), || {
            let run = json(&daybreak(folder.path(), &["run", "show", &id, "--json"]));
            (run["tasks"][0]["state"] == state).then(|| run["tasks"][0].clone())
        })
    };
    let waits = stands("deferred");
    assert_eq!(waits["wait"]["words"], format!("an object that `s3://{bucket}/late/objects/*` names"));
    let (key, secret) = (STORAGE.owner.id.clone(), STORAGE.owner.secret.clone());
    let place = Place::Bucket(Box::new(Bucket {
        name: bucket.to_owned(),
        prefix: "late".to_owned(),
        endpoint: Some(format!("http://{}", STORAGE.address)),
        region: "us-east-1".to_owned(),
        access: Access { key_id: key, secret_key: secret, session_token: None },
        cache: folder.path().join("cache"),
        cache_bytes: 1 << 20,
        patience_ms: 10_000,
    }));
    let put = Artifacts::open(&place).expect("a bucket").put("rows".into()).await.expect("put");
    let outputs = &stands("succeeded")["outputs"];
    assert_eq!(outputs["count"], 1, "{outputs}");
    assert!(outputs["objects"][0].as_str().expect("a name").ends_with(&put), "{outputs}");
}
