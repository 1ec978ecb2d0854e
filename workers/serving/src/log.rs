//! The prediction log: append-only segments of checked records. A request hands its predictions over and goes on; one
//! writer thread encodes, writes and syncs them in groups, at most 50 ms later. What has been accepted is written or the
//! process ends; where the disk cannot keep up, requests wait and then are refused before they are answered. What is
//! older than the project keeps, or more than it has room for, goes file by file.

mod frame;
mod lookup;
mod record;
mod retention;
mod segment;
mod writer;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{Semaphore, TryAcquireError, oneshot};
use ulid::Ulid;

use crate::log::lookup::Lookup;
use crate::log::writer::{Keeper, Message, Writer};
pub use record::Record;
pub use retention::Retention;

/// Rows that may wait for the writer.
const MAX_QUEUED_ROWS: usize = 1 << 16;
/// Longest wait of a request for room in the queue.
const ROOM_WAIT: Duration = Duration::from_secs(2);

/// Ends the process, because what was accepted may not reach the disk.
pub type OnFatal = Box<dyn Fn(&str) + Send>;

/// The machine's time in milliseconds.
pub type NowMs = Box<dyn Fn() -> u64 + Send>;

/// Predictions that are logged together.
pub trait Entries: Send {
    /// How many.
    fn count(&self) -> usize;
    /// The id of the first one.
    fn first(&self) -> Option<Ulid>;
    /// Appends their records; called by the writer.
    fn append(&self, out: &mut Vec<u8>);
}

/// Why predictions were not accepted.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// No room came free in time.
    Full,
    /// The log has failed for good.
    Broken,
}

/// The log's handle. Dropping it writes and syncs everything accepted.
pub struct PredictionLog {
    sender: Option<mpsc::Sender<Message>>,
    room: Arc<Semaphore>,
    closing: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
    lookup: Arc<Lookup>,
}

impl PredictionLog {
    /// Opens the log in a folder, made where it is missing, cuts off a torn tail and starts the writer.
    pub fn open(folder: &Path, retention: Retention, now_ms: NowMs, on_fatal: OnFatal) -> io::Result<Self> {
        daybreak_artifacts::make_folder(folder)?;
        let current = segment::recover(folder)?;
        let (sender, receiver) = mpsc::channel();
        let room = Arc::new(Semaphore::new(MAX_QUEUED_ROWS));
        let closing = Arc::new(AtomicBool::new(false));
        let keeper = Keeper { retention, now_ms };
        let shared = (Arc::clone(&room), Arc::clone(&closing));
        let writer = Writer::new(folder.to_owned(), current, keeper, shared, on_fatal);
        let writer = std::thread::Builder::new().name("prediction-log".to_owned()).spawn(|| writer.run(receiver))?;
        let lookup = Arc::new(Lookup::new(folder.to_owned()));
        Ok(Self { sender: Some(sender), room, closing, writer: Some(writer), lookup })
    }

    /// Hands predictions over; waits only where the queue is full.
    pub async fn accept(&self, entries: impl Entries + 'static) -> Result<(), Refused> {
        if entries.count() == 0 {
            return Ok(());
        }
        let rows = u32::try_from(entries.count()).map_err(|_| Refused::Full)?;
        let room = match Arc::clone(&self.room).try_acquire_many_owned(rows) {
            Ok(room) => room,
            Err(TryAcquireError::Closed) => return Err(Refused::Broken),
            Err(TryAcquireError::NoPermits) => {
                self.wake();
                let waiting = Arc::clone(&self.room).acquire_many_owned(rows);
                let room = tokio::time::timeout(ROOM_WAIT, waiting).await.map_err(|_| Refused::Full)?;
                room.map_err(|_| Refused::Broken)?
            }
        };
        self.send(Message::Entries(Box::new(entries), room)).map_err(|()| Refused::Broken)
    }

    /// Returns once everything accepted so far is on the disk.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.send(Message::Flush(done)).is_ok() {
            self.wake();
            // The writer is gone: nothing is left to wait for.
            drop(written.await);
        }
    }

    /// The JSON of one prediction.
    pub async fn find(&self, id: Ulid) -> io::Result<Option<Vec<u8>>> {
        self.flush().await;
        let lookup = Arc::clone(&self.lookup);
        let found = tokio::task::spawn_blocking(move || lookup.find(id)).await;
        found.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn send(&self, message: Message) -> Result<(), ()> {
        self.sender.as_ref().ok_or(())?.send(message).map_err(|_| ())
    }

    /// Ends the writer's wait for a larger group.
    fn wake(&self) {
        if let Some(writer) = &self.writer {
            writer.thread().unpark();
        }
    }
}

impl Drop for PredictionLog {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        self.sender = None;
        self.wake();
        if let Some(writer) = self.writer.take() {
            // A panic of the writer has been reported by the panic itself.
            drop(writer.join());
        }
    }
}

#[cfg(test)]
mod tests;
