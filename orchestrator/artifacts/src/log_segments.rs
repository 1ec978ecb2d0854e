//! A log in a bucket. Objects cannot be appended to, so the output is cut into segments of one size, numbered from its
//! beginning: `logs/<run>/<task>.<attempt>.<fence>/<number>`. The last one is replaced once a second while it grows. So
//! a reader knows from an offset which object holds it, and lists only where it finds none. A bucket that takes nothing
//! for a while costs memory up to the log's cap, never the task its progress.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::ObjectMeta;
use object_store::path::Path as Location;
use tokio::sync::{Notify, watch};

use crate::bucket::BucketStore;
use crate::log_reader::{before_open_colour, left_out, whole_characters};
use crate::{Error, LogName, LogPart};

const SEGMENT_BYTES: usize = 256 << 10;
/// What is new can be read elsewhere after this time.
const BETWEEN_UPLOADS: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often the end of a log is tried, each time for as long as the bucket's patience lasts.
const LAST_TRIES: u32 = 3;

/// The writer's side of one log. Dropping it ends the log.
#[derive(Debug)]
pub(crate) struct Segments {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<BucketStore>,
    name: LogName,
    /// How many segments of the beginning are kept, and how many of the end.
    kept: u64,
    state: Mutex<State>,
    wake: Notify,
    ending: Notify,
    /// How the last upload went; none: it is not over.
    ended: watch::Sender<Option<Result<(), Arc<Error>>>>,
}

#[derive(Debug, Default)]
struct State {
    started: bool,
    closed: bool,
    /// The number of the segment that grows.
    number: u64,
    open: Vec<u8>,
    /// The segment that grows holds what the bucket does not.
    grown: bool,
    /// Full segments that are not there yet.
    full: BTreeMap<u64, Bytes>,
    /// Segments of the log's end that are there.
    end: BTreeSet<u64>,
}

impl Segments {
    pub(crate) fn new(store: Arc<BucketStore>, name: LogName, cap_bytes: u64) -> Self {
        let kept = (cap_bytes / 2 / SEGMENT_BYTES as u64).max(1);
        let (wake, ending) = (Notify::new(), Notify::new());
        let (state, ended) = (Mutex::default(), watch::channel(None).0);
        Self { shared: Arc::new(Shared { store, name, kept, state, wake, ending, ended }) }
    }

    pub(crate) fn append(&mut self, text: &str) {
        let mut state = self.shared.state();
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(SEGMENT_BYTES - state.open.len()));
            state.open.extend_from_slice(now);
            state.grown = true;
            bytes = later;
            if state.open.len() == SEGMENT_BYTES {
                state.begin_next(self.shared.kept);
            }
        }
        if !state.full.is_empty() {
            self.shared.wake.notify_one();
        }
        if !std::mem::replace(&mut state.started, true) {
            self.shared.store.runtime.spawn(upload(Arc::clone(&self.shared)));
        }
    }

    /// Ends the log; what comes back waits until all of it is there.
    pub(crate) fn close(&self) -> impl Future<Output = Result<(), Arc<Error>>> + use<> {
        let started = self.shared.end();
        let mut ended = self.shared.ended.subscribe();
        async move {
            if !started {
                return Ok(());
            }
            let ended = ended.wait_for(Option::is_some).await;
            // An upload that is gone without a word ended with its runtime.
            ended.ok().and_then(|ended| ended.clone()).unwrap_or(Ok(()))
        }
    }
}

impl Drop for Segments {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl State {
    fn begin_next(&mut self, kept: u64) {
        let segment = std::mem::take(&mut self.open);
        self.full.insert(self.number, segment.into());
        self.number += 1;
        self.grown = false;
        // What would be dropped later needs no upload.
        let number = self.number;
        self.full.retain(|waiting, _| *waiting < kept || waiting + kept >= number);
    }

