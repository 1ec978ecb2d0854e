//! Tokens of a real server, from their making to their end; and requests with a key that come at once.

use daybreak_protocol::{
    AuditQuery, BackfillsQuery, Identity, Role, RunsQuery, TokenMade, TokenRequest, TokensQuery, TriggerRequest,
};
use daybreak_server::http::{Access, Asked, Engine};
use daybreak_server::{Error, Origin};
use serde_json::json;

use crate::support::{FIRST, SECOND, THIRD, World, at, name};

async fn make(world: &World, role: Role) -> TokenMade {
    let request = TokenRequest { name: name(role.as_str()), role, expires_in: None };
    world.server.create_token(request, &Origin::cli()).await.expect("it is made")
}

async fn role_of(world: &World, token: &str) -> Option<Role> {
    match world.server.authorises(token).await {
        Access::Token(identity) => Some(identity.role),
        Access::Attempt { .. } | Access::Unknown => panic!("it is known, and no attempt's"),
        Access::None => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_speaks_for_its_role_until_it_is_taken_back_and_outlives_the_process() {
    let world = World::new().await;
    let (viewer, admin) = (make(&world, Role::Viewer).await, make(&world, Role::Admin).await);
    assert_eq!(role_of(&world, &viewer.token).await, Some(Role::Viewer));
    assert_eq!(role_of(&world, "secret").await, Some(Role::Admin), "the project's own");
    let world = world.killed_and_opened_again().await;
    assert_eq!(role_of(&world, &viewer.token).await, Some(Role::Viewer));
    let by_admin = Identity { token_id: Some(admin.view.id), name: "admin".to_owned(), role: Role::Admin };
    let from = Origin::remote(Some(by_admin), None, false);
    let revoked = world.server.revoke_token(&viewer.view.id, &from).await.expect("it is good");
    assert_eq!(revoked.revoked_by.as_deref(), Some("admin"));
    assert_eq!(role_of(&world, &viewer.token).await, None);
    assert_eq!(role_of(&world, &admin.token).await, Some(Role::Admin), "others stay good");
    let listed = world.server.tokens(&TokensQuery::default()).await.expect("tokens").tokens;
    let used: Vec<_> = listed.iter().map(|token| (token.name.as_str(), token.last_used_at.is_some())).collect();
    assert_eq!(used.len(), 2);
    assert!(used.contains(&("admin", true)), "{used:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_not_made_for_longer_than_a_year_or_with_a_name_that_is_taken() {
    let world = World::new().await;
    make(&world, Role::Worker).await;
    let again = TokenRequest { name: name("worker"), role: Role::Admin, expires_in: None };
    assert!(matches!(world.server.create_token(again, &Origin::cli()).await, Err(Error::Refused(_))));
    let long = daybreak_spec::Duration::parse("367d");
    let long = TokenRequest { name: name("long"), role: Role::Viewer, expires_in: long };
    assert!(matches!(world.server.create_token(long, &Origin::cli()).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn requests_with_one_key_make_one_run() {
    let world = World::new().await;
    let trigger = |key: &str| {
        let (server, key) = (world.server.clone(), Some(key.to_owned()));
        async move { Engine::trigger(&*server, &name("nightly"), TriggerRequest::default(), Origin::cli(), key).await }
    };
    let (first, second) = tokio::join!(trigger("a"), trigger("a"));
    let Ok(Asked::Made(made)) = first else { panic!("{first:?}") };
    assert!(matches!(second, Ok(Asked::InFlight)), "{second:?}");
    let third = trigger("a").await.expect("an answer");
    assert_eq!(third, Asked::Before(made.clone()));
    let other = Engine::trigger(&*world.server, &name("nightly"), other(), Origin::cli(), Some("a".to_owned())).await;
    assert!(matches!(other, Ok(Asked::OtherRequest)), "{other:?}");
    let runs = Engine::runs(&*world.server, RunsQuery::default()).await.expect("runs").runs;
    assert_eq!(runs.iter().filter(|run| run.scheduled_for.is_none()).count(), 1);
    let of_run = AuditQuery { subject: Some(made.run_id), ..AuditQuery::default() };
    let entries = world.server.audit(&of_run).await.expect("the audit").entries;
    assert_eq!(entries.iter().map(|entry| entry.action.as_str()).collect::<Vec<_>>(), ["trigger"]);
}

#[tokio::test]
async fn requests_with_one_key_make_one_backfill() {
    let world = World::new().await;
    world.advance(THIRD).await;
    let ask = |to: &str| {
        let (server, to) = (world.server.clone(), at(to));
        let request = json!({ "dag": "nightly", "from": FIRST, "to": to });
        let request = serde_json::from_value(request).expect("a request");
        async move { Engine::backfill(&*server, request, Origin::cli(), Some("a".to_owned())).await }
    };
    let (first, second) = tokio::join!(ask(SECOND), ask(SECOND));
    let Ok(Asked::Made(made)) = first else { panic!("{first:?}") };
    assert!(matches!(second, Ok(Asked::InFlight)), "{second:?}");
    let third = ask(SECOND).await;
    assert!(matches!(&third, Ok(Asked::Before(before)) if before.id == made.id), "{third:?}");
    let other = ask(THIRD).await;
    assert!(matches!(other, Ok(Asked::OtherRequest)), "{other:?}");
    let all = Engine::backfills(&*world.server, BackfillsQuery::default()).await.expect("backfills").backfills;
    assert_eq!(all.len(), 1);
}

fn other() -> TriggerRequest {
    TriggerRequest { params: serde_json::Map::from_iter([("days".to_owned(), 8.into())]), ..TriggerRequest::default() }
}
