//! "Why is this not running?": every state has its answer, and the answer names what keeps the task. To add one: a test
//! whose name states it.

use std::collections::BTreeMap;

use daybreak_core::{
    Around, AttemptEnd, Awaited, Event, Mark, Resumption, RunSnapshot, RunState, Wait, WhyKind, why, why_run,
};
use daybreak_spec::Placement;
use serde_json::json;

use crate::stories::{NOW, claim, fail, happen, name, night, succeed};

fn around() -> Around {
    Around {
        now: NOW,
        running_run: None,
        queued_before: 0,
        workers: 1,
        running_light: 0,
        running_heavy: 0,
        limited: BTreeMap::new(),
        unserved: BTreeMap::new(),
        paused: None,
    }
}

fn answer(run: &RunSnapshot, task: &str, around: &Around) -> (WhyKind, String) {
    let why = why(run, task, false, around).expect("the run has the task");
    (why.kind, why.words)
}

#[test]
fn a_waiting_task_names_what_it_waits_for_and_what_is_behind_that() {
    let mut run = night();
    succeed(&mut run, "features", json!({}));
    claim(&mut run, "train");
    let words = "waits for `judge` (waiting) and `publish` (ready); behind that `train` (running)";
    assert_eq!(answer(&run, "promote", &around()), (WhyKind::WaitsForTasks, words.to_owned()));
    let words = "waits for `train` (running)";
    assert_eq!(answer(&run, "judge", &around()), (WhyKind::WaitsForTasks, words.to_owned()));
}

#[test]
fn many_parents_are_counted_instead_of_named() {
    let mut run = night();
    let parent = run.tasks["features"].clone();
    let parents: Vec<_> = (0..9).map(|number| name(&format!("part_{number}"))).collect();
    run.tasks.extend(parents.iter().map(|name| (name.clone(), parent.clone())));
    run.tasks.get_mut("judge").expect("judge").parents = parents;
    let (_, words) = answer(&run, "judge", &around());
    assert!(words.starts_with("waits for `part_0` (ready), `part_1` (ready)"), "{words}");
    assert!(words.ends_with("`part_4` (ready) and 4 more"), "{words}");
}

#[test]
fn a_queued_run_says_behind_what() {
    let mut run = night();
    run.state = RunState::Queued;
    assert_eq!(answer(&run, "features", &around()).1, "waits: its run is queued and starts next");
    let behind = Around { running_run: Some("R".to_owned()), queued_before: 2, ..around() };
    let words = "queued behind run R, which is running, and 2 runs that are queued before it";
    assert_eq!(answer(&run, "promote", &behind), (WhyKind::RunQueued, format!("waits: its run is {words}")));
    let told = why_run(&run, &behind);
    assert_eq!((told[0].kind, told[0].words.clone()), (WhyKind::RunQueued, format!("is {words}")));
    let alone = Around { queued_before: 1, ..around() };
    assert_eq!(why_run(&run, &alone)[0].words, "is queued behind 1 run that is queued before it");
}

#[test]
fn a_ready_task_that_no_worker_takes_names_its_queue_and_labels() {
    let run = night();
    let placed = |text: &str| {
        let placement = Placement::parse(text).expect("a placement");
        Around { unserved: [(name("features"), placement)].into(), ..around() }
    };
    let (kind, words) = answer(&run, "features", &placed("gpu model=a100 zone=eu"));
    let told = "is ready, but there is no worker for queue `gpu` (labels model=a100, zone=eu); `daybreak worker \
                --queues gpu --labels model=a100,zone=eu` is one";
    assert_eq!((kind, words.as_str()), (WhyKind::NoWorker, told));
    let (_, words) = answer(&run, "features", &placed("gpu"));
    let told = "is ready, but there is no worker for queue `gpu`; `daybreak worker --queues gpu` is one";
    assert_eq!(words, told);
}

