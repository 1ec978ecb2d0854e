//! A server with its worker that ends in the middle of an attempt, of its first object, or of stopping.

use std::path::Path;
use std::process::Command;

use daybreak_protocol::{RunDetail, RunsQuery};
use daybreak_tests::served::Served;
use daybreak_tests::{binary, daybreak};

use super::{drafts_beside_whole_objects, ending, none_left};
use crate::worker_faults::{until, until_succeeded, work};

const PROJECT: &str = "version: 1
name: crossings
dags:
  quick:
    tasks:
      work: { kind: command, argv: [sh, -c, \"echo begun; echo done >> marks\"] }
      after: { kind: noop, needs: work }
  slow:
    tasks:
      work: { kind: command, argv: [sh, -c, \"while [ ! -e go ]; do sleep 0.02; done; echo done >> marks\"] }
      after: { kind: noop, needs: work }
";

/// Points of a command's process, and how often its task has been run when all is over: a second time where it had been run
/// and nobody knew.
const POINTS: [(&str, usize); 9] = [
    ("cp04.before", 1),
    ("cp04.after", 1),
    ("cp05.after", 1),
    ("cp06.before", 2),
    ("cp06.after", 2),
    // The first object is the project itself.
    ("cp07.before", 1),
    ("cp07.after", 1),
    ("cp08.after", 1),
    ("cp09.after", 1),
];

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("daybreak.yaml"), PROJECT).expect("a project");
    folder
}

fn marks(project: &Path) -> usize {
    std::fs::read_to_string(project.join("marks")).map_or(0, |text| text.lines().count())
}

async fn trigger(served: &Served, dag: &str) -> String {
    served.client().trigger(dag, &Default::default()).await.expect("it starts")
}

/// Both tasks have one accepted result each, of their first attempt, and what they printed is read.
fn ended_well(point: &str, project: &Path, run: &RunDetail) {
    for task in &run.tasks {
        assert_eq!((task.state.as_str(), task.attempt), ("succeeded", 1), "{point}: {run:?}");
    }
    let log = daybreak(project, &["logs", &run.summary.id, "work"]);
    let log = String::from_utf8_lossy(&log.stdout);
    assert!(log.contains("begun"), "{point}: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_in_an_attempt_leaves_what_the_next_one_goes_on_from() {
    for (point, run_in_all) in POINTS {
        let folder = project();
        let path = folder.path();
        let mut command = Command::new(binary());
        command.args(["run", "quick", "--wait"]).current_dir(path).envs(ending(&format!("{point}=return"), path));
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it starts");
        assert!(output.status.code().is_none(), "{point} was not crossed: {}", String::from_utf8_lossy(&output.stdout));
        none_left(path);
        drafts_beside_whole_objects(path).await;
        let served = Served::start(path, &[]);
        let left = served.client().runs(&RunsQuery::default()).await.expect("runs").runs;
        let run = match left.first() {
            Some(run) => run.id.clone(),
            None => trigger(&served, "quick").await,
        };
        let run = until_succeeded(&served, &run).await;
        ended_well(point, path, &run);
        assert_eq!((left.len().max(1), marks(path)), (1, run_in_all), "{point}");
        assert_eq!(drafts_beside_whole_objects(path).await, 0, "{point}: a server that starts clears drafts away");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_while_it_stops_leaves_its_tasks_to_the_next_one() {
    for point in ["cp24.before", "cp24.after"] {
        let folder = project();
        let path = folder.path();
        let mut served = Served::start_with(path, &[], &ending(&format!("{point}=return"), path));
        let run = trigger(&served, "slow").await;
        until(&served, &run, |run| work(run).state.as_str() == "running").await;
        served.interrupt();
        assert!(served.wait().code().is_none(), "{point} was not crossed");
        none_left(path);
        std::fs::write(path.join("go"), "").expect("written");
        let served = Served::start(path, &[]);
        let run = until_succeeded(&served, &run).await;
        assert_eq!((work(&run).attempt, marks(path)), (1, 1), "{point}: {run:?}");
    }
}
