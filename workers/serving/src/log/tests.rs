//! The log without the endpoint: what is accepted is there after any end, and a damaged file costs only its damage.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::*;

/// Records of `payload` under consecutive ids.
struct Batch {
    first: u128,
    count: usize,
    payload: Vec<u8>,
}

impl Entries for Batch {
    fn count(&self) -> usize {
        self.count
    }

    fn first(&self) -> Option<Ulid> {
        Some(Ulid(self.first))
    }

    fn append(&self, out: &mut Vec<u8>) {
        for number in 0..self.count as u128 {
            frame::append(out, Ulid(self.first + number), |out| out.extend_from_slice(&self.payload));
        }
    }
}

fn id(time_ms: u64) -> u128 {
    Ulid::from_parts(time_ms, 0).0
}

fn one(time_ms: u64) -> Batch {
    Batch { first: id(time_ms), count: 1, payload: format!("at {time_ms}").into_bytes() }
}

/// Keeps what the tests write, whatever their clock says.
const FOR_EVER: Retention = Retention { keep_ms: u64::MAX / 4, max_bytes: 10 << 30 };

fn open(folder: &Path) -> PredictionLog {
    open_at(folder, FOR_EVER, 0)
}

/// The machine's time stands still.
fn open_at(folder: &Path, retention: Retention, now_ms: u64) -> PredictionLog {
    let on_fatal = Box::new(|what: &str| panic!("fatal: {what}"));
    PredictionLog::open(folder, retention, Box::new(move || now_ms), on_fatal).expect("opens")
}

async fn text(log: &PredictionLog, time_ms: u64) -> Option<String> {
    let found = log.find(Ulid(id(time_ms))).await.expect("reads");
    found.map(|bytes| String::from_utf8(bytes).expect("text"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    segment::list(folder).expect("lists").iter().map(|segment| segment.path(folder)).collect()
}

async fn write(folder: &Path, times_ms: std::ops::Range<u64>) {
    let log = open(folder);
    for time_ms in times_ms {
        log.accept(one(time_ms)).await.expect("accepts");
    }
}

#[tokio::test]
async fn what_was_accepted_is_found_at_once_and_after_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    log.accept(one(1_000)).await.expect("accepts");
    assert_eq!(text(&log, 1_000).await.as_deref(), Some("at 1000"));
    log.accept(one(2_000)).await.expect("accepts");
    drop(log);
    let log = open(folder.path());
    assert_eq!(text(&log, 1_000).await.as_deref(), Some("at 1000"));
    assert_eq!(text(&log, 2_000).await.as_deref(), Some("at 2000"));
    assert_eq!(text(&log, 3_000).await, None);
    assert_eq!(files(folder.path()).len(), 1, "one file goes on");
}

#[tokio::test]
async fn a_torn_tail_is_cut_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), 1..11).await;
    let path = files(folder.path()).remove(0);
    let whole = std::fs::read(&path).expect("reads");
    let last = whole.len() - frame::HEADER_BYTES - "at 10".len();
    for cut in [last + 1, last + frame::HEADER_BYTES, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).expect("writes");
        let log = open(folder.path());
        assert_eq!(text(&log, 9).await.as_deref(), Some("at 9"));
        assert_eq!(text(&log, 10).await, None, "cut at {cut}");
        assert_eq!(std::fs::metadata(&path).expect("a file").len(), last as u64);
        log.accept(one(10)).await.expect("accepts");
        assert_eq!(text(&log, 10).await.as_deref(), Some("at 10"), "and the log goes on");
    }
}

#[tokio::test]
async fn a_damaged_place_costs_one_record_and_the_file_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), 1..11).await;
    let path = files(folder.path()).remove(0);
    let mut bytes = std::fs::read(&path).expect("reads");
    bytes[3 * (frame::HEADER_BYTES + 4) + frame::HEADER_BYTES] ^= 1;
    std::fs::write(&path, &bytes).expect("writes");
    let log = open(folder.path());
    log.accept(one(11)).await.expect("accepts");
    assert_eq!(text(&log, 4).await, None, "the damaged one");
    for time_ms in [1, 3, 5, 10, 11] {
        assert_eq!(text(&log, time_ms).await, Some(format!("at {time_ms}")));
    }
    assert_eq!(std::fs::read(&path).expect("reads"), bytes, "untouched");
    assert_eq!(files(folder.path()).len(), 2);
}

