//! What becomes of tasks that answer, fail, crash, hang, flood or will not die.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use daybreak_artifacts::LOG_CAP_BYTES;
use daybreak_protocol::Outcome;
use daybreak_runtime::ControlGroups;

use crate::kinds::MULTIPLY_COMMAND;
use crate::server::{Scene, Server, assignment, start_worker};
use crate::{Story, in_runtime};

pub const DOOMED_WORKER_COMMAND: &str = "test-worker";
const DEADLINE: Duration = Duration::from_secs(20);

pub const STORIES: &[Story] = &[
    ("a_heavy_task_answers_from_its_own_process", a_heavy_task_answers_from_its_own_process),
    ("a_light_task_answers_from_the_workers_process", a_light_task_answers_from_the_workers_process),
    ("a_task_that_fails_says_why", a_task_that_fails_says_why),
    ("a_panic_ends_the_attempt_only", a_panic_ends_the_attempt_only),
    ("an_abort_is_named_and_the_worker_goes_on", an_abort_is_named_and_the_worker_goes_on),
    ("a_task_that_eats_all_memory_ends_alone", a_task_that_eats_all_memory_ends_alone),
    ("processes_that_eat_all_memory_together_end_alone", processes_that_eat_all_memory_together_end_alone),
    ("a_task_that_forks_without_end_is_contained", a_task_that_forks_without_end_is_contained),
    ("a_flood_is_capped_and_does_not_block", a_flood_is_capped_and_does_not_block),
    ("a_timeout_ends_a_task_and_its_stubborn_grandchild", a_timeout_ends_a_task_and_its_stubborn_grandchild),
    ("a_timeout_ends_a_light_task", a_timeout_ends_a_light_task),
    ("a_daemon_that_a_task_leaves_is_ended_with_it", a_daemon_that_a_task_leaves_is_ended_with_it),
    ("a_killed_worker_leaves_no_process", a_killed_worker_leaves_no_process),
    ("a_killed_shim_is_a_crash_and_leaves_no_process", a_killed_shim_is_a_crash_and_leaves_no_process),
    ("a_program_ends_with_the_killed_process_that_started_it", a_program_ends_with_its_killed_process),
    ("an_unknown_kind_fails_with_what_to_do", an_unknown_kind_fails_with_what_to_do),
];

fn failure(outcome: Outcome) -> (String, String, bool) {
    match outcome {
        Outcome::Failed { reason, cause, retry } => (cause, reason, retry),
        other => panic!("{other:?}"),
    }
}

fn a_heavy_task_answers_from_its_own_process() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        scene.give("answers", None);
        let report = scene.report().await;
        let Outcome::Succeeded(result) = report.outcome else { panic!("{:?}", report.outcome) };
        assert_eq!(result.outputs["threads"], "3");
        assert_eq!(result.outputs["params"]["limit"], 5);
        assert_eq!(result.outputs["params"]["until"], "up to 2013-03-10T07:00:00Z");
        assert!(report.start_us > 0 && report.start_us < 20_000_000);
        assert!(scene.log().contains("working\n{\"ended\":\"a stray line"));
        scene.server.until(|said| said.held.is_empty().then_some(())).await;
        scene.close().await;
    });
}

fn a_light_task_answers_from_the_workers_process() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        scene.give("light_answers", None);
        let report = scene.report().await;
        assert!(matches!(report.outcome, Outcome::Succeeded(_)));
        assert_eq!(report.start_us, 0);
        assert!(scene.log().starts_with("working\n"));
        scene.close().await;
    });
}

fn a_task_that_fails_says_why() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        let (cause, reason, retry) = failure(scene.outcome("refuses", None).await);
        assert_eq!((cause.as_str(), retry), ("bad_input", false));
        assert_eq!(reason, "the source `flights` has no rows");
        assert!(scene.log().contains("attempt 1 failed (bad_input)"));
        scene.close().await;
    });
}

fn a_panic_ends_the_attempt_only() {
    for kind in ["panics", "light_panics"] {
        in_runtime(async {
            let scene = Scene::open(12_000).await;
            let (cause, reason, _) = failure(scene.outcome(kind, None).await);
            assert_eq!(cause, "crashed", "{kind}");
            assert!(reason.contains("index 7 is out of range"), "{reason}");
            scene.close().await;
        });
    }
}

fn an_abort_is_named_and_the_worker_goes_on() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        let (cause, reason, _) = failure(scene.outcome("aborts", None).await);
        assert_eq!(cause, "crashed");
        assert!(reason.contains("signal 6 (SIGABRT)"), "{reason}");
        scene.give("answers", None);
        let second = scene.server.until(|said| said.reports.get(1).cloned()).await;
        assert!(matches!(second.outcome, Outcome::Succeeded(_)));
        scene.close().await;
    });
}

fn a_task_that_eats_all_memory_ends_alone() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        let (cause, reason, _) = failure(scene.outcome("eats_memory", None).await);
        assert_eq!(cause, "out_of_memory", "{reason}");
        assert!(reason.contains("its limit is 200 MB"), "{reason}");
        scene.close().await;
    });
}

fn processes_that_eat_all_memory_together_end_alone() {
    in_runtime(async {
        let bounded = ControlGroups::prepare();
        let scene = Scene::open(12_000).await;
        let outcome = scene.outcome("eats_memory_in_parts", Some(60_000)).await;
        match bounded {
            Ok(_) => {
                let (cause, reason, _) = failure(outcome);
                assert_eq!(cause, "out_of_memory", "{reason}");
                assert!(reason.contains("its limit is 200 MB") && reason.contains("a part ended with"), "{reason}");
            }
            // Each keeps its own limit.
            Err(why) => assert!(matches!(outcome, Outcome::Succeeded(_)), "{outcome:?} without control groups ({why})"),
        }
        scene.close().await;
    });
}

