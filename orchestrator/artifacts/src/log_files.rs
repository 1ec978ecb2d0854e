//! A log in a local folder: one file for the beginning, then stretches of which the newest are kept. Each begins behind
//! the end of a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::LogName;

/// The end is kept in stretches of this size; the oldest one is dropped when a new one begins.
const STRETCHES: u64 = 8;

/// The files of one log.
#[derive(Debug)]
pub(crate) struct Files {
    name: LogName,
    folder: PathBuf,
    cap_bytes: u64,
    file: Option<File>,
    /// Starts of the stretches after the head, oldest first.
    tails: Vec<u64>,
    /// Bytes in the current file.
    in_file: u64,
    /// Bytes of cleaned output so far, kept or not.
    total: u64,
    lost_bytes: u64,
}

impl Files {
    pub(crate) fn new(name: LogName, folder: PathBuf, cap_bytes: u64) -> Self {
        Self { name, folder, cap_bytes, file: None, tails: Vec::new(), in_file: 0, total: 0, lost_bytes: 0 }
    }

    pub(crate) fn append(&mut self, mut text: &str) {
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
}

/// Just behind the first newline at or after byte `from`.
fn end_of_line(text: &str, from: usize) -> Option<usize> {
    let at = text.as_bytes()[from..].iter().position(|byte| *byte == b'\n')?;
    Some(from + at + 1).filter(|cut| *cut < text.len())
}
