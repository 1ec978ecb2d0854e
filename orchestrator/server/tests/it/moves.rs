//! Promoting and going back by hand, over HTTP: endpoints hear of it, two who decide at once do not undo each other.

use daybreak_protocol::{AuditQuery, Client, Error, MoveAliasRequest, Orchestrator as _};
use daybreak_server::http::Engine as _;

use crate::support::{FIRST, SECOND, THIRD, World, name};

/// Two nights, each with its champion.
async fn two_nights() -> (World, Client) {
    let world = World::new().await;
    let client = Client::new(&world.serve().await, "secret").of_command_line();
    let worker = world.worker().await;
    for night in [FIRST, SECOND] {
        world.advance(night).await;
        let tasks = worker.poll().await;
        for task in &tasks {
            worker.succeed(task).await;
        }
        worker.finish(&world.server, &tasks[0].run_id).await;
    }
    (world, client)
}

fn back_to(version: u32, expected: u32) -> MoveAliasRequest {
    let reason = "worse by day".to_owned();
    MoveAliasRequest { version, reason, expected: Some(expected), by: Some("ann".to_owned()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_follow_a_model_that_is_taken_back_and_the_next_night_goes_on() {
    let (world, client) = two_nights().await;
    let (model, champion) = (name("late_arrival"), name("champion"));
    let before = client.live(-1, 0).await.expect("it answers");
    assert_eq!(before.live[0].version.version, 2);
    let back = back_to(1, 2);
    let (moved, told) = tokio::join!(client.move_alias(&model, &champion, &back), client.live(before.cursor, 20_000));
    let moved = moved.expect("it points at 2");
    assert_eq!((moved.from, moved.to, moved.run_id.as_deref()), (Some(2), 1, None));
    assert_eq!(moved.by.as_deref(), Some("project token (ann)"));
    assert_eq!(told.expect("it is told").live[0].version.version, 1, "an endpoint that waits hears of it");
    let entries = client.audit(&AuditQuery { subject: Some(model.to_string()), ..AuditQuery::default() }).await;
    let entry = entries.expect("the audit").entries.remove(0);
    assert_eq!((entry.action.as_str(), entry.said.as_deref()), ("promote", Some("ann")));
    assert_eq!(entry.detail, "`champion` from version 2 to version 1: worse by day");
    let worker = world.worker().await;
    world.advance(THIRD).await;
    let tasks = worker.poll().await;
    for task in &tasks {
        worker.succeed(task).await;
    }
    worker.finish(&world.server, &tasks[0].run_id).await;
    assert_eq!(client.live(-1, 0).await.expect("it answers").live[0].version.version, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_saw_another_champion_is_told_so_and_nothing_moves() {
    let (world, client) = two_nights().await;
    let (model, champion) = (name("late_arrival"), name("champion"));
    client.move_alias(&model, &champion, &back_to(1, 2)).await.expect("it points at 2");
    let again = client.move_alias(&model, &champion, &back_to(1, 2)).await;
    assert!(matches!(&again, Err(Error::NotNow(why)) if why.contains("look again")), "{again:?}");
    let unknown = client.move_alias(&model, &champion, &back_to(9, 1)).await;
    assert!(matches!(&unknown, Err(Error::Refused(why)) if why.ends_with("it has 1 to 2")), "{unknown:?}");
    let nobody = client.move_alias(&name("nobody"), &champion, &back_to(1, 1)).await;
    assert!(matches!(nobody, Err(Error::NotFound(_))));
    let history = world.server.alias_history(&model, Default::default()).await.expect("moves");
    assert_eq!(history.moves.iter().map(|entry| entry.to).collect::<Vec<_>>(), [1, 2, 1]);
}