fn a_task_that_forks_without_end_is_contained() {
    if let Err(why) = ControlGroups::prepare() {
        // It would be ended with its tree, but nothing would bound it before.
        println!("no control groups, so nothing is let loose: {why}");
        return;
    }
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        let (_, reason, _) = failure(scene.outcome("forks_without_end", Some(3_000)).await);
        assert!(reason.contains("it was refused more processes"), "{reason}");
        wait_for("all of them end", || processes(MULTIPLY_COMMAND) == 0);
        scene.close().await;
    });
}

/// How many there are with a word on their command line.
fn processes(word: &str) -> usize {
    let command_lines = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    });
    command_lines.filter(|line| line.split('\0').any(|of_line| of_line == word)).count()
}

fn a_flood_is_capped_and_does_not_block() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        assert!(matches!(scene.outcome("floods", Some(60_000)).await, Outcome::Succeeded(_)));
        let log = scene.log();
        assert!(log.len() as u64 <= LOG_CAP_BYTES + (1 << 20), "{} bytes", log.len());
        assert!(log.starts_with("0123456789") && log.contains("bytes left out here"));
        scene.close().await;
    });
}

fn a_timeout_ends_a_task_and_its_stubborn_grandchild() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        let begun = Instant::now();
        let (cause, reason, retry) = failure(scene.outcome("stubborn", Some(1500)).await);
        assert_eq!((cause.as_str(), retry), ("timeout", true));
        assert!(reason.contains("1.500 s"), "{reason}");
        assert!(begun.elapsed() >= Duration::from_millis(1800), "the grace was kept");
        for file in ["task", "grandchild"] {
            assert!(is_gone(&scene.folder.path().join(file)), "{file} lives on");
        }
        scene.close().await;
    });
}

fn a_timeout_ends_a_light_task() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        assert_eq!(failure(scene.outcome("light_hangs", Some(100)).await).0, "timeout");
        scene.close().await;
    });
}

fn a_daemon_that_a_task_leaves_is_ended_with_it() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        assert!(matches!(scene.outcome("leaves_a_daemon", Some(30_000)).await, Outcome::Succeeded(_)));
        // The task's answer counts when it is given; the end of its tree follows.
        wait_for("the daemon ends", || is_gone(&scene.folder.path().join("daemon")));
        scene.close().await;
    });
}

/// The worker of the next story: takes one stubborn task and is killed.
pub async fn doomed_worker(folder: &str) -> ExitCode {
    let server = Server::new(12_000);
    let (_artifacts, hash, worker, _stop) = start_worker(Path::new(folder), server.clone()).await;
    server.change(|said| said.queue.push_back(assignment("stubborn", &hash, None)));
    worker.await.unwrap().unwrap();
    ExitCode::SUCCESS
}

fn a_killed_worker_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args([DOOMED_WORKER_COMMAND, folder.path().to_str().unwrap()])
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let files = [folder.path().join("task"), folder.path().join("grandchild")];
    wait_for("the task and its grandchild start", || files.iter().all(|file| file.exists()));
    worker.kill().unwrap();
    worker.wait().unwrap();
    let killed = Instant::now();
    wait_for("every process ends", || files.iter().all(|file| is_gone(file)));
    assert!(killed.elapsed() < Duration::from_secs(2), "no grace when the worker is gone");
}

fn a_killed_shim_is_a_crash_and_leaves_no_process() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        scene.give("stubborn", None);
        let (task, grandchild) = (scene.folder.path().join("task"), scene.folder.path().join("grandchild"));
        wait_for("the task starts", || task.exists() && grandchild.exists());
        kill(parent(pid(&task)));
        let (cause, reason, _) = failure(scene.report().await.outcome);
        assert_eq!(cause, "crashed");
        assert!(reason.contains("watches over the task was killed"), "{reason}");
        wait_for("every process ends", || is_gone(&task) && is_gone(&grandchild));
        scene.close().await;
    });
}

fn a_program_ends_with_its_killed_process() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        scene.give("starts_a_program", None);
        let program = scene.folder.path().join("task");
        wait_for("the program starts", || program.exists());
        let child = parent(pid(&program));
        // All three at once, as `killall -9` would do it.
        let shim = parent(child);
        kill(shim);
        kill(child);
        wait_for("the program ends", || is_gone(&program));
        assert_eq!(failure(scene.report().await.outcome).0, "crashed");
        assert!(scene.log().contains("zero two words seen\n"), "{}", scene.log());
        scene.close().await;
    });
}

fn an_unknown_kind_fails_with_what_to_do() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        let (cause, reason, retry) = failure(scene.outcome("unheard_of", None).await);
        assert_eq!((cause.as_str(), retry), ("bad_input", false));
        assert!(reason.contains("`unheard_of`"), "{reason}");
        scene.close().await;
    });
}

fn pid(file: &Path) -> i32 {
    std::fs::read_to_string(file).unwrap().trim().parse().unwrap()
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn parent(pid: i32) -> i32 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Whether the process that wrote this file is no more (a zombie is no more).
pub fn is_gone(pid_file: &Path) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid(pid_file)));
    stat.is_err() || stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

pub fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "{what}: not in time");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
