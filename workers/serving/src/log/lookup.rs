//! Finding a prediction by its id. The id's time says in which files to look first; an index per file is built at the
//! first question about it, grows with the file, and a few are kept.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use ulid::Ulid;

use crate::log::frame::{self, Parsed};
use crate::log::retention::SLACK_MS;
use crate::log::segment::{self, Segment};

/// Indexes kept; one of a full file takes some megabytes.
const KEPT: usize = 8;

/// Looks up.
pub struct Lookup {
    folder: PathBuf,
    /// Least recently used first.
    indexes: Mutex<Vec<(u64, Index)>>,
}

/// Where the records of a file are.
#[derive(Default)]
struct Index {
    /// Everything before it has been read.
    up_to: u64,
    offsets: HashMap<u128, u64>,
}

impl Lookup {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, indexes: Mutex::new(Vec::new()) }
    }

    /// The payload of a prediction's record.
    pub fn find(&self, id: Ulid) -> io::Result<Option<Vec<u8>>> {
        for segment in self.candidates(id)? {
            let mut file = match File::open(segment.path(&self.folder)) {
                Ok(file) => file,
                // It has just been let go of.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if let Some(offset) = self.offset(&segment, &mut file, id)? {
                let header = read_range(&mut file, offset, frame::HEADER_BYTES as u64)?;
                let length = frame::record_bytes(&header).unwrap_or(0);
                let bytes = read_range(&mut file, offset, length as u64)?;
                if let Parsed::Frame { payload, .. } = frame::parse(&bytes, 0) {
                    return Ok(Some(payload.to_vec()));
                }
            }
        }
        Ok(None)
    }

    /// All files: first those whose time fits, newest first, then the others (clocks can be set back).
    fn candidates(&self, id: Ulid) -> io::Result<Vec<Segment>> {
        let segments = segment::list(&self.folder)?;
        let time_ms = id.timestamp_ms();
        let (mut likely, mut unlikely) = (Vec::new(), Vec::new());
        for (place, segment) in segments.iter().enumerate() {
            let end_ms = segments.get(place + 1).map_or(u64::MAX, |next| next.start_ms.saturating_add(SLACK_MS));
            let fits = segment.start_ms <= time_ms.saturating_add(SLACK_MS) && time_ms <= end_ms;
            if fits { likely.push(segment.clone()) } else { unlikely.push(segment.clone()) }
        }
        likely.reverse();
        likely.extend(unlikely.into_iter().rev());
        Ok(likely)
    }

    fn offset(&self, segment: &Segment, file: &mut File, id: Ulid) -> io::Result<Option<u64>> {
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = indexes.iter().position(|(number, _)| *number == segment.number);
        let mut index = known.map_or_else(Index::default, |place| indexes.remove(place).1);
        let grown = index.grow(file);
        let offset = index.offsets.get(&id.0).copied();
        indexes.push((segment.number, index));
        if indexes.len() > KEPT {
            indexes.remove(0);
        }
        grown.map(|()| offset)
    }
}

impl Index {
    /// Reads what the file has gained.
    fn grow(&mut self, file: &mut File) -> io::Result<()> {
        let length = file.metadata()?.len();
        if length <= self.up_to {
            return Ok(());
        }
        let bytes = read_range(file, self.up_to, length - self.up_to)?;
        let mut offset = 0;
        while offset < bytes.len() {
            match frame::parse(&bytes, offset) {
                Parsed::Frame { id, next, .. } => {
                    self.offsets.insert(id.0, self.up_to + offset as u64);
                    offset = next;
                }
                // A damaged place, or a record that is being written.
                Parsed::Broken => match frame::resume(&bytes, offset) {
                    Some(next) => offset = next,
                    None => break,
                },
            }
        }
        self.up_to += offset as u64;
        Ok(())
    }
}

fn read_range(file: &mut File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}
