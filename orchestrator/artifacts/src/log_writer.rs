//! Writes the log of an attempt: the first half of the cap as it comes, then only the newest stretches, so that the
//! beginning and the end of any flood are kept. A log that cannot be written never stops the task: what is lost is
//! counted and said in the log as soon as there is room again.

use std::sync::{Arc, Mutex, PoisonError};

use crate::log_files::Files;
use crate::log_segments::Segments;
use crate::log_text::{LINE_CAP_BYTES, LogText, uncoloured};
use crate::objects::Kept;
use crate::{Artifacts, Error, LogName};

/// How much of one attempt's output is kept: half from its beginning, half from its end.
pub const LOG_CAP_BYTES: u64 = 64 << 20;
/// How much of the newest output is kept in memory for reasons of failures.
const RECENT_BYTES: usize = 4 << 10;

impl Artifacts {
    /// A writer for the log of one attempt; nothing is made before the first line comes.
    pub fn log_writer(&self, log: &LogName) -> LogWriter {
        self.capped_log_writer(log, LOG_CAP_BYTES)
    }

    /// The same with another cap, for tests that reach it.
    #[doc(hidden)]
    pub fn capped_log_writer(&self, log: &LogName, cap_bytes: u64) -> LogWriter {
        let sink = match &self.kept {
            Kept::Folder(folder) => Sink::Files(Files::new(log.clone(), folder.path.clone(), cap_bytes)),
            Kept::Bucket(store) => Sink::Segments(Segments::new(Arc::clone(store), log.clone(), cap_bytes)),
        };
        let inner = Inner { text: LogText::default(), recent: String::new(), sink };
        LogWriter { inner: Arc::new(Mutex::new(inner)) }
    }
}

/// The log of one attempt. Clones write to the same log.
#[derive(Clone, Debug)]
pub struct LogWriter {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    text: LogText,
    recent: String,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Files(Files),
    Segments(Segments),
}

impl LogWriter {
    /// Appends output as a program wrote it, in chunks cut anywhere.
    pub fn bytes(&self, bytes: &[u8]) {
        // Chunks bound the memory that cleaning takes.
        for chunk in bytes.chunks(LINE_CAP_BYTES) {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            let mut cleaned = String::with_capacity(chunk.len() + 16);
            inner.text.push(chunk, &mut cleaned);
            inner.append(&cleaned);
        }
    }

    /// Appends one line.
    pub fn line(&self, line: &str) {
        self.bytes(format!("{line}\n").as_bytes());
    }

    /// The newest output, at most 4 KiB, for the reason of a failure.
    pub fn recent(&self) -> String {
        uncoloured(&self.inner.lock().unwrap_or_else(PoisonError::into_inner).recent)
    }

    /// Ends the log and waits until what was written can be read, also on other hosts. A log that is dropped instead is
    /// ended too, without anybody waiting.
    ///
    /// # Errors
    /// What a bucket said when it took the rest of the log not even after being asked again.
    pub async fn close(&self) -> Result<(), Arc<Error>> {
        let closing = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.finish();
            match &inner.sink {
                Sink::Files(_) => return Ok(()),
                Sink::Segments(segments) => segments.close(),
            }
        };
        closing.await
    }
}

impl Inner {
    fn append(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.remember(text);
        match &mut self.sink {
            Sink::Files(files) => files.append(text),
            Sink::Segments(segments) => segments.append(text),
        }
    }

    fn finish(&mut self) {
        let mut rest = String::new();
        self.text.finish(&mut rest);
        self.append(&rest);
    }

    fn remember(&mut self, text: &str) {
        self.recent.push_str(text);
        if self.recent.len() > 2 * RECENT_BYTES {
            let mut cut = self.recent.len() - RECENT_BYTES;
            while !self.recent.is_char_boundary(cut) {
                cut += 1;
            }
            self.recent.drain(..cut);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.finish();
    }
}
