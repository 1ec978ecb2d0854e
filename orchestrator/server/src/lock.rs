//! One process per state folder: an advisory lock on `LOCK`, which the kernel gives back however the process ends.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::Error;

/// Holds the lock as long as it lives.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a state folder, or says that another process has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, Error> {
        let unusable = |source| Error::Folder { folder: folder.to_path_buf(), source };
        std::fs::create_dir_all(folder).map_err(unusable)?;
        let file = File::options().create(true).truncate(false).write(true).open(folder.join("LOCK"));
        let file = file.map_err(unusable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(Error::Locked { folder: folder.to_path_buf() }),
            Err(error) => Err(unusable(error.into())),
        }
    }
}
