//! Two servers on one PostgreSQL are restarted one after the other while work goes on: no task is lost, and none is done twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use daybreak_protocol::{Client, RunDetail, TriggerRequest};
use daybreak_tests::postgres::{Durability, Postgres};
use daybreak_tests::roles::Role;
use daybreak_tests::served::{Served, free_port};
use futures::future::join_all;

const RUNS: usize = 40;

/// Each task writes its run and name where nobody else writes.
const PROJECT: &str = r#"version: 1
name: rolling
dags:
  chain:
    tasks:
      first: { kind: command, argv: [sh, work.sh, first] }
      second: { kind: command, needs: first, argv: [sh, work.sh, second] }
      third: { kind: command, needs: second, argv: [sh, work.sh, third] }
"#;

fn write_project(folder: &Path, around: &Path) {
    let state = folder.join(".daybreak");
    std::fs::create_dir_all(&state).expect("a folder");
    std::fs::write(folder.join("daybreak.yaml"), PROJECT).expect("a project");
    let ledger = around.join("ledger");
    let work = format!("sleep 0.2\necho \"$DAYBREAK_RUN_ID $1\" >> {}\n", ledger.display());
    std::fs::write(folder.join("work.sh"), work).expect("a script");
    std::fs::write(state.join("token"), "t".repeat(40)).expect("a token");
    let artifacts = around.join("artifacts");
    std::fs::create_dir_all(&artifacts).expect("a folder");
    std::os::unix::fs::symlink(&artifacts, state.join("artifacts")).expect("a link");
}

fn serve(folder: &Path, port: u16, database: &str) -> Served {
    let listen = format!("127.0.0.1:{port}");
    Served::start_as("server", folder, &["--listen", &listen, "--database", database])
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_restarted_one_after_the_other_and_each_task_is_done_once() {
    let postgres = Postgres::start(Durability::None).expect("a server");
    postgres.create_database("rolling", None).expect("a database");
    let around = tempfile::tempdir().expect("a folder");
    let folders = ["one", "two"].map(|name| around.path().join(name));
    folders.iter().for_each(|folder| write_project(folder, around.path()));
    let (ports, url) = ([free_port(), free_port()], postgres.url("rolling"));
    let mut servers: Vec<Served> = folders.iter().zip(ports).map(|(folder, port)| serve(folder, port, &url)).collect();
    let _workers =
        [Role::worker(&servers[0], "first", &["--slots", "4"]), Role::worker(&servers[1], "second", &["--slots", "4"])];
    let (client, asked) = (servers[0].client(), TriggerRequest::default());
    let made = join_all((0..RUNS).map(|_| client.trigger("chain", &asked))).await;
    let runs: Vec<String> = made.into_iter().map(|run| run.expect("a run")).collect();

    let (begun, mut restarts) = (Instant::now(), 0);
    let ended = loop {
        let place = restarts % servers.len();
        let mut leaving = servers.remove(place);
        leaving.interrupt();
        leaving.wait();
        servers.insert(place, serve(&folders[place], ports[place], &url));
        restarts += 1;
        let asked = join_all(runs.iter().map(|run| run_of(servers[place].client(), run))).await;
        if asked.iter().all(|run| run.summary.ended_at.is_some()) && restarts >= 4 {
            break asked;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "after {restarts} restarts runs have not ended");
    };
    for run in &ended {
        assert_eq!(run.summary.state.as_str(), "succeeded", "{:?}", run.summary.reason);
        let attempts: Vec<_> = run.tasks.iter().map(|task| (task.name.as_str(), task.attempt, task.lost)).collect();
        assert!(attempts.iter().all(|(_, attempt, lost)| (*attempt, *lost) == (1, 0)), "{attempts:?}");
    }
    let ledger = std::fs::read_to_string(around.path().join("ledger")).expect("a ledger");
    let mut done: BTreeMap<&str, u32> = BTreeMap::new();
    ledger.lines().for_each(|line| *done.entry(line).or_default() += 1);
    assert_eq!(done.len(), RUNS * 3, "{restarts} restarts");
    assert!(done.values().all(|times| *times == 1), "{done:?}");
}

/// A run, once the server that was just started knows its project.
async fn run_of(client: Client, run_id: &str) -> RunDetail {
    let begun = Instant::now();
    loop {
        match client.run(run_id).await {
            Ok(run) => return run,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
