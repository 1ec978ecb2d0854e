//! Reads a log in parts, also while it is being written. An offset counts bytes of the whole output, so that a follower
//! can go on where it stopped even when the middle has been dropped meanwhile.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::log_segments::{length_of, read_segments};
use crate::log_text::MAX_COLOUR_BYTES;
use crate::objects::Kept;
use crate::{Artifacts, Error, LogName};

const LARGEST_PART_BYTES: usize = 4 << 20;
/// No UTF-8 character is longer, so every part that is not at the end moves on.
const SMALLEST_PART_BYTES: usize = 16;

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LogPart {
    /// The text; empty at the end of what has been written so far.
    pub text: String,
    /// Where the next part begins.
    pub next_offset: u64,
}

impl Artifacts {
    /// Reads up to `limit_bytes` (at most 4 MiB) from `offset`. Beyond the end, and where nothing has been written yet,
    /// the part is empty and `next_offset` is `offset`. Where the middle of a flood was dropped, the part says so.
    ///
    /// Blocks: of a bucket it must be called on a thread where that is allowed.
    ///
    /// # Errors
    /// [`Error::Failed`] when the files are there but cannot be read, or what a bucket said.
    pub fn read_log(&self, log: &LogName, offset: u64, limit_bytes: usize) -> Result<LogPart, Error> {
        let failed = |source: io::Error| Error::reading(log.to_string(), source);
        let limit_bytes = limit_bytes.clamp(SMALLEST_PART_BYTES, LARGEST_PART_BYTES);
        let folder = match &self.kept {
            Kept::Folder(folder) => &folder.path,
            Kept::Bucket(store) => return store.runtime.block_on(read_segments(store, log, (offset, limit_bytes))),
        };
        // The oldest stretch can be dropped between listing and opening; then the list is made again.
        loop {
            let files = files_of(folder, log).map_err(failed)?;
            match read_part(&files, offset, limit_bytes) {
                Ok(part) => return Ok(part),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

impl Artifacts {
    /// How many bytes have been written so far, what was dropped since included; 0 where nothing has been.
    ///
    /// Blocks: of a bucket it must be called on a thread where that is allowed.
    ///
    /// # Errors
    /// As [`Self::read_log`].
    pub fn log_length(&self, log: &LogName) -> Result<u64, Error> {
        let folder = match &self.kept {
            Kept::Folder(folder) => &folder.path,
            Kept::Bucket(store) => return store.runtime.block_on(length_of(store, log)),
        };
        let files = files_of(folder, log).map_err(|source| Error::reading(log.to_string(), source))?;
        Ok(files.last().map_or(0, |stretch| stretch.end))
    }
}

struct Stretch {
    start: u64,
    end: u64,
    path: PathBuf,
}

/// The log's files in order: the head and the stretches that are left.
fn files_of(folder: &Path, log: &LogName) -> io::Result<Vec<Stretch>> {
    let head = log.head(folder);
    let Some((parent, name)) = head.parent().zip(head.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    let listed = match std::fs::read_dir(parent) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut stretches = Vec::new();
    for entry in listed {
        let entry = entry?;
        let file = entry.file_name();
        let Some(rest) = file.to_str().and_then(|file| file.strip_prefix(name)) else { continue };
        let start = match rest.strip_prefix('.') {
            None if rest.is_empty() => 0,
            Some(digits) => match digits.parse() {
                Ok(start) => start,
                Err(_) => continue,
            },
            None => continue,
        };
        match entry.metadata() {
            Ok(data) => stretches.push(Stretch { start, end: start + data.len(), path: entry.path() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    stretches.sort_by_key(|stretch| stretch.start);
    Ok(stretches)
}

fn read_part(stretches: &[Stretch], offset: u64, limit_bytes: usize) -> io::Result<LogPart> {
    let Some(stretch) = stretches.iter().find(|stretch| offset < stretch.end) else {
        return Ok(LogPart { text: String::new(), next_offset: offset });
    };
    if offset < stretch.start {
        return Ok(left_out(offset, stretch.start));
    }
    let mut file = File::open(&stretch.path)?;
    file.seek(SeekFrom::Start(offset - stretch.start))?;
    let mut bytes = Vec::new();
    file.take(limit_bytes as u64).read_to_end(&mut bytes)?;
    if bytes.len() == limit_bytes {
        bytes.truncate(before_open_colour(&bytes));
    }
    Ok(whole_characters(&bytes, offset))
}

/// What stands where the middle of a flood was dropped.
pub(crate) fn left_out(offset: u64, next_offset: u64) -> LogPart {
    let missing = next_offset - offset;
    let text = format!("\n[{missing} bytes left out here: of a long log the beginning and the end are kept]\n");
    LogPart { text, next_offset }
}

/// Where a colour begins that more bytes would complete; else the end. A part that is nothing else is left as it is.
pub(crate) fn before_open_colour(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(MAX_COLOUR_BYTES + 3);
    match bytes[tail..].iter().rposition(|byte| *byte == 0x1b) {
        Some(begin) if tail + begin > 0 && !bytes[tail + begin..].contains(&b'm') => tail + begin,
        _ => bytes.len(),
    }
}

/// Cuts a character that is only begun (the next part has it whole) and skips the rest of one that was cut before.
pub(crate) fn whole_characters(bytes: &[u8], offset: u64) -> LogPart {
    let skipped = bytes.iter().take(3).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
    let bytes = &bytes[skipped..];
    let (text, used) = match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), bytes.len()),
        Err(error) if error.error_len().is_none() => {
            let used = error.valid_up_to();
            (String::from_utf8_lossy(&bytes[..used]).into_owned(), used)
        }
        Err(_) => (String::from_utf8_lossy(bytes).into_owned(), bytes.len()),
    };
    LogPart { text, next_offset: offset + (skipped + used) as u64 }
}

#[cfg(test)]
mod tests {
    use super::before_open_colour;

    #[test]
    fn a_part_ends_before_a_colour_that_is_not_whole() {
        for (bytes, end) in
            [(&b"ab\x1b[31mred\x1b[0"[..], 10), (b"ab\x1b", 2), (b"ab\x1b[0m", 6), (b"ab", 2), (b"\x1b[3", 3), (b"", 0)]
        {
            assert_eq!(before_open_colour(bytes), end, "{bytes:?}");
        }
    }
}
