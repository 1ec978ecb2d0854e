//! Writes the log of an attempt: the first half of the cap as it comes, then only the newest stretches, so that the
//! beginning and the end of any flood are kept. A log that cannot be written never stops the task: what is lost is
//! counted and said in the log as soon as there is room again.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::log_text::{LINE_CAP_BYTES, LogText};
use crate::{Artifacts, LogName};

/// How much of one attempt's output is kept: half from its beginning, half from its end.
pub const LOG_CAP_BYTES: u64 = 64 << 20;
/// The end is kept in stretches of this size; the oldest one is dropped when a new one begins.
const STRETCHES: u64 = 8;
/// How much of the newest output is kept in memory for reasons of failures.
const RECENT_BYTES: usize = 4 << 10;

impl Artifacts {
    /// A writer for the log of one attempt; files are made when the first line comes.
    pub fn log_writer(&self, log: &LogName) -> LogWriter {
        self.capped_log_writer(log, LOG_CAP_BYTES)
    }

    pub(crate) fn capped_log_writer(&self, log: &LogName, cap_bytes: u64) -> LogWriter {
        LogWriter {
            inner: Arc::new(Mutex::new(Inner {
                name: log.clone(),
                folder: self.folder().to_path_buf(),
                cap_bytes,
                text: LogText::default(),
                file: None,
                tails: Vec::new(),
                in_file: 0,
                total: 0,
                lost_bytes: 0,
                recent: String::new(),
            })),
        }
    }
}

/// The log of one attempt. Clones write to the same log.
#[derive(Clone, Debug)]
pub struct LogWriter {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    name: LogName,
    folder: PathBuf,
    cap_bytes: u64,
    text: LogText,
    file: Option<File>,
    /// Starts of the stretches after the head, oldest first.
    tails: Vec<u64>,
    /// Bytes in the current file.
    in_file: u64,
    /// Bytes of cleaned output so far, kept or not.
    total: u64,
    lost_bytes: u64,
    recent: String,
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
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).recent.clone()
    }
}

impl Inner {
    fn append(&mut self, mut text: &str) {
        self.remember(text);
        while !text.is_empty() {
            let room = self.room();
            let cut = match usize::try_from(room) {
                Ok(room) if room < text.len() => end_of_line(text, room),
                _ => None,
            };
            let (now, later) = text.split_at(cut.unwrap_or(text.len()));
            self.write(now);
            text = later;
            if cut.is_some() || (self.room() == 0 && now.ends_with('\n')) {
                self.begin_stretch();
            }
        }
    }

    /// What the current file may still take.
    fn room(&self) -> u64 {
        let half = self.cap_bytes / 2;
        let size = if self.tails.is_empty() { half } else { half / STRETCHES };
        size.saturating_sub(self.in_file)
    }

    fn begin_stretch(&mut self) {
        self.file = None;
        self.in_file = 0;
        self.tails.push(self.total);
        if self.tails.len() as u64 > STRETCHES {
            let oldest = self.tails.remove(0);
            // A stretch that stays costs only room; the reader reads it as it is.
            let _ = std::fs::remove_file(self.name.tail(&self.folder, oldest));
        }
    }

    fn write(&mut self, text: &str) {
        self.total += text.len() as u64;
        match self.try_write(text) {
            Ok(()) => self.in_file += text.len() as u64,
            Err(_) => self.lose(text.len() as u64),
        }
    }

    fn lose(&mut self, bytes: u64) {
        self.lost_bytes += bytes;
        // A part may have been written: what is in the file is what counts.
        self.in_file = self.file.as_ref().and_then(|file| file.metadata().ok()).map_or(self.in_file, |data| data.len());
    }

    fn try_write(&mut self, text: &str) -> io::Result<()> {
        if self.file.is_none() {
            let path = match self.tails.last() {
                None => self.name.head(&self.folder),
                Some(start) => self.name.tail(&self.folder, *start),
            };
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            self.file = Some(OpenOptions::new().create(true).append(true).open(path)?);
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        if self.lost_bytes > 0 {
            let notice = format!("\n[{} bytes of output were lost: the disk took no more]\n", self.lost_bytes);
            file.write_all(notice.as_bytes())?;
            self.in_file += notice.len() as u64;
            self.total += notice.len() as u64;
            self.lost_bytes = 0;
        }
        file.write_all(text.as_bytes())
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
        let mut rest = String::new();
        self.text.finish(&mut rest);
        self.append(&rest);
    }
}

/// Just behind the first newline at or after byte `from`.
fn end_of_line(text: &str, from: usize) -> Option<usize> {
    let at = text.as_bytes()[from..].iter().position(|byte| *byte == b'\n')?;
    Some(from + at + 1).filter(|cut| *cut < text.len())
}
