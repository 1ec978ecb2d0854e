//! Tokens: made, listed, used, taken back; and requests that are made once however often they are sent.

use daybreak_protocol::{AuditQuery, Role, RunsQuery, TokensQuery, token_hash};
use daybreak_store::{Caller, Error, Made, NewRun, NewToken, Once, RevokeToken, TriggerRun};
use ulid::Ulid;

use crate::stories;
use crate::support::{SECOND, World, at, caller, name, template};

stories! {
    a_token_is_good_until_it_expires_or_is_taken_back,
    names_of_good_tokens_differ,
    tokens_are_listed_in_pages_and_keep_their_last_use,
    tokens_of_one_project_are_not_good_in_another,
    a_run_with_a_key_is_made_once,
    a_key_is_kept_for_a_day,
}

fn token(place: u128, role: Role) -> NewToken {
    NewToken {
        hash: token_hash(&format!("secret {place}")),
        id: Ulid::from_parts(1_700_000_000_000, place).to_string(),
        project: name("demo"),
        name: name(&format!("token_{place}")),
        role,
        lasts_us: 60 * SECOND,
        caller: caller(),
    }
}

async fn good(world: &World) -> Vec<String> {
    let good = world.store.good_tokens(&name("demo"), world.store.now()).await.expect("tokens");
    let mut names: Vec<String> = good.into_iter().map(|key| key.name).collect();
    names.sort();
    names
}

async fn a_token_is_good_until_it_expires_or_is_taken_back(world: World) {
    let made = world.store.create_token(token(1, Role::Viewer)).await.expect("it is made");
    let other = world.store.create_token(token(2, Role::Admin)).await.expect("it is made");
    assert_eq!(made.expires_at, made.created_at.plus_micros(60 * SECOND));
    let keys = world.store.good_tokens(&name("demo"), world.store.now()).await.expect("tokens");
    let key = keys.iter().find(|key| key.id == made.id).expect("it is good");
    assert_eq!((key.role, key.hash), (Role::Viewer, token_hash("secret 1")));
    let revoke = RevokeToken { project: name("demo"), id: other.id.clone(), caller: caller() };
    let revoked = world.store.revoke_token(revoke.clone()).await.expect("it is taken back");
    assert_eq!((revoked.revoked_at, revoked.revoked_by.as_deref()), (Some(world.store.now()), Some("ann")));
    assert!(matches!(world.store.revoke_token(revoke).await, Err(Error::Refused(_))), "twice");
    let unknown = RevokeToken { project: name("demo"), id: "nobody".to_owned(), caller: caller() };
    assert!(matches!(world.store.revoke_token(unknown).await, Err(Error::NotFound(_))));
    assert_eq!(good(&world).await, ["token_1"]);
    world.pass(60);
    assert!(good(&world).await.is_empty(), "expired");
    let entries = world.store.audit(&AuditQuery::default()).await.expect("the audit").entries;
    let actions: Vec<&str> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions[..3], ["token_revoke", "token_create", "token_create"]);
    assert!(entries.iter().all(|entry| !entry.detail.contains("secret")));
}

async fn names_of_good_tokens_differ(world: World) {
    let first = world.store.create_token(token(1, Role::Viewer)).await.expect("it is made");
    let namesake = || NewToken { name: name("token_1"), ..token(2, Role::Viewer) };
    assert!(matches!(world.store.create_token(namesake()).await, Err(Error::Refused(_))));
    let revoke = RevokeToken { project: name("demo"), id: first.id, caller: caller() };
    world.store.revoke_token(revoke).await.expect("it is taken back");
    world.store.create_token(namesake()).await.expect("the name is free again");
}

