//! Copies of the models that answer, on this process's own disk, so that it starts again while the artefact store is away. A
//! copy counts only with the hash that it is named by; what does not answer any more is taken away.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use daybreak_artifacts::{make_folder, put_in_place};
use sha2::{Digest, Sha256};

const FOLDER: &str = "serving/models";

/// The folder of copies.
#[derive(Clone, Debug)]
pub struct Copies {
    folder: PathBuf,
}

impl Copies {
    /// In a folder of state.
    pub fn of(data_dir: &Path) -> Self {
        Self { folder: data_dir.join(FOLDER) }
    }

    /// The bytes of an object, if there is a copy that is whole.
    pub fn read(&self, object: &str) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path(object)?).ok()?;
        let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        (hash == object).then_some(bytes)
    }

    /// Keeps a copy: a reader finds all of it or nothing.
    pub fn write(&self, object: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(object).ok_or_else(|| io::Error::other(format!("`{object}` is no object")))?;
        make_folder(&self.folder)?;
        let draft = self.folder.join(format!("{object}.new"));
        put_in_place((File::create(&draft)?, &draft), &path, bytes)
    }

    /// Takes away what is not among these.
    pub fn keep_only(&self, objects: &BTreeSet<String>) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_str().is_none_or(|name| !objects.contains(name))) {
            if let Err(error) = fs::remove_file(entry.path()) {
                tracing::warn!(%error, "the copy of a model that does not answer any more stays");
            }
        }
    }

    /// A name that is no SHA-256 never becomes a path.
    fn path(&self, object: &str) -> Option<PathBuf> {
        let hex = object.len() == 64 && object.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        hex.then(|| self.folder.join(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_read_while_it_is_whole_and_wanted() {
        let folder = tempfile::tempdir().expect("a folder");
        let copies = Copies::of(folder.path());
        let object = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
        assert_eq!(copies.read(object), None);
        copies.write(object, b"foo").expect("written");
        assert_eq!(copies.read(object).as_deref(), Some(&b"foo"[..]));
        fs::write(folder.path().join(FOLDER).join(object), b"fop").expect("damaged");
        assert_eq!(copies.read(object), None, "its hash is another");
        copies.write(object, b"foo").expect("mended");
        copies.keep_only(&BTreeSet::from([object.to_owned()]));
        assert!(copies.read(object).is_some());
        copies.keep_only(&BTreeSet::new());
        assert_eq!(copies.read(object), None);
        assert!(copies.write("../token", b"x").is_err());
    }
}
