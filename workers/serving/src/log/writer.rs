//! The one thread that writes the log. It waits a little after the first record of a group, so that many share one sync.
//! A full disk is waited out, with requests held back by the bounded queue; any other failure to write or sync ends the
//! process, because what was accepted may be lost and a second sync would not say so.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use daybreak_failpoints::crossing;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use ulid::Ulid;

use crate::log::retention::Retention;
use crate::log::segment::{self, Current, Segment};
use crate::log::{Entries, NowMs, OnFatal};

/// How long a group is collected; with the sync itself this stays below 50 ms.
const GROUP_WAIT: Duration = Duration::from_millis(20);
/// How long records gather before they are encoded: in small portions, so that answers never wait long for a core.
const PORTION_WAIT: Duration = Duration::from_millis(2);
/// Niceness of the writer: answers go first.
const NICENESS: i32 = 5;
/// Bytes after which a group is written without waiting longer.
const GROUP_BYTES: usize = 4 << 20;
/// Pause before a full disk is tried again.
const FULL_PAUSE: Duration = Duration::from_millis(250);
/// Tries on a full disk once the process is ending.
const LAST_TRIES: u32 = 20;

/// How often old files are looked for while nothing is written; otherwise whenever a file is full.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// What the writer is told.
pub enum Message {
    /// Write these; the permit is their room in the queue.
    Entries(Box<dyn Entries>, OwnedSemaphorePermit),
    /// Say when everything before this is on the disk.
    Flush(oneshot::Sender<()>),
}

/// What is kept, and what time it is.
pub struct Keeper {
    pub retention: Retention,
    pub now_ms: NowMs,
}

/// The writer's state.
pub struct Writer {
    folder: PathBuf,
    current: Option<Current>,
    keeper: Keeper,
    room: Arc<Semaphore>,
    closing: Arc<AtomicBool>,
    on_fatal: OnFatal,
    group: Group,
}

/// What is written and synced together.
#[derive(Default)]
struct Group {
    bytes: Vec<u8>,
    first: Option<Ulid>,
    room: Vec<OwnedSemaphorePermit>,
    waiting: Vec<oneshot::Sender<()>>,
}

impl Writer {
    pub fn new(
        folder: PathBuf,
        current: Option<Current>,
        keeper: Keeper,
        (room, closing): (Arc<Semaphore>, Arc<AtomicBool>),
        on_fatal: OnFatal,
    ) -> Self {
        Self { folder, current, keeper, room, closing, on_fatal, group: Group::default() }
    }

    /// Until all senders are gone, or the disk fails.
    pub fn run(mut self, receiver: Receiver<Message>) {
        if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS) {
            tracing::warn!(%error, "the prediction log's writer keeps its priority");
        }
        self.let_go();
        loop {
            match receiver.recv_timeout(LOOK_EVERY) {
                Ok(message) => self.group.take(message),
                Err(RecvTimeoutError::Timeout) => {
                    self.let_go();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.collect(&receiver);
            if let Err(error) = self.write_group() {
                self.room.close();
                (self.on_fatal)(&format!("predictions could not be written to {}: {error}", self.folder.display()));
                return;
            }
        }
    }

    /// Lets go of what need not be kept. What cannot be removed now may be later: nothing is lost by waiting.
    fn let_go(&self) {
        if let Err(error) = self.keeper.retention.apply(&self.folder, (self.keeper.now_ms)()) {
            tracing::warn!(%error, "old files of the prediction log could not be removed; trying again later");
        }
    }

    /// Adds what comes within the group's time. Parked and not receiving, so that a request does not wake this thread.
    fn collect(&mut self, receiver: &Receiver<Message>) {
        let deadline = Instant::now() + GROUP_WAIT;
        loop {
            loop {
                match receiver.try_recv() {
                    Ok(message) => self.group.take(message),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return,
                }
                if self.group.bytes.len() >= GROUP_BYTES {
                    return;
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let hurried = !self.group.waiting.is_empty() || self.room.available_permits() == 0;
            if left.is_zero() || hurried || self.closing.load(Ordering::Acquire) {
                return;
            }
            std::thread::park_timeout(left.min(PORTION_WAIT));
        }
    }

    fn write_group(&mut self) -> io::Result<()> {
        let group = std::mem::take(&mut self.group);
        if let Some(first) = group.first {
            crossing!("cp18.before");
            self.append(&group.bytes, first)?;
            crossing!("cp19.before");
        }
        drop(group.room);
        for waiting in group.waiting {
            // Whoever asked has gone away.
            let _ = waiting.send(());
        }
        crossing!("cp19.after");
        Ok(())
    }

    /// Appends and syncs, waiting while the disk is full.
    fn append(&mut self, bytes: &[u8], first: Ulid) -> io::Result<()> {
        let mut tries_left = LAST_TRIES;
        let mut told = false;
        loop {
            match self.try_append(bytes, first) {
                Ok(()) => return Ok(()),
                Err(error) if is_full(&error) && tries_left > 0 => {
                    if !told {
                        tracing::error!(%error, "the prediction log's disk is full; requests wait until there is space");
                        told = true;
                    }
                    if self.closing.load(Ordering::Acquire) {
                        tries_left -= 1;
                    }
                    std::thread::park_timeout(FULL_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn try_append(&mut self, bytes: &[u8], first: Ulid) -> io::Result<()> {
        let (retention, now_ms) = (self.keeper.retention, (self.keeper.now_ms)());
        let is_full = |current: &Current| retention.is_full(&current.segment, current.length, now_ms);
        if self.current.as_ref().is_none_or(is_full) {
            let number = self.current.as_ref().map_or(1, |current| current.segment.number + 1);
            let segment = Segment { number, start_ms: first.timestamp_ms() };
            self.current = Some(segment::create(&self.folder, segment)?);
            self.let_go();
        }
        let current = self.current.as_mut().expect("made above");
        if let Err(error) = current.file.write_all(bytes) {
            // A partial record must not stand before the next try.
            current.file.set_len(current.length)?;
            return Err(error);
        }
        crossing!("cp18.after");
        current.file.sync_data().map_err(|error| io::Error::other(format!("sync failed: {error}")))?;
        current.length += bytes.len() as u64;
        Ok(())
    }
}

impl Group {
    fn take(&mut self, message: Message) {
        match message {
            Message::Flush(waiting) => self.waiting.push(waiting),
            Message::Entries(entries, room) => {
                self.first = self.first.or(entries.first());
                entries.append(&mut self.bytes);
                self.room.push(room);
            }
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
