//! One process per state folder: an advisory lock on `LOCK`, which the kernel gives back however the process ends.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock, fstatfs};
use rustix::io::Errno;

use crate::Error;

/// Magic numbers (statfs(2)) of file systems whose locks and shared memory a database cannot rely on.
const NETWORK_FILE_SYSTEMS: [(u64, &str); 5] =
    [(0x6969, "NFS"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB"), (0x517b, "SMB"), (0x0102_1997, "9P")];

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
        let kind = fstatfs(&file).map_err(|error| unusable(error.into()))?.f_type;
        #[expect(clippy::cast_sign_loss, reason = "a magic number, not a quantity")]
        if let Some(name) = network_file_system(kind as u32) {
            return Err(Error::NetworkFileSystem { folder: folder.to_path_buf(), name });
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(Error::Locked { folder: folder.to_path_buf() }),
            Err(error) => Err(unusable(error.into())),
        }
    }
}

/// The name of a file system that lies on another machine.
fn network_file_system(magic: u32) -> Option<&'static str> {
    NETWORK_FILE_SYSTEMS.iter().find(|(known, _)| *known == u64::from(magic)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::network_file_system;

    #[test]
    fn file_systems_on_other_machines_are_known_by_their_numbers() {
        // From linux/magic.h: NFS, SMB1, CIFS, SMB2, 9P.
        for (magic, name) in [(0x6969, "NFS"), (0x517b, "SMB"), (0xff53_4d42, "CIFS"), (0xfe53_4d42, "SMB")] {
            assert_eq!(network_file_system(magic), Some(name));
        }
        assert_eq!(network_file_system(0x0102_1997), Some("9P"));
        // ext4, tmpfs, btrfs, xfs, overlay.
        for local in [0xef53, 0x0102_1994, 0x9123_683e, 0x5846_5342, 0x794c_7630] {
            assert_eq!(network_file_system(local), None);
        }
    }
}
