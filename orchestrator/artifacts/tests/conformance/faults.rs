//! What a bucket and the network before it can do to objects.

use std::time::{Duration, Instant};

use bytes::Bytes;
use daybreak_artifacts::{Artifacts, Error};

use crate::faulty_network::{Fault, FaultyNetwork, Request};
use crate::support::{STORAGE, World, client};

const PATIENCE_MS: u64 = 1500;

fn broken(plan: impl FnMut(&Request) -> Fault + Send + 'static) -> (World, FaultyNetwork, Artifacts) {
    let world = World::in_a_bucket();
    let network = FaultyNetwork::to(&STORAGE.address);
    network.breaks(plan);
    let artifacts = world.over(&network, PATIENCE_MS);
    (world, network, artifacts)
}

/// The first `times` requests of this method meet it.
fn first(times: usize, method: &'static str, fault: Fault) -> impl FnMut(&Request) -> Fault + Send + 'static {
    let mut left = times;
    move |request| {
        if request.method != method || left == 0 {
            return Fault::None;
        }
        left -= 1;
        fault
    }
}

#[test]
fn a_bucket_that_asks_to_slow_down_for_a_moment_is_asked_again() {
    let (world, network, artifacts) = broken(first(3, "PUT", Fault::Answered(503, "SlowDown")));
    let object = world.runtime.block_on(artifacts.put(Bytes::from_static(b"hello"))).expect("stored");
    assert_eq!(network.seen().iter().filter(|request| request.method == "PUT").count(), 4);
    assert_eq!(world.runtime.block_on(world.elsewhere.get(&object)).expect("read"), "hello");
}

#[test]
fn a_bucket_that_asks_to_slow_down_for_too_long_is_given_up_with_what_to_do() {
    let (world, network, artifacts) = broken(|_| Fault::Answered(503, "SlowDown"));
    let begun = Instant::now();
    let error = world.runtime.block_on(artifacts.put(Bytes::from_static(b"hello"))).expect_err("never stored");
    // The question whether it is there, and the upload, each for its time and one more pause.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(matches!(error, Error::Away { .. }) && !error.is_refusal());
    let words = error.to_string();
    assert!(
        words.starts_with("could not write object 2cf24d") && words.contains("tried again for up to 1.5 s"),
        "{words}"
    );
    assert!(words.contains("s3://artefacts/stories/") && words.contains("how many requests it allows"), "{words}");
    let cause = std::error::Error::source(&error).expect("what was seen last").to_string();
    assert!(cause.contains("SlowDown"), "{cause}");
    assert!(network.seen().len() < 40, "{} requests", network.seen().len());
}

#[test]
fn expired_credentials_are_said_at_once_and_renewed_ones_work() {
    let (world, network, artifacts) = broken(|_| Fault::Answered(400, "ExpiredToken"));
    world.runtime.block_on(async {
        let put = artifacts.put(Bytes::from_static(b"hello")).await.expect_err("expired");
        assert_eq!(network.seen().len(), 2, "a look and an upload, nothing again: {:?}", network.seen());
        let got = artifacts.get(&"a".repeat(64)).await.expect_err("expired");
        let looked = artifacts.exists(&"a".repeat(64)).await.expect_err("expired");
        for (error, tried) in [(put, "write"), (got, "read"), (looked, "look for")] {
            assert!(error.is_refusal(), "{error:?}");
            let words = error.to_string();
            assert!(words.starts_with(&format!("could not {tried} object ")), "{words}");
            assert!(words.contains("ExpiredToken") && words.contains("renew AWS_ACCESS_KEY_ID"), "{words}");
        }
        assert!(network.seen().len() <= 6, "{:?}", network.seen());
        network.breaks(|_| Fault::None);
        artifacts.put(Bytes::from_static(b"hello")).await.expect("renewed");
    });
}

/// These are the server's own words, so that it is seen that requests are signed.
#[test]
fn who_is_unknown_or_signs_wrongly_or_may_not_is_told_so() {
    let world = World::in_a_bucket();
    let object = world.put("hello");
    let wrong = [
        ("AKIAIOSFODNN7EXAMPLE", &*STORAGE.owner.secret, "InvalidAccessKeyId", "check AWS_ACCESS_KEY_ID"),
        (&STORAGE.owner.id, "wrong", "SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY"),
        (&STORAGE.stranger.id, &STORAGE.stranger.secret, "AccessDenied", "allow this key"),
    ];
    for (number, (id, secret, code, next)) in wrong.into_iter().enumerate() {
        let artifacts = world.with(|bucket| {
            bucket.access.key_id = id.to_owned();
            bucket.access.secret_key = secret.to_owned();
            bucket.cache = world.folder.path().join(number.to_string());
        });
        let begun = Instant::now();
        let (put, got, looked) = world.runtime.block_on(async {
            (
                artifacts.put(Bytes::from_static(b"more")).await,
                artifacts.get(&object).await,
                artifacts.exists(&object).await,
            )
        });
        let errors = [put.expect_err(code), got.expect_err(code), looked.expect_err(code)];
        assert!(begun.elapsed() < Duration::from_secs(5), "tried again for {:?}", begun.elapsed());
        for error in errors {
            let words = error.to_string();
            assert!(error.is_refusal() && words.contains(code) && words.contains(next), "{words}");
            assert!(!words.contains(secret), "{words}");
        }
    }
}

#[test]
fn a_bucket_of_another_region_is_refused_with_what_to_set() {
    let (world, _network, artifacts) = broken(|_| Fault::Answered(301, "PermanentRedirect"));
    let error = world.runtime.block_on(artifacts.put(Bytes::from_static(b"hello"))).expect_err("elsewhere");
    assert!(error.is_refusal() && error.to_string().contains("set AWS_REGION"), "{error}");
}

#[test]
fn hundreds_of_questions_at_once_are_answered() {
    let world = World::in_a_bucket();
    let object = world.put("hello");
    let artifacts = world.with(|bucket| bucket.patience_ms = 1);
    world.runtime.block_on(async {
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..300 {
            let (artifacts, object) = (artifacts.clone(), object.clone());
            asking.spawn(async move { artifacts.exists(&object).await.expect("an answer, without a second try") });
        }
        assert!(asking.join_all().await.into_iter().all(|found| found));
    });
}

#[test]
fn a_bucket_that_does_not_exist_is_named() {
    let world = World::in_a_bucket();
    let artifacts = world.with(|bucket| bucket.name = "nowhere".to_owned());
    let (put, got, looked) = world.runtime.block_on(async {
        let missing = "a".repeat(64);
        let put = artifacts.put(Bytes::from_static(b"hello")).await;
        (put, artifacts.get(&missing).await, artifacts.exists(&missing).await)
    });
    for error in [put.expect_err("put"), got.expect_err("got"), looked.expect_err("looked")] {
        let words = error.to_string();
        assert!(matches!(error, Error::NoBucket { .. }) && words.contains("s3://nowhere/"), "{words}");
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let world = World::in_a_bucket();
    let artifacts = world.with(|bucket| {
        // Nobody listens on a port below the first that may be taken without rights.
        bucket.endpoint = Some("http://127.0.0.1:9".to_owned());
        bucket.patience_ms = 300;
    });
    let error = world.runtime.block_on(artifacts.put(Bytes::from_static(b"hello"))).expect_err("nobody there");
    assert!(matches!(error, Error::Away { .. }) && error.to_string().contains("http://127.0.0.1:9"), "{error}");
}

#[test]
fn an_upload_that_breaks_off_is_sent_again() {
    let (world, _network, artifacts) = broken(first(2, "PUT", Fault::CutRequest(1000)));
    let bytes = Bytes::from(vec![3; 100_000]);
    let object = world.runtime.block_on(artifacts.put(bytes.clone())).expect("stored");
    assert_eq!(world.runtime.block_on(world.elsewhere.get(&object)).expect("read"), bytes);
}

#[test]
fn an_upload_that_breaks_off_for_good_leaves_nothing_and_a_later_one_succeeds() {
    for size in [100_000, 40 << 20] {
        let (world, network, artifacts) = broken(first(usize::MAX, "PUT", Fault::CutRequest(60_000)));
        let bytes = Bytes::from(vec![3; size]);
        let error = world.runtime.block_on(artifacts.put(bytes.clone())).expect_err("broken off");
        assert!(matches!(error, Error::Away { .. }), "{error:?}");
        assert_eq!(world.keys(), Vec::<String>::new());
        let prefix = &world.bucket.as_ref().expect("a bucket").prefix;
        let begun = client(&format!(
            "print([u['Key'] for u in s3.list_multipart_uploads(Bucket=bucket).get('Uploads', []) \
             if u['Key'].startswith('{prefix}/')])"
        ));
        assert_eq!(begun.trim(), "[]", "uploads in parts that nobody ends");
        network.breaks(|_| Fault::None);
        let object = world.runtime.block_on(artifacts.put(bytes.clone())).expect("stored");
        assert_eq!(world.runtime.block_on(world.elsewhere.get(&object)).expect("read"), bytes);
    }
}

#[test]
fn an_answer_that_is_cut_or_wrong_once_is_asked_for_again() {
    for fault in [Fault::CutAnswer(10), Fault::FlippedAnswer] {
        let (world, _network, artifacts) = broken(first(1, "GET", fault));
        let object = world.put("hello, here are a few more bytes");
        let read = world.runtime.block_on(artifacts.get(&object)).expect("read");
        assert_eq!(read, "hello, here are a few more bytes", "{fault:?}");
    }
}

#[test]
fn an_answer_that_is_always_cut_or_wrong_never_becomes_bytes() {
    let (world, network, artifacts) = broken(first(usize::MAX, "GET", Fault::FlippedAnswer));
    let object = world.put("hello");
    let error = world.runtime.block_on(artifacts.get(&object)).expect_err("wrong bytes");
    assert!(matches!(&error, Error::Corrupt { object: named, .. } if *named == object), "{error:?}");
    network.breaks(first(usize::MAX, "GET", Fault::CutAnswer(0)));
    let error = world.runtime.block_on(artifacts.get(&object)).expect_err("no bytes");
    assert!(matches!(error, Error::Away { tried: "read", .. }), "{error:?}");
    network.breaks(|_| Fault::None);
    assert_eq!(world.runtime.block_on(artifacts.get(&object)).expect("read"), "hello", "nothing wrong was kept");
}
