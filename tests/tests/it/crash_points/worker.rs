//! A worker apart from its server that ends in an attempt or while it keeps a report, and children of it that end while they write a build or
//! publish one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use daybreak_features::OnlineStore as _;
use daybreak_features::embedded::EmbeddedStore;
use daybreak_protocol::{RunDetail, TaskRunView, TriggerRequest};
use daybreak_spec::{Name, Timestamp};
use daybreak_tests::roles::Role;
use daybreak_tests::served::Served;
use daybreak_tests::{daybreak, wait_for};

use super::{drafts_beside_whole_objects, ending, none_left};
use crate::worker_faults::{Scene, start, until, until_succeeded, work};

fn worker_ending(served: &Served, points: &str, around: &Path) -> Role {
    let worker = Role::unheard_worker_with((served, "one"), &["--drain", "1s"], &ending(points, around));
    worker.says("works for");
    worker
}

/// Points of an attempt, and how often its task has been run when all is over.
const ATTEMPT: [(&str, usize); 5] =
    [("cp04.before", 1), ("cp04.after", 1), ("cp05.after", 1), ("cp06.before", 2), ("cp06.after", 2)];

/// Another worker runs the task once the lease of this one is over, and no attempt is charged.
async fn ends_in_an_attempt(point: &str, run_in_all: usize) {
    let (scene, served) = Scene::new();
    let around = scene.around();
    scene.go();
    let mut worker = worker_ending(&served, &format!("{point}=return"), &around);
    let run = start(&served).await;
    assert!(worker.wait().code().is_none(), "{point} was not crossed: {}", worker.said());
    none_left(&around);
    let _other = Role::worker(&served, "two", &[]);
    let run = until_succeeded(&served, &run).await;
    assert_eq!((work(&run).attempt, work(&run).lost, scene.marks()), (1, 1, run_in_all), "{point}: {run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_in_an_attempt_leaves_it_to_another() {
    let together = ATTEMPT.map(|(point, run_in_all)| tokio::spawn(ends_in_an_attempt(point, run_in_all)));
    for one in together {
        one.await.expect("all holds");
    }
}

/// Points of a file that is written whole, and whether it counts after that.
const FILE: [(&str, bool); 4] =
    [("cp07.before", false), ("cp07.after", false), ("cp08.after", false), ("cp09.after", true)];

/// What the report says counts, or the task is run again: never both, never neither.
async fn keeps_a_report(point: &str, is_kept: bool) {
    let (scene, served) = Scene::new();
    let around = scene.around();
    let mut worker = worker_ending(&served, &format!("{point}=return"), &around);
    let run = scene.ends_without_a_server(served).await;
    assert!(worker.wait().code().is_none(), "{point} was not crossed: {}", worker.said());
    none_left(&around);
    assert_eq!((scene.kept("one"), scene.marks()), (usize::from(is_kept), 1), "{point}");
    let served = scene.server_again();
    let _worker = Role::worker(&served, "one", &[]);
    let run = until_succeeded(&served, &run).await;
    let lost = u32::from(!is_kept);
    assert_eq!((work(&run).attempt, work(&run).lost), (1, lost), "{point}: {run:?}");
    assert_eq!(scene.marks(), if is_kept { 1 } else { 2 }, "{point}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_while_it_keeps_a_report_has_kept_all_of_it_or_nothing() {
    // Together, for a worker that is lost is waited for until its lease ends.
    let together = FILE.map(|(point, is_kept)| tokio::spawn(keeps_a_report(point, is_kept)));
    for one in together {
        one.await.expect("all holds");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_before_it_forgets_what_it_has_told_tells_it_again() {
    let (scene, served) = Scene::new();
    let around = scene.around();
    let mut worker = worker_ending(&served, "report.told=return", &around);
    let run = scene.ends_without_a_server(served).await;
    wait_for("the report on the disk", Duration::from_secs(20), || (scene.kept("one") == 1).then_some(()));
    let served = scene.server_again();
    assert!(worker.wait().code().is_none(), "the point was not crossed: {}", worker.said());
    let _worker = Role::worker(&served, "one", &[]);
    wait_for("the end of the report's file", Duration::from_secs(5), || (scene.kept("one") == 0).then_some(()));
    let run = until_succeeded(&served, &run).await;
    assert_eq!((work(&run).attempt, work(&run).lost, scene.marks()), (1, 0, 1), "{run:?}");
}

/// Beside the DAGs of `daybreak init`.
const ROWS: &str = "
  rows:
    retry: { attempts: 1000, backoff: { first: 50ms, factor: 1, max: 50ms } }
    tasks:
      features: { kind: build_features, views: [customer_history] }
      publish: { kind: materialize, needs: features }
";

/// Points that children cross, the task that does, and whether the rows of the night are in service after that.
const CHILD: [(&str, &str, bool); 8] = [
    ("cp07.before", "features", false),
    ("cp07.after", "features", false),
    ("cp08.after", "features", false),
    ("cp09.after", "features", false),
    ("cp15.before", "publish", false),
    ("cp15.after", "publish", false),
    ("cp16.before", "publish", true),
    ("cp16.after", "publish", true),
];

struct Shop {
    around: tempfile::TempDir,
    project: PathBuf,
}

impl Shop {
    fn new() -> Self {
        let around = tempfile::tempdir().expect("a folder");
        let project = around.path().join("shop");
        std::fs::create_dir(&project).expect("a folder");
        assert!(daybreak(&project, &["init"]).status.success());
        let file = project.join("daybreak.yaml");
        let text = std::fs::read_to_string(&file).expect("a project") + ROWS;
        std::fs::write(file, text).expect("a project");
        Self { around, project }
    }

    /// The instant of the rows in service, all of which are those that were published.
    fn live(&self) -> Timestamp {
        let store = EmbeddedStore::open(&self.around.path().join("of-one/data/online")).expect("the online store");
        let view = Name::parse("customer_history").expect("a name");
        store.digest(&view).expect("the rows that were published");
        store.generation(&view).expect("it reads").expect("a generation").as_of
    }
}

fn night(number: usize) -> Timestamp {
    Timestamp::parse(&format!("2025-02-{:02}T02:00:00Z", 20 + number)).expect("an instant")
}

async fn make(served: &Served, at: Timestamp) -> String {
    let request = TriggerRequest { at: Some(at), ..TriggerRequest::default() };
    served.client().trigger("rows", &request).await.expect("it starts")
}

fn task<'a>(run: &'a RunDetail, name: &str) -> &'a TaskRunView {
    run.tasks.iter().find(|task| task.name.as_str() == name).expect("the task")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_ends_while_it_writes_or_publishes_leaves_whole_objects_and_whole_generations() {
    let shop = Shop::new();
    let served = Served::start_as("server", &shop.project, &["--listen", "127.0.0.1:0"]);
    let worker = Role::worker(&served, "one", &[]);
    until_succeeded(&served, &make(&served, night(0)).await).await;
    drop(worker);
    let mut drafts = 0;
    for (place, (point, of, is_live)) in CHILD.into_iter().enumerate() {
        let (before, at) = (night(place), night(place + 1));
        let mut worker = worker_ending(&served, &format!("{point}=return"), shop.around.path());
        let run = make(&served, at).await;
        until(&served, &run, |run| task(run, of).attempt > 2).await;
        worker.signal("TERM");
        worker.wait();
        none_left(shop.around.path());
        drafts += drafts_beside_whole_objects(&shop.project).await;
        assert_eq!(shop.live(), if is_live { at } else { before }, "{point}");
        let worker = Role::worker(&served, "one", &[]);
        let run = until_succeeded(&served, &run).await;
        assert_eq!(shop.live(), at, "{point}");
        let log = daybreak(&shop.project, &["logs", &run.summary.id, "publish"]);
        let log = String::from_utf8_lossy(&log.stdout);
        assert!(log.contains("in service as publication"), "{point}: {log}");
        drop(worker);
    }
    assert!(drafts > 0, "the points lie where a draft is written");
    drop(served);
    let _served = Served::start_as("server", &shop.project, &["--listen", "127.0.0.1:0"]);
    assert_eq!(drafts_beside_whole_objects(&shop.project).await, 0);
}
