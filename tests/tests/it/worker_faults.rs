//! Workers in processes of their own whose server, or who themselves, end at bad moments: nothing is done twice, nothing that
//! was done is lost, nothing is charged that nobody is to blame for.

use std::path::{Path, PathBuf};
use std::time::Duration;

use daybreak_protocol::{CancelRequest, RunDetail, TaskRunView, TriggerRequest, WorkerState};
use daybreak_tests::roles::Role;
use daybreak_tests::served::Served;
use daybreak_tests::wait_for;

/// `work` leaves a mark when it is told to go on, `after` needs it.
const PROJECT: &str = "version: 1
name: faults
dags:
  slow:
    tasks:
      work: { kind: command, argv: [sh, -c, \"while [ ! -e go ]; do sleep 0.02; done; echo done >> marks\"] }
      after: { kind: noop, needs: work }
";

pub(crate) struct Scene {
    around: tempfile::TempDir,
    project: PathBuf,
    /// Always the same, so that workers find a server that starts again.
    address: String,
}

impl Scene {
    pub(crate) fn new() -> (Self, Served) {
        let around = tempfile::tempdir().expect("a folder");
        let project = around.path().join("faults");
        std::fs::create_dir(&project).expect("a folder");
        std::fs::write(project.join("daybreak.yaml"), PROJECT).expect("a project");
        let served = Served::start_as("server", &project, &["--listen", "127.0.0.1:0"]);
        let address = served.url.strip_prefix("http://").expect("a URL").to_owned();
        (Self { around, project, address }, served)
    }

    pub(crate) fn server_again(&self) -> Served {
        Served::start_as("server", &self.project, &["--listen", &self.address])
    }

    /// The folder in which the project and its workers have theirs.
    pub(crate) fn around(&self) -> PathBuf {
        self.around.path().to_path_buf()
    }

    pub(crate) fn go(&self) {
        std::fs::write(self.project.join("go"), "").expect("written");
    }

    pub(crate) fn marks(&self) -> usize {
        std::fs::read_to_string(self.project.join("marks")).map_or(0, |text| text.lines().count())
    }

    /// A run whose task ends while no server is there.
    pub(crate) async fn ends_without_a_server(&self, served: Served) -> String {
        let run = start(&served).await;
        until_it_runs(&served, &run).await;
        served.kill();
        self.go();
        run
    }

    /// Reports that a worker keeps.
    pub(crate) fn kept(&self, worker: &str) -> usize {
        let spool = self.project.with_file_name(format!("of-{worker}")).join("data/spool");
        let entries = std::fs::read_dir(spool).into_iter().flatten().flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "json")).count()
    }
}

pub(crate) async fn start(served: &Served) -> String {
    served.client().trigger("slow", &TriggerRequest::default()).await.expect("it starts")
}

