//! Logs piece by piece, over HTTP: from the beginning, from the end, of one attempt, and around what was left out.

use daybreak_artifacts::{Artifacts, LogName, LogWriter};
use daybreak_protocol::{Assignment, Client, Error, LogQuery, LogSlice};

use crate::support::{FIRST, FakeWorker, World, name};

struct Logs {
    world: World,
    worker: FakeWorker,
    client: Client,
    run: String,
}

impl Logs {
    /// A night whose `features` runs.
    async fn begin() -> (Self, Assignment) {
        let world = World::new().await;
        let client = Client::new(&world.serve().await, "secret");
        world.advance(FIRST).await;
        let worker = world.worker().await;
        let task = worker.take("features").await;
        (Self { client, run: task.run_id.clone(), world, worker }, task)
    }

    fn writer(&self, task: &Assignment, cap_bytes: u64) -> LogWriter {
        let log = LogName::new(&self.run, &task.task, task.attempt, task.fence).expect("a log");
        let artifacts = Artifacts::local(&self.world.folder.path().join("state/artifacts")).expect("it opens");
        artifacts.capped_log_writer(&log, cap_bytes)
    }

    async fn slice(&self, query: LogQuery) -> Result<LogSlice, Error> {
        self.client.log_slice(&self.run, "features", &query).await
    }

    async fn from(&self, from: i64) -> LogSlice {
        self.slice(LogQuery { from: Some(from), ..LogQuery::default() }).await.expect("the attempt has begun")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_read_from_its_beginning_and_from_its_end_while_it_is_written() {
    let (logs, task) = Logs::begin().await;
    let nothing = logs.from(0).await;
    assert_eq!((nothing.text.as_str(), nothing.next, nothing.end), ("", 0, true), "nothing is written yet");
    let writer = logs.writer(&task, 1 << 20);
    writer.bytes("one\ntwo\nd\u{e9}j\u{e0}\n".as_bytes());
    let whole = logs.from(0).await;
    assert_eq!((whole.attempt, whole.fence, whole.from), (task.attempt, task.fence, 0));
    assert_eq!((whole.text.as_str(), whole.next, whole.end), ("one\ntwo\nd\u{e9}j\u{e0}\n", 15, true));
    let end = logs.from(-7).await;
    assert_eq!((end.text.as_str(), end.from, end.next), ("d\u{e9}j\u{e0}\n", 8, 15));
    assert_eq!(logs.from(-5).await.text, "j\u{e0}\n", "a character is never cut");
    assert_eq!(logs.from(-1_000_000).await, whole, "there is no more");
    writer.line("three");
    let more = logs.from(i64::try_from(whole.next).expect("small")).await;
    assert_eq!((more.text.as_str(), more.next, more.end), ("three\n", 21, true));
    let beyond = logs.from(i64::MAX).await;
    assert_eq!((beyond.text.as_str(), beyond.end), ("", true));
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_a_flood_make_up_all_that_is_kept() {
    let (logs, task) = Logs::begin().await;
    let writer = logs.writer(&task, 1 << 20);
    (0..3_000).for_each(|line| writer.line(&format!("{line:08} {}", "x".repeat(990))));
    let (mut text, mut from) = (String::new(), 0);
    loop {
        let query = LogQuery { from: Some(from), bytes: Some(100_000), ..LogQuery::default() };
        let slice = logs.slice(query).await.expect("the attempt has begun");
        assert!(slice.text.len() <= 100_000 + 100, "{} bytes", slice.text.len());
        text.push_str(&slice.text);
        from = i64::try_from(slice.next).expect("small");
        if slice.end {
            break;
        }
    }
    assert_eq!(from, 3_000_000);
    let whole = logs.client.log(&logs.run, "features").await.expect("a log").attempts.remove(0).text;
    assert!(text == whole && whole.matches("left out here").count() == 1, "{} and {} bytes", text.len(), whole.len());
    let small = LogQuery { from: Some(-16), bytes: Some(16), ..LogQuery::default() };
    assert_eq!(logs.slice(small).await.expect("it has begun").text, format!("{}\n", "x".repeat(15)));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_attempt_has_its_own_log_and_the_newest_is_read_where_none_is_named() {
    let (logs, first) = Logs::begin().await;
    logs.writer(&first, 1 << 20).line("first");
    logs.worker.fail(&first, true).await;
    let second = logs.worker.take("features").await;
    logs.writer(&second, 1 << 20).line("second");
    let newest = logs.from(0).await;
    assert_eq!((newest.attempt, newest.fence, newest.text.as_str()), (2, second.fence, "second\n"));
    let of = async |fence: i64| logs.slice(LogQuery { fence: Some(fence), ..LogQuery::default() }).await;
    assert_eq!(of(first.fence).await.expect("there was one").text, "first\n");
    assert!(matches!(of(second.fence + 1).await, Err(Error::NotFound(_))));
    let waits = logs.client.log_slice(&logs.run, "train", &LogQuery { from: Some(0), ..LogQuery::default() }).await;
    assert!(matches!(&waits, Err(Error::NotFound(why)) if why.contains("no attempt that has begun")), "{waits:?}");
    let followed = format!("{}-{}", second.fence, newest.next - 3);
    let mut rest = logs.client.follow_log(&logs.run, "features", Some(&followed)).await.expect("there is room");
    let event = rest.next().await.expect("it is told").expect("it goes on");
    assert!(event.data.contains(r#""text":"nd\n""#), "from where the piece ended: {}", event.data);
    assert_eq!(name("features"), second.task);
}
