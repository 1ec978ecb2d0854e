//! Streams of events for those who follow: changes of runs and tasks, or the log of a task while it is written. A stream
//! reads as fast as its client does, and ends when the server does or after a while, so that clients spread over the servers that
//! there are; whoever comes back with the id of the last event goes on where it was.

use std::collections::VecDeque;
use std::time::Duration;

use daybreak_artifacts::{Artifacts, LogName};
use daybreak_protocol::{Change, EventsQuery, LogEnd, LogPiece, StreamEvent};
use daybreak_spec::Name;
use daybreak_store::Store;
use futures::StreamExt as _;
use futures::stream::{BoxStream, unfold};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::feed::{Follower, Place, Read};
use crate::{Error, Server};

/// Streams at the same time.
pub(crate) const MAX_STREAMS: usize = 256;

/// A stream ends after this; clients come back by themselves.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Between two looks at a log in which nothing was new.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Bytes of a log in one event.
const PIECE_BYTES: usize = 64 << 10;

/// What is sent to one client.
pub type Events = BoxStream<'static, StreamEvent>;

fn event(event: &str, id: String, data: &impl Serialize) -> StreamEvent {
    let data = serde_json::to_string(data).expect("an event always writes");
    StreamEvent { event: event.to_owned(), id, data }
}

/// What every stream holds: its room, and when it has to end.
struct Open {
    _room: OwnedSemaphorePermit,
    draining: watch::Receiver<bool>,
    until: tokio::time::Instant,
}

impl Open {
    /// Waits for what comes next; `None`: the stream ends first.
    async fn or_end<T>(&mut self, next: impl Future<Output = Option<T>>) -> Option<T> {
        tokio::select! {
            next = next => next,
            _ = self.draining.wait_for(|draining| *draining) => None,
            () = tokio::time::sleep_until(self.until) => None,
        }
    }
}

impl Server {
    fn open_stream(&self) -> Result<Open, Error> {
        let room = self.streams.clone().try_acquire_owned();
        let room = room.map_err(|_| Error::Busy(format!("{MAX_STREAMS} clients follow already; try again later")))?;
        let until = tokio::time::Instant::now() + LONGEST;
        Ok(Open { _room: room, draining: self.draining.subscribe(), until })
    }

    /// Changes of runs and tasks. The first event is `reset` unless the stream goes on after `last`.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many follow.
    pub(crate) fn follow_changes(&self, query: EventsQuery, last: Option<&str>) -> Result<Events, Error> {
        let open = self.open_stream()?;
        let changes =
            Changes { open, query, follower: self.feed.follow(last.and_then(Place::parse)), ready: VecDeque::new() };
        Ok(unfold(changes, |mut changes| async { Some((changes.next().await?, changes)) }).boxed())
    }

    /// The log of a task until it has ended, from `last` on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Busy`] when too many follow.
    pub(crate) async fn follow_log(&self, run_id: &str, task: &Name, last: Option<&str>) -> Result<Events, Error> {
        self.store.task_status(run_id, task).await?;
        let log = Log {
            open: self.open_stream()?,
            reader: LogReader {
                store: self.store.clone(),
                artifacts: self.artifacts.clone(),
                run_id: run_id.to_owned(),
                task: task.clone(),
                place: last.and_then(log_place).unwrap_or((i64::MIN, 0)),
            },
            ended: false,
        };
        Ok(unfold(log, |mut log| async { Some((log.next().await?, log)) }).boxed())
    }
}

struct Changes {
    open: Open,
    query: EventsQuery,
    follower: Follower,
    ready: VecDeque<StreamEvent>,
}

impl Changes {
    async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let read = self.open.or_end(async { Some(self.follower.next().await) }).await?;
            match read {
                Read::Reset(place) => return Some(event("reset", place.to_string(), &serde_json::json!({}))),
                Read::Changes(found, _) => {
                    let wanted = found.into_iter().filter(|(_, change)| self.query.wants(change));
                    self.ready.extend(wanted.map(|(place, change)| event(word(&change), place.to_string(), &change)));
                }
                Read::Nothing => return None,
            }
        }
    }
}

fn word(change: &Change) -> &'static str {
    match change {
        Change::Run { .. } => "run",
        Change::Task { .. } => "task",
    }
}

struct Log {
    open: Open,
    reader: LogReader,
    ended: bool,
}

/// Fence and offset from the id of an event.
fn log_place(id: &str) -> Option<(i64, u64)> {
    let (fence, offset) = id.split_once('-')?;
    Some((fence.parse().ok()?, offset.parse().ok()?))
}

impl Log {
    async fn next(&mut self) -> Option<StreamEvent> {
        if self.ended {
            return None;
        }
        let reader = &mut self.reader;
        let next = self.open.or_end(async {
            loop {
                match reader.next().await {
                    Ok(Some(event)) => return Some(event),
                    Ok(None) => tokio::time::sleep(BETWEEN_LOOKS).await,
                    Err(error) => {
                        tracing::warn!(error = &error as &dyn std::error::Error, "a log cannot be followed");
                        return None;
                    }
                }
            }
        });
        let event = next.await?;
        self.ended = event.event == "end";
        Some(event)
    }
}

struct LogReader {
    store: Store,
    artifacts: Artifacts,
    run_id: String,
    task: Name,
    /// The attempt's fence and how far its log was read.
    place: (i64, u64),
}

impl LogReader {
    /// The next piece, or the end; `None`: nothing is new.
    async fn next(&mut self) -> Result<Option<StreamEvent>, Error> {
        // Before the log: what is written after this look is read by the next one.
        let state = self.store.task_status(&self.run_id, &self.task).await?;
        for attempt in self.store.attempts(&self.run_id, &self.task).await? {
            let (fence, offset) = self.place;
            if attempt.fence < fence {
                continue;
            }
            let offset = if attempt.fence == fence { offset } else { 0 };
            let name = LogName::new(&self.run_id, &self.task, attempt.attempt, attempt.fence)?;
            let artifacts = self.artifacts.clone();
            let read = tokio::task::spawn_blocking(move || artifacts.read_log(&name, offset, PIECE_BYTES));
            let part = read.await.map_err(|error| Error::Refused(error.to_string()))??;
            if part.next_offset != offset {
                self.place = (attempt.fence, part.next_offset);
                let id = format!("{}-{}", attempt.fence, part.next_offset);
                let piece = LogPiece { attempt: attempt.attempt, fence: attempt.fence, text: part.text };
                return Ok(Some(event("log", id, &piece)));
            }
        }
        let (fence, offset) = self.place;
        let end = || event("end", format!("{fence}-{offset}"), &LogEnd { state });
        Ok(state.is_terminal().then(end))
    }
}