    /// What to send next.
    fn next(&mut self) -> Option<(u64, Bytes)> {
        if let Some((number, bytes)) = self.full.first_key_value() {
            return Some((*number, bytes.clone()));
        }
        let grown = std::mem::replace(&mut self.grown, false);
        grown.then(|| (self.number, Bytes::copy_from_slice(&self.open)))
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing comes any more. Whether anything came.
    fn end(&self) -> bool {
        let mut state = self.state();
        state.closed = true;
        self.wake.notify_one();
        self.ending.notify_one();
        state.started
    }

    /// Sends what is new and drops what is in the way of it.
    async fn send(&self) -> Result<(), Error> {
        loop {
            let Some((number, bytes)) = self.state().next() else { return Ok(()) };
            let is_full = bytes.len() == SEGMENT_BYTES;
            let sent = self.store.replace(&location(&self.store, &self.name, number), bytes).await;
            if let Err(error) = sent {
                let mut state = self.state();
                state.grown |= state.number == number;
                return Err(self.store.failed("write", self.name.to_string(), error));
            }
            for old in self.sent(number, is_full) {
                // A segment that stays costs only room; the reader reads it as it is.
                let _ = self.store.remove(&location(&self.store, &self.name, old)).await;
            }
        }
    }

    /// Takes note of it; returns the segments of the end that are too old now.
    fn sent(&self, number: u64, is_full: bool) -> Vec<u64> {
        let mut state = self.state();
        // One that was sent while it grew may have become full meanwhile, and has to go once more.
        if is_full {
            state.full.remove(&number);
        }
        if number >= self.kept {
            state.end.insert(number);
        }
        let first = (number + 1).saturating_sub(self.kept);
        let later = state.end.split_off(&first);
        std::mem::replace(&mut state.end, later).into_iter().collect()
    }
}

/// Sends what a log holds until it has ended.
async fn upload(shared: Arc<Shared>) {
    let (mut pause, mut failed) = (BETWEEN_UPLOADS, 0);
    loop {
        if failed > 0 {
            let _ = tokio::time::timeout(pause, shared.ending.notified()).await;
        } else {
            let _ = tokio::time::timeout(BETWEEN_UPLOADS, shared.wake.notified()).await;
        }
        // Before the look at what is there: what is written later is not the end.
        let closed = shared.state().closed;
        let error = match shared.send().await {
            Ok(()) if closed => {
                shared.ended.send_replace(Some(Ok(())));
                return;
            }
            Ok(()) => {
                (pause, failed) = (BETWEEN_UPLOADS, 0);
                continue;
            }
            Err(error) => error,
        };
        failed = if closed { failed + 1 } else { 1 };
        if failed >= LAST_TRIES && closed {
            shared.ended.send_replace(Some(Err(Arc::new(error))));
            return;
        }
        pause = (pause * 2).min(if closed { BETWEEN_UPLOADS } else { LONGEST_PAUSE });
    }
}

fn folder(store: &BucketStore, log: &LogName) -> Location {
    let parts = log.folder();
    store.at(&parts.each_ref().map(String::as_str))
}

fn location(store: &BucketStore, log: &LogName, number: u64) -> Location {
    // As many digits as keep the order of names that of numbers.
    folder(store, log).join(format!("{number:010}"))
}

/// A part of a log from an offset, of at most so many bytes.
pub(crate) async fn read_segments(
    store: &BucketStore,
    log: &LogName,
    (offset, limit_bytes): (u64, usize),
) -> Result<LogPart, Error> {
    let size = SEGMENT_BYTES as u64;
    let (number, within) = (offset / size, offset % size);
    let failed = |error| store.failed("read", log.to_string(), error);
    let read = |number: u64, within: u64, bytes: usize| {
        let location = location(store, log, number);
        async move { store.range(&location, within..within + bytes as u64).await }
    };
    let Some(first) = read(number, within, limit_bytes).await.map_err(failed)? else {
        let later = following(store, log, number).await.map_err(failed)?;
        return Ok(match later {
            Some(later) => left_out(offset, later * size),
            None => LogPart { text: String::new(), next_offset: offset },
        });
    };
    let mut bytes = Vec::from(first);
    let is_full = within + bytes.len() as u64 == size;
    if is_full && bytes.len() < limit_bytes {
        // A character may be cut between two segments.
        let rest = read(number + 1, 0, limit_bytes - bytes.len()).await.map_err(failed)?;
        bytes.extend_from_slice(&rest.unwrap_or_default());
    }
    if bytes.len() == limit_bytes {
        bytes.truncate(before_open_colour(&bytes));
    }
    let part = whole_characters(&bytes, offset);
    let is_stuck = part.next_offset == offset && is_full;
    if is_stuck && following(store, log, number).await.map_err(failed)?.is_some_and(|later| later > number + 1) {
        // The rest of the character was dropped with the middle of the log.
        return Ok(LogPart { text: "\u{fffd}".to_owned(), next_offset: (number + 1) * size });
    }
    Ok(part)
}

/// How many bytes a log has had so far: where its last segment ends.
pub(crate) async fn length_of(store: &BucketStore, log: &LogName) -> Result<u64, Error> {
    let end = |found: ObjectMeta| -> Option<u64> {
        let number: u64 = found.location.filename()?.parse().ok()?;
        Some(number * SEGMENT_BYTES as u64 + found.size)
    };
    let listed = store.list(Some(&folder(store, log)));
    let furthest = listed.try_fold(0, |length, found| async move { Ok(length.max(end(found).unwrap_or_default())) });
    furthest.await.map_err(|error| store.failed("read", log.to_string(), error))
}

/// The number of the first segment after one.
async fn following(store: &BucketStore, log: &LogName, number: u64) -> object_store::Result<Option<u64>> {
    let found = store.first_after(&folder(store, log), &location(store, log, number)).await?;
    Ok(found.and_then(|found| found.filename()?.parse().ok()))
}