#[test]
fn a_ready_task_tells_no_worker_from_no_free_slot() {
    let run = night();
    let nobody = Around { workers: 0, ..around() };
    assert_eq!(answer(&run, "features", &nobody).0, WhyKind::NoWorker);
    let busy = Around { workers: 2, running_light: 1, running_heavy: 3, ..around() };
    let heavy = why(&run, "features", true, &busy).expect("the task");
    let words = "is ready, but no worker has had a free slot for heavy tasks yet: 2 workers are registered, 3 heavy \
                 tasks run now";
    assert_eq!((heavy.kind, heavy.words.as_str()), (WhyKind::NoFreeSlot, words));
    let words = "is ready, but no worker has had a free slot for light tasks yet: 2 workers are registered, 1 light \
                 task runs now";
    assert_eq!(answer(&run, "features", &busy).1, words);
}

#[test]
fn a_task_between_attempts_says_when_and_after_what() {
    let mut run = night();
    fail(&mut run, "features", true);
    let words = "is tried again at 1970-01-01T00:00:11Z (in 10 s) after task_error: no rows";
    assert_eq!(answer(&run, "features", &around()), (WhyKind::Retry, words.to_owned()));
    let late = Around { now: NOW.plus_micros(60_000_000), ..around() };
    assert_eq!(answer(&run, "features", &late).1, "is tried again at once after task_error: no rows");
}

#[test]
fn a_deferred_task_says_for_what_and_until_when() {
    let mut run = night();
    let fence = claim(&mut run, "features");
    let condition = Awaited::File { path: "drop/*.csv".to_owned() };
    let at_limit = Resumption::Skips { reason: "no file".to_owned() };
    let end = AttemptEnd::Deferred(Wait {
        condition,
        again_after_us: Some(30_000_000),
        limit_us: Some(3_600_000_000),
        at_limit,
    });
    happen(&mut run, &Event::Report { task: name("features"), fence, end }, NOW).expect("the holder reports");
    let words = "gave its slot back and waits until 1970-01-01T00:01:01Z at the latest for a file that `drop/*.csv` \
                 names; looks again at 1970-01-01T00:00:31Z";
    assert_eq!(answer(&run, "features", &around()), (WhyKind::Deferred, words.to_owned()));
}

#[test]
fn a_running_task_is_not_kept_by_anything() {
    let mut run = night();
    claim(&mut run, "features");
    assert_eq!(answer(&run, "features", &around()), (WhyKind::Running, "is running (attempt 1)".to_owned()));
    happen(&mut run, &Event::Cancel { reason: "by hand".to_owned() }, NOW).expect("it runs");
    assert_eq!(answer(&run, "features", &around()).1, "is running, and its worker has been asked to end it");
}

#[test]
fn what_has_ended_says_how_and_because_of_what() {
    let mut run = night();
    succeed(&mut run, "features", json!({}));
    fail(&mut run, "train", false);
    assert_eq!(answer(&run, "features", &around()).0, WhyKind::Succeeded);
    let (kind, words) = answer(&run, "train", &around());
    assert!(kind == WhyKind::Failed && words.starts_with("failed: no rows; `daybreak clear`"), "{words}");
    let words = "was left out because `train`, which it needs, failed: no rows";
    assert_eq!(answer(&run, "promote", &around()), (WhyKind::UpstreamFailed, words.to_owned()));
    let mark = Event::Mark { task: name("publish"), mark: Mark::Skipped { reason: "not today".to_owned() } };
    happen(&mut run, &mark, NOW).expect("it has not ended");
    assert_eq!(answer(&run, "publish", &around()), (WhyKind::Skipped, "was skipped: not today".to_owned()));
    assert_eq!(why_run(&run, &around())[0].words, "has failed: task `train` failed: no rows");
}

#[test]
fn a_cancelled_task_says_who_asked() {
    let mut run = night();
    happen(&mut run, &Event::Cancel { reason: "by ann".to_owned() }, NOW).expect("it runs");
    assert_eq!(answer(&run, "train", &around()), (WhyKind::Cancelled, "was cancelled: by ann".to_owned()));
}

#[test]
fn the_pause_of_a_dag_is_told_beside_what_the_run_does() {
    let run = night();
    let paused = Around { paused: Some("since noon by ann: new feed".to_owned()), ..around() };
    let kinds: Vec<_> = why_run(&run, &paused).iter().map(|why| why.kind).collect();
    assert_eq!(kinds, [WhyKind::Running, WhyKind::DagPaused]);
    assert!(why(&run, "nobody", false, &paused).is_none(), "no such task");
}
