//! What a bucket and the network before it can do to logs.

use std::time::{Duration, Instant};

use crate::faulty_network::{Fault, FaultyNetwork};
use crate::support::{STORAGE, World, log};

#[test]
fn a_log_is_kept_while_its_bucket_takes_nothing_and_comes_later_whole() {
    let world = World::in_a_bucket();
    let network = FaultyNetwork::to(&STORAGE.address);
    network.breaks(|_| Fault::Answered(503, "SlowDown"));
    let artifacts = world.over(&network, 500);
    let writer = artifacts.log_writer(&log(3));
    let lines: String = (0..100_000).map(|line| format!("line {line}\n")).collect();
    let begun = Instant::now();
    writer.bytes(lines.as_bytes());
    assert!(begun.elapsed() < Duration::from_secs(2), "the task was held up for {:?}", begun.elapsed());
    while network.seen().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing was tried");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    network.breaks(|_| Fault::None);
    writer.line("the end");
    world.runtime.block_on(writer.close()).expect("closed");
    assert!(world.read_all(&world.elsewhere, &log(3)) == lines + "the end\n", "something is missing");
}

#[test]
fn the_end_of_a_log_that_is_refused_is_given_up_with_the_reason() {
    let world = World::in_a_bucket();
    let artifacts = world.with(|bucket| bucket.access.secret_key = "wrong".to_owned());
    let writer = artifacts.log_writer(&log(3));
    writer.line("never read");
    let begun = Instant::now();
    let error = world.runtime.block_on(writer.close()).expect_err("refused");
    assert!(error.is_refusal() && error.to_string().contains("the log of task train of run"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let error = artifacts.read_log(&log(3), 0, 1000).expect_err("refused");
    assert!(error.to_string().starts_with("could not read the log of task train"), "{error}");
}

#[test]
fn a_gap_in_the_middle_of_a_character_does_not_stop_a_reader() {
    let world = World::in_a_bucket();
    // Three bytes each, so the last character of the first segment goes on in the second.
    let writer = world.artifacts.capped_log_writer(&log(3), 1 << 20);
    (0..20).for_each(|_| writer.line(&"€".repeat(50_000)));
    world.runtime.block_on(writer.close()).expect("closed");
    let text = world.read_all(&world.elsewhere, &log(3));
    assert_eq!(text.matches("bytes left out here").count(), 1);
    assert!(text.ends_with("€€\n"));
}