#[tokio::test]
async fn a_full_file_is_followed_by_the_next_and_both_are_searched() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    let large = |time_ms| Batch { first: id(time_ms), count: 9, payload: vec![7; 4 << 20] };
    for time_ms in [1_000, 200_000, 400_000, 600_000] {
        log.accept(large(time_ms)).await.expect("accepts");
        log.flush().await;
    }
    assert_eq!(files(folder.path()).len(), 2);
    for time_ms in [1_000, 200_000, 400_000, 600_000] {
        let found = log.find(Ulid(id(time_ms) + 8)).await.expect("reads");
        assert_eq!(found.map(|payload| payload.len()), Some(4 << 20));
    }
}

#[tokio::test]
async fn a_clock_set_back_hides_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    log.accept(one(50_000_000)).await.expect("accepts");
    log.accept(one(5)).await.expect("accepts");
    assert_eq!(text(&log, 5).await.as_deref(), Some("at 5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_dropped_when_more_comes_than_fits_the_queue() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Arc::new(open(folder.path()));
    let mut writers = Vec::new();
    for writer in 0..20_u64 {
        let log = Arc::clone(&log);
        writers.push(tokio::spawn(async move {
            let rows = Batch { first: id(1_000 * (writer + 1)), count: 10_000, payload: vec![1; 32] };
            log.accept(rows).await.expect("accepts, if after a wait");
        }));
    }
    for writer in writers {
        writer.await.expect("ends");
    }
    for writer in 0..20_u64 {
        for row in [0, 9_999] {
            assert!(log.find(Ulid(id(1_000 * (writer + 1)) + row)).await.expect("reads").is_some());
        }
    }
}

#[tokio::test]
async fn a_failing_disk_ends_the_process_and_refuses_what_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (told, heard) = mpsc::channel();
    let on_fatal = move |what: &str| drop(told.send(what.to_owned()));
    let log = PredictionLog::open(folder.path(), FOR_EVER, Box::new(|| 0), Box::new(on_fatal)).expect("opens");
    // The folder is gone, so the first file cannot be made.
    std::fs::remove_dir_all(folder.path()).expect("removes");
    log.accept(one(1)).await.expect("accepts");
    log.flush().await;
    assert!(heard.recv().expect("is told").contains("could not be written"));
    assert_eq!(log.accept(one(2)).await, Err(Refused::Broken));
}

const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn a_prediction_is_found_until_its_time_is_over_and_its_file_goes_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let keep = Retention { keep_ms: 32 * DAY_MS, max_bytes: 10 << 30 };
    // A file for every two days.
    for day in 1..=60 {
        let log = open_at(folder.path(), keep, day * DAY_MS);
        log.accept(one(day * DAY_MS)).await.expect("accepts");
        log.flush().await;
        for kept in day.saturating_sub(32).max(1)..=day {
            assert!(text(&log, kept * DAY_MS).await.is_some(), "day {kept} on day {day}");
        }
        if day > 37 {
            assert_eq!(text(&log, (day - 36) * DAY_MS).await, None, "on day {day}");
        }
    }
    assert!(files(folder.path()).len() <= 13, "{:?}", files(folder.path()));
}

#[tokio::test]
async fn a_log_never_outgrows_its_room_and_loses_the_oldest_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let room = Retention { keep_ms: u64::MAX / 4, max_bytes: 16 << 20 };
    let log = open_at(folder.path(), room, 0);
    let megabyte = |second: u64| Batch { first: id(second * 1_000), count: 1, payload: vec![7; 1 << 20] };
    let size = || files(folder.path()).iter().map(|path| path.metadata().expect("a file").len()).sum::<u64>();
    for second in 1..=100 {
        log.accept(megabyte(second)).await.expect("accepts");
        log.flush().await;
        assert!(size() <= (16 << 20) + (3 << 20), "{} bytes after {second}", size());
    }
    for second in 1..=100 {
        let found = log.find(Ulid(id(second * 1_000))).await.expect("reads").is_some();
        assert!(found || second <= 88, "{second} is among the newest");
        assert!(!found || second > 80, "{second} is among the oldest");
    }
}

#[tokio::test]
async fn what_is_too_old_goes_when_the_log_is_opened_and_the_file_in_use_never_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let keep = Retention { keep_ms: DAY_MS, max_bytes: 10 << 30 };
    for day in [1, 2] {
        open_at(folder.path(), keep, day * DAY_MS).accept(one(day * DAY_MS)).await.expect("accepts");
    }
    assert_eq!(files(folder.path()).len(), 2);
    drop(open_at(folder.path(), keep, 100 * DAY_MS));
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn other_files_in_the_folder_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut other = std::fs::File::create(folder.path().join("notes.log")).expect("makes");
    other.write_all(b"mine").expect("writes");
    drop(open(folder.path()));
    assert_eq!(std::fs::read(folder.path().join("notes.log")).expect("reads"), b"mine");
}
