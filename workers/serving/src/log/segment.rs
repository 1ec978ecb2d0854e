//! The files of the log: `{number}-{milliseconds}.log`, the second part the time of the first id in it. Only the end of
//! the last file can be torn, and only that is ever cut; a damaged place with records after it is left as it is.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::log::frame::{self, Parsed};

/// A file is closed once it is this large.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// A file of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Segment {
    /// Rises by one.
    pub number: u64,
    /// Time of the first id in it.
    pub start_ms: u64,
}

impl Segment {
    /// Its path.
    pub fn path(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{:010}-{:013}.log", self.number, self.start_ms))
    }

    fn parse(name: &str) -> Option<Self> {
        let (number, start_ms) = name.strip_suffix(".log")?.split_once('-')?;
        Some(Self { number: number.parse().ok()?, start_ms: start_ms.parse().ok()? })
    }
}

/// The open end of the log.
pub struct Current {
    /// Which file.
    pub segment: Segment,
    /// Open for appending.
    pub file: File,
    /// Its length.
    pub length: u64,
}

/// All files, oldest first.
pub fn list(folder: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(folder)? {
        segments.extend(entry?.file_name().to_str().and_then(Segment::parse));
    }
    segments.sort();
    Ok(segments)
}

/// Makes the next file; its name is on the disk when this returns.
pub fn create(folder: &Path, segment: Segment) -> io::Result<Current> {
    let file = OpenOptions::new().append(true).create_new(true).open(segment.path(folder))?;
    File::open(folder)?.sync_all()?;
    Ok(Current { segment, file, length: 0 })
}

/// How a file ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// With a whole record.
    Whole,
    /// With something after the last whole record, which ends here.
    Torn(u64),
    /// It has a damaged place with whole records after it.
    Damaged,
}

/// Opens the last file for appending; `None` when the next record starts a new one.
pub fn recover(folder: &Path) -> io::Result<Option<Current>> {
    let Some(segment) = list(folder)?.pop() else { return Ok(None) };
    let path = segment.path(folder);
    let bytes = fs::read(&path)?;
    let file = OpenOptions::new().append(true).open(&path)?;
    let mut length = bytes.len() as u64;
    match end(&bytes) {
        End::Whole => {}
        End::Torn(whole) => {
            tracing::warn!(
                lost_bytes = length - whole,
                "the prediction log ended in the middle of a record; cut there"
            );
            file.set_len(whole)?;
            file.sync_all()?;
            length = whole;
        }
        End::Damaged => {
            tracing::error!(path = %path.display(), "a file of the prediction log is damaged; it is kept as it is");
            return Ok(Some(next(folder, &segment)?));
        }
    }
    Ok(Some(Current { segment, file, length }))
}

/// The file after this one, starting no earlier.
pub fn next(folder: &Path, segment: &Segment) -> io::Result<Current> {
    create(folder, Segment { number: segment.number + 1, start_ms: segment.start_ms })
}

fn end(bytes: &[u8]) -> End {
    let mut offset = 0;
    while offset < bytes.len() {
        match frame::parse(bytes, offset) {
            Parsed::Frame { next, .. } => offset = next,
            Parsed::Broken if frame::resume(bytes, offset).is_some() => return End::Damaged,
            Parsed::Broken => return End::Torn(offset as u64),
        }
    }
    End::Whole
}