/// The run once it is as wanted.
pub(crate) async fn until(served: &Served, run: &str, wanted: impl Fn(&RunDetail) -> bool) -> RunDetail {
    let begun = std::time::Instant::now();
    loop {
        let run = served.client().run(run).await.expect("the run");
        if wanted(&run) {
            return run;
        }
        assert!(begun.elapsed() < Duration::from_secs(40), "{run:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn work(run: &RunDetail) -> &TaskRunView {
    run.tasks.iter().find(|task| task.name.as_str() == "work").expect("the task")
}

async fn until_it_runs(served: &Served, run: &str) {
    until(served, run, |run| work(run).state.as_str() == "running").await;
}

pub(crate) async fn until_succeeded(served: &Served, run: &str) -> RunDetail {
    let run = until(served, run, |run| run.summary.state.is_terminal()).await;
    assert_eq!(run.summary.state.as_str(), "succeeded", "{run:?}");
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_while_the_server_is_away_is_told_to_the_next_one() {
    let (scene, served) = Scene::new();
    let worker = Role::worker(&served, "one", &[]);
    let run = scene.ends_without_a_server(served).await;
    wait_for("the report on the disk", Duration::from_secs(20), || (scene.kept("one") == 1).then_some(()));
    let served = scene.server_again();
    let run = until_succeeded(&served, &run).await;
    assert_eq!((work(&run).attempt, work(&run).lost, scene.marks()), (1, 0, 1), "{run:?}");
    wait_for("the end of the report's file", Duration::from_secs(5), || (scene.kept("one") == 0).then_some(()));
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_with_a_report_tells_it_when_it_starts_again() {
    let (scene, served) = Scene::new();
    let worker = Role::worker(&served, "one", &[]);
    let run = scene.ends_without_a_server(served).await;
    wait_for("the report on the disk", Duration::from_secs(20), || (scene.kept("one") == 1).then_some(()));
    worker.signal("KILL");
    drop(worker);
    let served = scene.server_again();
    let worker = Role::worker(&served, "one", &[]);
    let run = until_succeeded(&served, &run).await;
    assert_eq!((work(&run).attempt, work(&run).lost, scene.marks()), (1, 0, 1), "{run:?}");
    worker.says("works for");
    assert_eq!(scene.kept("one"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_nobody_wants_any_more_is_dropped_and_said() {
    let (scene, served) = Scene::new();
    let worker = Role::worker(&served, "one", &[]);
    let run = scene.ends_without_a_server(served).await;
    wait_for("the report on the disk", Duration::from_secs(20), || (scene.kept("one") == 1).then_some(()));
    drop(worker);
    let served = scene.server_again();
    let mark = daybreak_tests::daybreak(&scene.project, &["mark", &run, "work", "failed", "--reason", "by hand"]);
    assert!(mark.status.success(), "{}", String::from_utf8_lossy(&mark.stderr));
    let worker = Role::worker(&served, "one", &[]);
    worker.says("a report from before this process began was dropped");
    wait_for("the end of the report's file", Duration::from_secs(5), || (scene.kept("one") == 0).then_some(()));
    let run = served.client().run(&run).await.expect("the run");
    assert_eq!(run.summary.state.as_str(), "failed", "the late success changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_lets_its_task_end_and_takes_no_other() {
    let (scene, served) = Scene::new();
    let mut worker = Role::worker(&served, "one", &["--drain", "40s"]);
    let run = start(&served).await;
    until_it_runs(&served, &run).await;
    worker.signal("TERM");
    let begun = std::time::Instant::now();
    while served.client().all_workers().await.expect("workers")[0].state != WorkerState::Draining {
        assert!(begun.elapsed() < Duration::from_secs(5), "the server shows that it drains");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    scene.go();
    assert_eq!(worker.wait().code(), Some(0), "{}", worker.said());
    let after = until(&served, &run, |run| work(run).state.as_str() == "succeeded").await;
    assert_eq!(
        after.tasks.iter().find(|task| task.name.as_str() == "after").map(|task| task.state.as_str()),
        Some("ready")
    );
    assert!(served.client().all_workers().await.expect("workers").is_empty(), "it has left");
    let _other = Role::worker(&served, "two", &[]);
    until_succeeded(&served, &run).await;
    assert_eq!(scene.marks(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_not_ended_by_then_is_handed_back_and_charged_to_nobody() {
    let (scene, served) = Scene::new();
    let mut worker = Role::worker(&served, "one", &["--drain", "1s"]);
    let run = start(&served).await;
    until_it_runs(&served, &run).await;
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), Some(0), "{}", worker.said());
    let back = until(&served, &run, |run| work(run).state.as_str() == "ready").await;
    assert_eq!((work(&back).lost, scene.marks()), (0, 0), "{back:?}");
    scene.go();
    let _other = Role::worker(&served, "two", &[]);
    let run = until_succeeded(&served, &run).await;
    assert_eq!((work(&run).attempt, work(&run).lost, scene.marks()), (1, 0, 1), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_a_worker_at_once() {
    let (_scene, served) = Scene::new();
    let mut worker = Role::worker(&served, "one", &["--drain", "10m"]);
    let run = start(&served).await;
    until_it_runs(&served, &run).await;
    worker.signal("TERM");
    worker.says("once more ends at once");
    worker.signal("TERM");
    assert_eq!(worker.wait().code(), Some(130), "{}", worker.said());
    served.client().cancel(&run, &CancelRequest::default()).await.expect("it goes on");
}

/// Everything of a process and those below it that other processes of its user can read.
fn visible(id: u32) -> String {
    let of = |id: &str| {
        let read = |file: &str| std::fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
        [read("environ"), read("cmdline")].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
    };
    let mut text = of(&id.to_string());
    let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    for task in tasks {
        let below = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in below.split_whitespace() {
            text.push_str(&visible(child.parse().expect("a process")));
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_worker_nor_its_tasks_hold_what_opens_the_database() {
    use daybreak_tests::postgres::{Durability, Postgres};
    let postgres = Postgres::start(Durability::None).expect("a server");
    let around = tempfile::tempdir().expect("a folder");
    let project: &Path = &around.path().join("faults");
    std::fs::create_dir(project).expect("a folder");
    std::fs::write(project.join("daybreak.yaml"), PROJECT).expect("a project");
    let database = postgres.url("postgres").replace("daybreak@", "daybreak:unmistakable@");
    let served = Served::start_as("server", project, &["--listen", "127.0.0.1:0", "--database", &database]);
    let worker = Role::worker(&served, "one", &[]);
    let run = start(&served).await;
    until_it_runs(&served, &run).await;
    let seen = wait_for("the task's process", Duration::from_secs(20), || {
        let seen = visible(worker.id());
        seen.contains("marks").then_some(seen)
    });
    assert!(seen.contains("worker"), "{seen}");
    for secret in ["unmistakable", "postgres://", "DAYBREAK_DATABASE"] {
        assert!(!seen.contains(secret), "{secret}");
    }
    std::fs::write(project.join("go"), "").expect("written");
    until_succeeded(&served, &run).await;
}
