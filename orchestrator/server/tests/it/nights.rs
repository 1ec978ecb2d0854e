//! Whole nights: from the clock to the alias.

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_protocol::{Orchestrator, Outcome, TaskResult};
use serde_json::{Map, json};

use crate::support::{FIRST, SECOND, THIRD, World, at, name, nights};

#[tokio::test(flavor = "multi_thread")]
async fn a_night_goes_from_the_clock_to_the_alias() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    assert_eq!((features.window_end, features.scheduled_for), (at(FIRST), Some(at(FIRST))));
    assert_eq!((features.window_start, features.params["days"].clone()), (None, json!(7)));
    worker.succeed(&features).await;
    worker.finish(&world.server, &features.run_id).await;
    let run = world.server.run_detail(&features.run_id).await.expect("the run");
    assert_eq!(run.summary.state, RunStatus::Succeeded);
    assert!(run.tasks.iter().all(|task| task.state == TaskStatus::Succeeded && task.busy_us == 7));
    let order: Vec<_> = run.tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!((order[0], order[4]), ("features", "promote"), "parents come before children");
    let champion = world.server.alias(&name("late_arrival"), "champion").await.expect("it reads").expect("promoted");
    assert_eq!((champion.version, champion.run_id), (1, features.run_id));
    let builds = world.server.builds(&name("weather"), at(FIRST), at(FIRST)).await.expect("builds");
    assert_eq!(builds.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_nights_all_run_oldest_first_across_the_hour_that_does_not_exist() {
    let world = World::new().await;
    world.advance("2013-03-11T12:00:00Z").await;
    let state = |instant: &str, state: &str| (instant.to_owned(), state.to_owned());
    assert_eq!(world.runs().await, [state(FIRST, "running"), state(SECOND, "queued"), state(THIRD, "queued")]);
    let worker = world.worker().await;
    for night in [FIRST, SECOND, THIRD] {
        let features = worker.take("features").await;
        assert_eq!(features.window_end, at(night));
        worker.succeed(&features).await;
        worker.finish(&world.server, &features.run_id).await;
    }
    assert_eq!(world.runs().await, [state(FIRST, "succeeded"), state(SECOND, "succeeded"), state(THIRD, "succeeded")]);
    let second = world.server.wait_firing("nightly", at(SECOND)).await.expect("it ran");
    assert_eq!(second.window_start, Some(at(FIRST)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_catch_up_is_made_in_bounded_portions_until_nothing_is_left() {
    let world = World::new().await;
    world.advance("2013-12-31T00:00:00Z").await;
    let waiting = world.server.wait_firing("nightly", at("2013-12-30T07:30:00Z"));
    let worker = world.worker().await;
    let work = async {
        loop {
            for task in worker.poll().await {
                worker.succeed(&task).await;
            }
        }
    };
    tokio::select! {
        last = waiting => assert_eq!(last.expect("it ran").state, RunStatus::Succeeded),
        () = work => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_stands_still_makes_one_run_per_firing_however_often_it_is_looked_at() {
    let world = World::new().await;
    for _ in 0..3 {
        world.advance(FIRST).await;
    }
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(world.server.next_firing(), Some(at(SECOND)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_says_no_skips_the_promotion_and_the_run_succeeds() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    worker.succeed(&features).await;
    let mut left = 3;
    while left > 0 {
        for task in worker.poll().await {
            left -= 1;
            if task.task.as_str() != "judge" {
                worker.succeed(&task).await;
                continue;
            }
            let outputs =
                Map::from_iter([("passed".to_owned(), json!(false)), ("reason".to_owned(), json!("auc 0.5"))]);
            let result = TaskResult { outputs, ..TaskResult::default() };
            worker.report(&task, Outcome::Succeeded(Box::new(result))).await.expect("it holds the task");
        }
    }
    let run = world.server.wait_run(&features.run_id).await.expect("the run");
    assert_eq!(run.state, RunStatus::Succeeded);
    let run = world.server.run_detail(&features.run_id).await.expect("the run");
    let promote = run.tasks.iter().find(|task| task.name.as_str() == "promote").expect("the task");
    assert_eq!(promote.reason.as_deref(), Some("`judge` did not pass: auc 0.5"));
    assert_eq!(world.server.alias(&name("late_arrival"), "champion").await.expect("it reads"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_task_is_tried_three_times_and_fails_the_run_with_its_reason() {
    let world = World::new().await;
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let mut run_id = String::new();
    for attempt in 1..=3 {
        let features = worker.take("features").await;
        assert_eq!(features.attempt, attempt);
        worker.fail(&features, true).await;
        run_id = features.run_id;
    }
    let run = world.server.wait_run(&run_id).await.expect("the run");
    assert_eq!((run.state, run.reason.as_deref()), (RunStatus::Failed, Some("task `features` failed: no rows")));
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_nights_are_left_out_where_the_schedule_says_so() {
    let mut schedule = nights();
    schedule["missed"] = json!("none");
    let world = World::with(schedule.clone(), daybreak_server::Timings::default()).await;
    world.advance(FIRST).await;
    assert_eq!(world.runs().await.len(), 1, "what falls due while the server looks is not missed");
    let folder = world.folder.path().to_path_buf();
    world.server.deploy(&crate::support::project(schedule).into(), &folder).await.expect("it deploys");
    world.advance(SECOND).await;
    assert_eq!(world.runs().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn serving_hears_of_a_promotion_at_once() {
    let world = World::new().await;
    let before = world.server.live(-1, 0).await.expect("it reads");
    assert_eq!((before.models.clone(), before.live.len()), (vec![name("late_arrival")], 0));
    let server = world.server.clone();
    let cursor = before.cursor;
    let waiting = tokio::spawn(async move { server.live(cursor, 20_000).await });
    world.advance(FIRST).await;
    let worker = world.worker().await;
    let features = worker.take("features").await;
    worker.succeed(&features).await;
    worker.finish(&world.server, &features.run_id).await;
    let live = waiting.await.expect("no panic").expect("it reads");
    assert_eq!((live.live[0].alias.as_str(), live.live[0].version.version), ("champion", 1));
}
