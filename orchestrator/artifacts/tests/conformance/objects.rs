//! Objects, wherever they are.

use std::collections::BTreeSet;

use bytes::Bytes;
use daybreak_artifacts::Error;

use crate::support::{World, copy, on_both};

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

on_both!(
    an_object_is_named_by_its_sha256_and_read_elsewhere,
    no_bytes_and_many_bytes_are_objects_too,
    storing_the_same_bytes_from_many_tasks_at_once_gives_one_object,
    a_missing_object_is_named,
    a_name_that_is_not_a_hash_never_becomes_a_path,
    damage_is_found_and_storing_again_mends_it,
);

fn an_object_is_named_by_its_sha256_and_read_elsewhere(world: &World) {
    assert_eq!(world.put("hello"), HELLO);
    world.runtime.block_on(async {
        assert_eq!(world.elsewhere.get(HELLO).await.expect("read"), Bytes::from_static(b"hello"));
        assert!(world.elsewhere.exists(HELLO).await.expect("looked up"));
    });
}

fn no_bytes_and_many_bytes_are_objects_too(world: &World) {
    let many: Vec<u8> = (0..40_u32 << 18).flat_map(u32::to_le_bytes).collect();
    for bytes in [Bytes::new(), Bytes::from(many)] {
        let object = world.put(bytes.clone());
        assert_eq!(world.put(bytes.clone()), object, "once more is the same");
        world.runtime.block_on(async {
            assert!(world.elsewhere.exists(&object).await.expect("looked up"));
            assert_eq!(world.elsewhere.get(&object).await.expect("read"), bytes);
        });
    }
}

fn storing_the_same_bytes_from_many_tasks_at_once_gives_one_object(world: &World) {
    let bytes = Bytes::from(vec![7_u8; 1 << 20]);
    let names = world.runtime.block_on(async {
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (artifacts, bytes) = (world.artifacts.clone(), bytes.clone());
            writers.spawn(async move { artifacts.put(bytes).await.expect("stored") });
        }
        writers.join_all().await.into_iter().collect::<BTreeSet<_>>()
    });
    assert_eq!(names.len(), 1);
    for object in names {
        assert_eq!(world.runtime.block_on(world.elsewhere.get(&object)).expect("read"), bytes);
    }
}

fn a_missing_object_is_named(world: &World) {
    world.runtime.block_on(async {
        let error = world.artifacts.get(HELLO).await.expect_err("not there");
        assert!(matches!(&error, Error::Missing { object } if object == HELLO), "{error:?}");
        assert!(!world.artifacts.exists(HELLO).await.expect("looked up"));
    });
}

fn a_name_that_is_not_a_hash_never_becomes_a_path(world: &World) {
    let upper = HELLO.to_uppercase();
    for name in ["", "..", "../../etc/passwd", "/etc/passwd", "2cf24", &upper, &format!("..{}", &HELLO[2..])] {
        let got = world.runtime.block_on(world.artifacts.get(name));
        assert!(matches!(got, Err(Error::NotAnObject(_))), "{name}");
        let looked = world.runtime.block_on(world.artifacts.exists(name));
        assert!(matches!(looked, Err(Error::NotAnObject(_))), "{name}");
    }
}

fn damage_is_found_and_storing_again_mends_it(world: &World) {
    world.put("hello");
    for damaged in [&b"hellp"[..], b"hell", b""] {
        world.damage(HELLO, damaged);
        let error = world.runtime.block_on(world.elsewhere.get(HELLO)).expect_err("damaged");
        assert!(matches!(&error, Error::Corrupt { object, .. } if object == HELLO), "{error:?}");
    }
    world.put("hello");
    assert_eq!(world.runtime.block_on(world.elsewhere.get(HELLO)).expect("mended"), "hello");
}

#[test]
fn a_bucket_is_asked_once_for_what_is_kept_here() {
    let world = World::in_a_bucket();
    let network = crate::faulty_network::FaultyNetwork::to(&crate::support::STORAGE.address);
    world.put("hello");
    let artifacts = world.over(&network, 1000);
    for _ in 0..3 {
        assert_eq!(world.runtime.block_on(artifacts.get(HELLO)).expect("read"), "hello");
    }
    assert_eq!(network.seen().len(), 1);
}

#[test]
fn a_copy_that_is_damaged_here_is_fetched_again() {
    let world = World::in_a_bucket();
    world.put("hello");
    let path = copy(world.bucket.as_ref().expect("a bucket"), HELLO);
    std::fs::write(&path, "hellp").expect("damaged");
    assert_eq!(world.runtime.block_on(world.artifacts.get(HELLO)).expect("read"), "hello");
    assert_eq!(std::fs::read(path).expect("a copy"), b"hello");
}

#[test]
fn a_bucket_holds_objects_by_their_hash_below_the_prefix_and_nothing_else() {
    let world = World::in_a_bucket();
    world.put("hello");
    world.put("hello");
    assert_eq!(world.keys(), [format!("objects/2c/{HELLO}")]);
}
