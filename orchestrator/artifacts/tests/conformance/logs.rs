//! Logs as their writers and readers see them, wherever they are.

use std::time::{Duration, Instant};

use daybreak_artifacts::{Artifacts, LogName};
use daybreak_spec::Name;

use crate::faulty_network::{Fault, FaultyNetwork};
use crate::support::{RUN, STORAGE, World, log, on_both};

on_both!(
    a_follower_elsewhere_sees_lines_as_they_are_written,
    what_was_closed_can_be_read_at_once,
    a_writer_that_is_dropped_ends_its_log,
    a_part_never_cuts_a_character,
    a_flood_keeps_its_beginning_and_its_end_and_says_what_is_missing,
    the_length_of_a_log_counts_what_was_dropped_too,
    two_attempts_under_different_fences_do_not_mix,
    items_of_a_list_have_logs_of_their_own,
);

/// Asks until the log says something from this offset; what it says, and where it goes on.
fn follow(artifacts: &Artifacts, offset: u64) -> (String, u64) {
    let begun = Instant::now();
    loop {
        let part = artifacts.read_log(&log(3), offset, 1 << 20).expect("read");
        if part.next_offset != offset {
            assert!(begun.elapsed() < Duration::from_secs(4), "after {:?}", begun.elapsed());
            return (part.text, part.next_offset);
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "nothing new");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

fn a_follower_elsewhere_sees_lines_as_they_are_written(world: &World) {
    assert_eq!(world.elsewhere.read_log(&log(3), 0, 1000).expect("read").text, "");
    let writer = world.artifacts.log_writer(&log(3));
    writer.line("one");
    let (first, offset) = follow(&world.elsewhere, 0);
    assert_eq!(first, "one\n");
    writer.bytes(b"two\r\nthr");
    writer.bytes(b"ee\n");
    let (second, offset) = follow(&world.elsewhere, offset);
    assert_eq!(second, "two\nthree\n");
    assert_eq!(world.elsewhere.read_log(&log(3), offset, 1000).expect("read").next_offset, offset);
    assert_eq!(world.elsewhere.read_log(&log(3), 1 << 40, 1000).expect("read").text, "", "beyond the end");
}

fn what_was_closed_can_be_read_at_once(world: &World) {
    let writer = world.artifacts.log_writer(&log(3));
    writer.bytes("half a character: \u{20ac}".as_bytes().split_last().expect("bytes").1);
    world.runtime.block_on(writer.close()).expect("closed");
    assert_eq!(world.read_all(&world.elsewhere, &log(3)), "half a character: \u{fffd}");
    let silent = world.artifacts.log_writer(&log(4));
    world.runtime.block_on(silent.close()).expect("nothing to wait for");
    assert_eq!(world.read_all(&world.elsewhere, &log(4)), "");
}

fn a_writer_that_is_dropped_ends_its_log(world: &World) {
    world.artifacts.log_writer(&log(3)).bytes("\u{20ac}".as_bytes().split_last().expect("bytes").1);
    assert_eq!(follow(&world.elsewhere, 0).0, "\u{fffd}");
}

fn a_part_never_cuts_a_character(world: &World) {
    // More than a segment of a bucket, and no power of two in a line.
    let line = "é€😀".repeat(4000) + "-";
    let writer = world.artifacts.log_writer(&log(3));
    (0..10).for_each(|_| writer.line(&line));
    world.runtime.block_on(writer.close()).expect("closed");
    let whole = format!("{line}\n").repeat(10);
    for limit_bytes in [70_001, 1 << 20] {
        let (mut text, mut offset) = (String::new(), 0);
        while text.len() < whole.len() {
            let part = world.elsewhere.read_log(&log(3), offset, limit_bytes).expect("read");
            assert!(part.next_offset > offset, "stuck at {offset}");
            text.push_str(&part.text);
            offset = part.next_offset;
        }
        assert!(text == whole, "a character was cut");
    }
    // Around the end of the first segment, byte by byte.
    let from = (256_u64 << 10) - 20;
    for offset in from..from + 40 {
        let part = world.elsewhere.read_log(&log(3), offset, 16).expect("read");
        assert!(part.next_offset > offset && !part.text.contains('\u{fffd}'), "{offset}: {:?}", part.text);
    }
}

fn a_flood_keeps_its_beginning_and_its_end_and_says_what_is_missing(world: &World) {
    let cap = 4 << 20;
    let writer = world.artifacts.capped_log_writer(&log(3), cap);
    let filler = "x".repeat(990);
    for batch in 0..20 {
        let lines: String = (0..1000).map(|line| format!("{:08} {filler}\n", batch * 1000 + line)).collect();
        writer.bytes(lines.as_bytes());
    }
    world.runtime.block_on(writer.close()).expect("closed");
    let text = world.read_all(&world.elsewhere, &log(3));
    assert!(text.starts_with("00000000 "), "{:?}", text.chars().take(20).collect::<String>());
    assert!(text.ends_with(&format!("00019999 {filler}\n")));
    assert_eq!(text.matches("bytes left out here").count(), 1);
    let kept = text.len() as u64;
    assert!(kept <= cap + (1 << 20) && kept > cap * 8 / 10, "{kept} bytes");
}

fn the_length_of_a_log_counts_what_was_dropped_too(world: &World) {
    assert_eq!(world.elsewhere.log_length(&log(3)).expect("read"), 0, "nothing was written");
    let writer = world.artifacts.capped_log_writer(&log(3), 4 << 20);
    let line = format!("{}\n", "x".repeat(999));
    (0..10).for_each(|_| writer.bytes(line.repeat(1000).as_bytes()));
    world.runtime.block_on(writer.close()).expect("closed");
    let length = world.elsewhere.log_length(&log(3)).expect("read");
    assert_eq!(length, 10_000_000);
    let end = world.elsewhere.read_log(&log(3), length - 1000, 1 << 20).expect("read");
    assert_eq!((end.text, end.next_offset), (line, length));
}

fn two_attempts_under_different_fences_do_not_mix(world: &World) {
    for (fence, line) in [(3, "mine"), (33, "theirs")] {
        let writer = world.artifacts.log_writer(&log(fence));
        writer.line(line);
        world.runtime.block_on(writer.close()).expect("closed");
    }
    assert_eq!(world.read_all(&world.elsewhere, &log(3)), "mine\n");
    assert_eq!(world.read_all(&world.elsewhere, &log(33)), "theirs\n");
}

/// Their names have brackets, and one is the beginning of the other.
fn items_of_a_list_have_logs_of_their_own(world: &World) {
    let name = |index| {
        let item = Name::parse("score").expect("a name").of_item(index);
        LogName::new(RUN, &item, 1, 3).expect("a ULID")
    };
    for index in [3, 33] {
        let writer = world.artifacts.capped_log_writer(&name(index), 1 << 20);
        // Longer than what is kept, so that its segments are listed.
        writer.bytes(format!("this is {index}\n").repeat(300_000).as_bytes());
        world.runtime.block_on(writer.close()).expect("closed");
    }
    for index in [3, 33] {
        let text = world.read_all(&world.elsewhere, &name(index));
        assert!(text.ends_with(&format!("this is {index}\n")) && text.contains("left out"), "{} bytes", text.len());
    }
}

#[test]
fn a_slow_log_of_a_bucket_makes_few_objects_and_a_look_costs_few_requests() {
    let world = World::in_a_bucket();
    let writer = world.artifacts.log_writer(&log(3));
    let mut offset = 0;
    for line in ["one", "two", "three"] {
        writer.line(line);
        offset = follow(&world.elsewhere, offset).1;
    }
    assert_eq!(world.keys(), [format!("logs/{}/train.1.3/0000000000", RUN)]);
    // A segment that is full, and the next one.
    writer.bytes("x\n".repeat(150 << 10).as_bytes());
    world.runtime.block_on(writer.close()).expect("closed");
    let network = FaultyNetwork::to(&STORAGE.address);
    let reader = world.over(&network, 1000);
    for (offset, requests) in [(0, 1), (offset, 1), ((256 << 10) - 3, 2), (256 << 10, 1), (1 << 30, 2)] {
        network.breaks(|_| Fault::None);
        reader.read_log(&log(3), offset, 1000).expect("read");
        assert_eq!(network.seen().len(), requests, "at {offset}: {:?}", network.seen());
    }
}
