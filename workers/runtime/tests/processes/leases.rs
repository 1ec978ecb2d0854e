//! What a worker does when the server cancels, revokes, forgets it, goes away, or when the worker itself has to stop.

use std::time::{Duration, Instant};

use daybreak_protocol::{HeartbeatReply, Outcome};

use crate::server::Scene;
use crate::stories::{is_gone, wait_for};
use crate::{Story, in_runtime};

pub const STORIES: &[Story] = &[
    ("a_cancelled_task_is_ended_and_reported", a_cancelled_task_is_ended_and_reported),
    ("a_cancellation_needs_no_heartbeat", a_cancellation_needs_no_heartbeat),
    ("a_task_that_tidies_up_when_cancelled_counts_as_cancelled", a_task_that_tidies_up_counts_as_cancelled),
    ("a_revoked_task_is_ended_and_not_reported", a_revoked_task_is_ended_and_not_reported),
    ("a_stopping_worker_hands_its_tasks_back", a_stopping_worker_hands_its_tasks_back),
    ("a_forgotten_worker_ends_everything_and_registers_again", a_forgotten_worker_registers_again),
    ("a_task_with_side_effects_ends_when_the_lease_is_over", a_task_with_side_effects_ends_with_the_lease),
    ("a_report_is_sent_until_it_is_taken", a_report_is_sent_until_it_is_taken),
    ("a_waiting_heavy_slot_does_not_delay_light_tasks", a_waiting_heavy_slot_does_not_delay_light_tasks),
];

fn a_cancelled_task_is_ended_and_reported() {
    for kind in ["hangs", "light_hangs"] {
        in_runtime(async {
            let scene = Scene::open(12_000).await;
            let held = scene.give(kind, None);
            scene.server.until(|said| (said.held == [held.clone()]).then_some(())).await;
            let begun = Instant::now();
            scene.server.change(|said| said.reply = HeartbeatReply { cancel: vec![held.clone()], revoked: Vec::new() });
            assert!(matches!(scene.report().await.outcome, Outcome::Cancelled), "{kind}");
            assert!(begun.elapsed() < Duration::from_secs(5), "{kind}");
            scene.close().await;
        });
    }
}

fn a_cancellation_needs_no_heartbeat() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        let held = scene.give("light_hangs", None);
        scene.server.until(|said| (said.held == [held.clone()]).then_some(())).await;
        scene.server.change(|said| said.cancelled = vec![held.clone()]);
        assert!(matches!(scene.report().await.outcome, Outcome::Cancelled));
        scene.close().await;
    });
}

fn a_task_that_tidies_up_counts_as_cancelled() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        let held = scene.give("polite", None);
        let task = scene.folder.path().join("task");
        wait_for("the task starts", || task.exists());
        scene.server.change(|said| said.reply = HeartbeatReply { cancel: vec![held.clone()], revoked: Vec::new() });
        assert!(matches!(scene.report().await.outcome, Outcome::Cancelled));
        scene.close().await;
    });
}

fn a_revoked_task_is_ended_and_not_reported() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        let held = scene.give("stubborn", None);
        let task = scene.folder.path().join("task");
        wait_for("the task starts", || task.exists());
        scene.server.until(|said| (said.held == [held.clone()]).then_some(())).await;
        scene.server.change(|said| said.reply = HeartbeatReply { cancel: Vec::new(), revoked: vec![held.clone()] });
        scene.server.until(|said| said.held.is_empty().then_some(())).await;
        assert!(is_gone(&task));
        assert!(scene.close().await.said.lock().unwrap().reports.is_empty());
    });
}

fn a_stopping_worker_hands_its_tasks_back() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        scene.give("stubborn", None);
        let (task, grandchild) = (scene.folder.path().join("task"), scene.folder.path().join("grandchild"));
        wait_for("the task starts", || task.exists() && grandchild.exists());
        let server = scene.close().await;
        let said = server.said.lock().unwrap();
        assert!(matches!(said.reports.as_slice(), [report] if matches!(report.outcome, Outcome::HandedBack)));
        drop(said);
    });
}

fn a_forgotten_worker_registers_again() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        scene.give("stubborn", None);
        let task = scene.folder.path().join("task");
        wait_for("the task starts", || task.exists());
        scene.server.change(|said| said.forgotten = true);
        scene.server.until(|said| (said.registrations == 2 && said.held.is_empty()).then_some(())).await;
        assert!(is_gone(&task));
        scene.give("answers", None);
        assert!(matches!(scene.report().await.outcome, Outcome::Succeeded(_)), "only the new task is reported");
        scene.close().await;
    });
}

fn a_task_with_side_effects_ends_with_the_lease() {
    in_runtime(async {
        // Little more than the margin under which no work is taken.
        let scene = Scene::open(3_600).await;
        scene.give("stubborn", None);
        scene.give("light_hangs", None);
        let task = scene.folder.path().join("task");
        wait_for("the task starts", || task.exists());
        let begun = Instant::now();
        scene.server.change(|said| said.away = true);
        wait_for("the task ends", || is_gone(&task));
        assert!(begun.elapsed() > Duration::from_secs(3), "not before the lease is over");
        scene.server.change(|said| said.away = false);
        scene.server.until(|said| (said.held.len() == 1).then_some(())).await;
        let server = scene.close().await;
        let said = server.said.lock().unwrap();
        assert!(matches!(said.reports.as_slice(), [report] if matches!(report.outcome, Outcome::HandedBack)));
        drop(said);
    });
}

fn a_report_is_sent_until_it_is_taken() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        scene.server.change(|said| said.busy_reports = 2);
        assert!(matches!(scene.outcome("light_answers", None).await, Outcome::Succeeded(_)));
        assert_eq!(scene.close().await.said.lock().unwrap().report_calls, 3);
    });
}

fn a_waiting_heavy_slot_does_not_delay_light_tasks() {
    in_runtime(async {
        let scene = Scene::open(12_000).await;
        (0..3).for_each(|_| drop(scene.give("hangs", None)));
        scene.server.until(|said| (said.queue.len() == 1).then_some(())).await;
        assert!(matches!(scene.outcome("light_answers", None).await, Outcome::Succeeded(_)));
        scene.close().await;
    });
}
