//! Logs as their writers and readers see them.

use daybreak_artifacts::{Artifacts, LOG_CAP_BYTES, LogName, uncoloured};
use daybreak_spec::Name;

const RUN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn opened() -> (tempfile::TempDir, Artifacts, LogName) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let artifacts = Artifacts::local(folder.path()).expect("opens");
    let name = LogName::new(RUN, &Name::parse("train").expect("a name"), 1, 3).expect("a ULID");
    (folder, artifacts, name)
}

fn read_all(artifacts: &Artifacts, name: &LogName) -> String {
    let (mut text, mut offset) = (String::new(), 0);
    loop {
        let part = artifacts.read_log(name, offset, 1 << 20).expect("read");
        if part.text.is_empty() && part.next_offset == offset {
            return text;
        }
        text.push_str(&part.text);
        offset = part.next_offset;
    }
}

#[test]
fn a_follower_sees_lines_as_they_are_written() {
    let (_folder, artifacts, name) = opened();
    assert_eq!(artifacts.read_log(&name, 0, 1000).expect("read").text, "");
    let writer = artifacts.log_writer(&name);
    writer.line("one");
    let first = artifacts.read_log(&name, 0, 1000).expect("read");
    assert_eq!(first.text, "one\n");
    writer.bytes(b"two\r\nthr");
    writer.bytes(b"ee\n");
    let second = artifacts.read_log(&name, first.next_offset, 1000).expect("read");
    assert_eq!(second.text, "two\nthree\n");
    assert_eq!(artifacts.read_log(&name, second.next_offset, 1000).expect("read").next_offset, second.next_offset);
}

#[test]
fn a_small_part_never_cuts_a_character() {
    let (_folder, artifacts, name) = opened();
    let line = "é€😀".repeat(50);
    artifacts.log_writer(&name).line(&line);
    let (mut text, mut offset) = (String::new(), 0);
    while !text.ends_with('\n') {
        let part = artifacts.read_log(&name, offset, 1).expect("read");
        assert!(part.next_offset > offset && !part.text.contains('\u{fffd}'));
        text.push_str(&part.text);
        offset = part.next_offset;
    }
    assert_eq!(text.trim_end(), line);
}

#[test]
fn a_flood_keeps_its_beginning_and_its_end_and_says_what_is_missing() {
    let (folder, artifacts, name) = opened();
    let writer = artifacts.log_writer(&name);
    let filler = "x".repeat(990);
    for batch in 0..200 {
        let lines: String = (0..1000).map(|line| format!("{:08} {filler}\n", batch * 1000 + line)).collect();
        writer.bytes(lines.as_bytes());
    }
    drop(writer);
    let kept: u64 = walk(folder.path());
    assert!(kept <= LOG_CAP_BYTES + (2 << 20), "{kept} bytes on the disk");
    let text = read_all(&artifacts, &name);
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.first().is_some_and(|line| line.starts_with("00000000 ")));
    assert!(lines.last().is_some_and(|line| line.starts_with("00199999 ")));
    let gaps: Vec<_> = lines.iter().filter(|line| line.contains("bytes left out here")).collect();
    assert_eq!(gaps.len(), 1);
    assert!(lines.iter().all(|line| line.len() == 999 || line.contains("left out")), "no line is cut");
    assert!(text.len() as u64 > LOG_CAP_BYTES * 8 / 10);
}

#[test]
fn an_endless_line_and_rubbish_are_bounded_and_readable() {
    let (_folder, artifacts, name) = opened();
    let writer = artifacts.log_writer(&name);
    for _ in 0..100 {
        writer.bytes(&vec![b'y'; 1 << 20]);
        writer.bytes(b"\xff\xfe\x00\x1b[31m");
    }
    drop(writer);
    let text = read_all(&artifacts, &name);
    assert!(text.len() as u64 <= LOG_CAP_BYTES + (2 << 20));
    assert!(text.lines().all(|line| line.len() <= 64 << 10));
    assert!(!uncoloured(&text).contains('\x1b') && !text.contains('\0'));
}

#[test]
fn the_newest_output_is_at_hand_for_a_reason() {
    let (_folder, artifacts, name) = opened();
    let writer = artifacts.log_writer(&name);
    (0..5000).for_each(|number| writer.line(&format!("line {number}")));
    assert!(writer.recent().ends_with("line 4998\nline 4999\n"));
    assert!(writer.recent().len() <= 8 << 10);
}

#[test]
fn two_attempts_under_different_fences_do_not_mix() {
    let (_folder, artifacts, name) = opened();
    let other = LogName::new(RUN, &Name::parse("train").expect("a name"), 1, 33).expect("a ULID");
    artifacts.log_writer(&name).line("mine");
    artifacts.log_writer(&other).line("theirs");
    assert_eq!(read_all(&artifacts, &name), "mine\n");
    assert_eq!(read_all(&artifacts, &other), "theirs\n");
}

fn walk(folder: &std::path::Path) -> u64 {
    std::fs::read_dir(folder)
        .expect("listed")
        .flatten()
        .map(
            |entry| {
                if entry.path().is_dir() { walk(&entry.path()) } else { entry.metadata().map_or(0, |data| data.len()) }
            },
        )
        .sum()
}

#[test]
fn what_could_not_be_written_is_counted_and_said_later() {
    let (folder, artifacts, name) = opened();
    let writer = artifacts.log_writer(&name);
    let logs = folder.path().join("logs");
    std::fs::write(&logs, "in the way").expect("a file where the folder should be");
    writer.line("lost");
    std::fs::remove_file(&logs).expect("out of the way");
    writer.line("kept");
    assert_eq!(read_all(&artifacts, &name), "\n[5 bytes of output were lost: the disk took no more]\nkept\n");
}