async fn tokens_are_listed_in_pages_and_keep_their_last_use(world: World) {
    for place in 1..=3 {
        world.store.create_token(token(place, Role::Viewer)).await.expect("it is made");
    }
    let used = at(100);
    let id = Ulid::from_parts(1_700_000_000_000, 3).to_string();
    world.store.tokens_used(vec![(id.clone(), used)]).await.expect("it is kept");
    world.store.tokens_used(vec![(id, used.plus_micros(-1))]).await.expect("an older one changes nothing");
    let first = TokensQuery { limit: Some(2), before: None };
    let page = world.store.tokens(&name("demo"), &first).await.expect("tokens");
    let shown: Vec<&str> = page.tokens.iter().map(|token| token.name.as_str()).collect();
    assert_eq!(shown, ["token_3", "token_2"]);
    assert_eq!((page.tokens[0].last_used_at, page.tokens[1].last_used_at), (Some(used), None));
    let rest = TokensQuery { before: page.next, ..first };
    let page = world.store.tokens(&name("demo"), &rest).await.expect("tokens");
    assert_eq!((page.tokens.len(), page.next), (1, None));
}

async fn tokens_of_one_project_are_not_good_in_another(world: World) {
    world.store.create_token(token(1, Role::Admin)).await.expect("it is made");
    let elsewhere = world.store.good_tokens(&name("other"), world.store.now()).await.expect("tokens");
    assert!(elsewhere.is_empty());
    let id = Ulid::from_parts(1_700_000_000_000, 1).to_string();
    let revoke = RevokeToken { project: name("other"), id, caller: caller() };
    assert!(matches!(world.store.revoke_token(revoke).await, Err(Error::NotFound(_))));
}

fn trigger(once: Once, by: Option<&str>) -> TriggerRun {
    let run = NewRun { template: template(), window_start: None, window_end: at(3) };
    TriggerRun { run, caller: Caller { token_id: by.map(str::to_owned), ..caller() }, once: Some(once) }
}

async fn runs(world: &World) -> usize {
    world.store.runs(&name("demo"), &RunsQuery::default()).await.expect("runs").runs.len()
}

async fn a_run_with_a_key_is_made_once(world: World) {
    let asked = || Once::new("key", &["trigger", "nightly", "{}"]);
    let Made::Now(first) = world.store.trigger(trigger(asked(), None)).await.expect("an answer") else {
        panic!("nothing was there");
    };
    let again = world.store.trigger(trigger(asked(), None)).await.expect("an answer");
    assert_eq!(again, Made::Before(first.clone()));
    let other = Once::new("key", &["trigger", "nightly", "{\"at\":1}"]);
    assert_eq!(world.store.trigger(trigger(other, None)).await.expect("an answer"), Made::OtherRequest);
    assert_eq!(runs(&world).await, 1);
    let of_another = world.store.trigger(trigger(asked(), Some("token"))).await.expect("an answer");
    assert!(matches!(of_another, Made::Now(made) if made != first), "keys of different tokens never meet");
    let (one, two) = (world.store.trigger(trigger(Once::new("k2", &[]), None)), trigger(Once::new("k2", &[]), None));
    let (one, two) = tokio::join!(one, world.store.trigger(two));
    let made = |made: Made<_>| match made {
        Made::Now(made) | Made::Before(made) => made,
        Made::OtherRequest => panic!("it is the same"),
    };
    assert_eq!(made(one.expect("an answer")), made(two.expect("an answer")));
    assert_eq!(runs(&world).await, 3);
    let entries = world.store.audit(&AuditQuery::default()).await.expect("the audit").entries;
    assert_eq!(entries.iter().filter(|entry| entry.action == "trigger").count(), 3, "an answer of before does nothing");
}

async fn a_key_is_kept_for_a_day(world: World) {
    let asked = || Once::new("key", &["a"]);
    world.store.trigger(trigger(asked(), None)).await.expect("an answer");
    world.pass(24 * 3_600 - 1);
    assert!(matches!(world.store.trigger(trigger(asked(), None)).await, Ok(Made::Before(_))));
    world.pass(1);
    assert!(matches!(world.store.trigger(trigger(asked(), None)).await, Ok(Made::Now(_))));
    assert_eq!(world.count("SELECT COUNT(*) FROM idempotency").await, 1);
}
