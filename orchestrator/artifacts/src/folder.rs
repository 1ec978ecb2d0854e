//! Objects in a local folder: `objects/<first two digits>/<all digits>`. What is written is on the disk (fsync of file
//! and folder) before `put` returns.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::ObjectStoreExt as _;
use object_store::local::LocalFileSystem;

use crate::Error;
use crate::objects::{location, shard};
use crate::whole_file::{make_folder, put_in_place};

/// Between an object's name and the number of a draft of it.
const DRAFT: char = '#';
/// How often a draft is written again that somebody has cleared away.
const MOST_CLEARED: u32 = 3;

/// One folder. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    store: Arc<LocalFileSystem>,
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let what = || format!("the folder {}", folder.display());
        make_folder(&folder.join("objects")).map_err(|source| Error::writing(what(), source))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|source| Error::reading(what(), source))?;
        let path = folder.canonicalize().map_err(|source| Error::reading(what(), source))?;
        Ok(Self { store: Arc::new(store), path })
    }

    pub(crate) async fn put(&self, object: &str, bytes: Bytes) -> Result<(), Error> {
        let path = self.path.join("objects").join(shard(object)?).join(object);
        let written = tokio::task::spawn_blocking(move || write(&path, &bytes)).await;
        let written = written.unwrap_or_else(|ended| Err(io::Error::other(ended)));
        written.map_err(|source| Error::writing(format!("object {object}"), source))
    }

    pub(crate) async fn get(&self, object: &str) -> Result<Bytes, Error> {
        let failed = |source: object_store::Error| match source {
            object_store::Error::NotFound { .. } => Error::Missing { object: object.to_owned() },
            source => Error::reading(format!("object {object}"), source),
        };
        self.store.get(&location(object)?).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    pub(crate) async fn exists(&self, object: &str) -> Result<bool, Error> {
        match self.store.head(&location(object)?).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(Error::reading(format!("object {object}"), source)),
        }
    }

    pub(crate) fn remove_half_written(&self) -> Result<u64, Error> {
        let failed = |source| Error::Failed {
            tried: "clear half-written files of",
            what: "the artefact store".to_owned(),
            source: Box::<std::io::Error>::new(source),
        };
        let mut removed = 0;
        for shard in std::fs::read_dir(self.path.join("objects")).map_err(failed)? {
            let shard = shard.map_err(failed)?;
            if !shard.file_type().map_err(failed)?.is_dir() {
                continue;
            }
            for file in std::fs::read_dir(shard.path()).map_err(failed)? {
                let file = file.map_err(failed)?;
                if file.file_name().to_string_lossy().contains(DRAFT) {
                    std::fs::remove_file(file.path()).map_err(failed)?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

/// Each writer has a draft of its own, for several processes may write one object at a time.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (mut number, mut cleared) = (0, 0);
    loop {
        number += 1;
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!("{DRAFT}{number}"));
        let draft = PathBuf::from(draft);
        let opened = OpenOptions::new().write(true).create_new(true).open(&draft);
        let written = opened.and_then(|file| put_in_place((file, &draft), path, bytes));
        match written.map_err(|error| (error.kind(), error)) {
            Ok(()) => return Ok(()),
            Err((io::ErrorKind::AlreadyExists, _)) => {}
            // The first object of its shard; or a server that has just started took the draft for what a killed process left.
            Err((io::ErrorKind::NotFound, _)) if cleared < MOST_CLEARED => {
                cleared += 1;
                make_folder(path.parent().unwrap_or(path))?;
            }
            Err((_, error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::Artifacts;
    use crate::objects::sha256;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn opened() -> (tempfile::TempDir, Artifacts) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let artifacts = Artifacts::local(&folder.path().join("artifacts")).expect("opens");
        (folder, artifacts)
    }

    fn file(artifacts: &Artifacts, object: &str) -> PathBuf {
        artifacts.folder().expect("a folder").join("objects").join(&object[..2]).join(object)
    }

    #[tokio::test]
    async fn an_object_is_named_by_its_sha256_and_read_back() {
        let (_folder, artifacts) = opened();
        let object = artifacts.put(Bytes::from_static(b"hello")).await.expect("stored");
        assert_eq!(object, HELLO);
        assert!(file(&artifacts, HELLO).is_file());
        assert_eq!(artifacts.get(HELLO).await.expect("read"), Bytes::from_static(b"hello"));
        assert!(artifacts.exists(HELLO).await.expect("looked up"));
    }

    #[tokio::test]
    async fn storing_the_same_bytes_from_many_tasks_at_once_gives_one_object() {
        let (_folder, artifacts) = opened();
        let bytes = Bytes::from(vec![7_u8; 1 << 20]);
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let (artifacts, bytes) = (artifacts.clone(), bytes.clone());
                tokio::spawn(async move { artifacts.put(bytes).await })
            })
            .collect();
        let mut names = std::collections::BTreeSet::new();
        for writer in writers {
            names.insert(writer.await.expect("runs").expect("stored"));
        }
        assert_eq!(names.len(), 1);
        let object = names.pop_first().expect("one name");
        assert_eq!(artifacts.get(&object).await.expect("read"), bytes);
        let shard = file(&artifacts, &object).parent().expect("a shard").to_path_buf();
        assert_eq!(std::fs::read_dir(shard).expect("listed").count(), 1);
    }

    #[tokio::test]
    async fn a_missing_object_is_named() {
        let (_folder, artifacts) = opened();
        let error = artifacts.get(HELLO).await.expect_err("not there");
        assert!(matches!(&error, Error::Missing { object } if object == HELLO));
        assert!(error.to_string().contains(HELLO));
        assert!(!artifacts.exists(HELLO).await.expect("looked up"));
    }

    #[tokio::test]
    async fn every_flipped_or_cut_byte_is_found_and_storing_again_mends_it() {
        let (_folder, artifacts) = opened();
        artifacts.put(Bytes::from_static(b"hello")).await.expect("stored");
        for position in 0..5 {
            let mut damaged = b"hello".to_vec();
            damaged[position] ^= 1;
            std::fs::write(file(&artifacts, HELLO), &damaged).expect("damaged");
            let error = artifacts.get(HELLO).await.expect_err("damaged");
            assert!(matches!(&error, Error::Corrupt { object, .. } if object == HELLO));
        }
        std::fs::write(file(&artifacts, HELLO), b"hell").expect("cut");
        assert!(matches!(artifacts.get(HELLO).await, Err(Error::Corrupt { .. })));
        artifacts.put(Bytes::from_static(b"hello")).await.expect("stored");
        assert_eq!(artifacts.get(HELLO).await.expect("mended"), Bytes::from_static(b"hello"));
    }

    #[tokio::test]
    async fn a_name_that_is_not_a_hash_never_becomes_a_path() {
        let (_folder, artifacts) = opened();
        let upper = HELLO.to_uppercase();
        let dotted = format!("..{}", &HELLO[2..]);
        for name in ["", "..", "../../etc/passwd", "/etc/passwd", "2cf24", &upper, &dotted, &format!("{HELLO}\0")] {
            assert!(matches!(artifacts.get(name).await, Err(Error::NotAnObject(_))), "{name}");
            assert!(matches!(artifacts.exists(name).await, Err(Error::NotAnObject(_))), "{name}");
        }
    }

    #[tokio::test]
    async fn what_a_killed_writer_left_is_cleared_and_nothing_else() {
        let (_folder, artifacts) = opened();
        artifacts.put(Bytes::from_static(b"hello")).await.expect("stored");
        let staged = file(&artifacts, HELLO).with_file_name(format!("{HELLO}#1"));
        std::fs::write(&staged, b"hel").expect("staged");
        assert_eq!(artifacts.remove_half_written().expect("cleared"), 1);
        assert!(!staged.exists());
        assert!(artifacts.get(HELLO).await.is_ok());
    }

    /// A server that starts clears drafts away while workers write.
    #[tokio::test]
    async fn a_draft_that_is_cleared_away_while_it_is_written_is_written_again() {
        let (_folder, artifacts) = opened();
        let (clearing, cleared) = (artifacts.clone(), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&cleared);
        let clear = move || {
            if count.load(Ordering::Relaxed) < 2 {
                count.fetch_add(clearing.remove_half_written().expect("cleared"), Ordering::Relaxed);
            }
        };
        fail::cfg_callback("cp08.after", clear).expect("set");
        let object = artifacts.put(Bytes::from_static(b"hello")).await;
        fail::remove("cp08.after");
        assert_eq!(object.expect("stored"), HELLO);
        assert_eq!(cleared.load(Ordering::Relaxed), 2);
        assert!(artifacts.get(HELLO).await.is_ok());
    }

    /// A folder in the way makes the last step fail, after everything has been written.
    #[tokio::test]
    async fn a_write_that_fails_leaves_no_file_behind() {
        let (_folder, artifacts) = opened();
        let object = sha256(&Bytes::from_static(b"hello")).await;
        let shard = file(&artifacts, &object).parent().expect("a shard").to_path_buf();
        std::fs::create_dir_all(file(&artifacts, &object)).expect("a folder stands where the object should go");
        let error = artifacts.put(Bytes::from_static(b"hello")).await.expect_err("cannot be renamed over a folder");
        assert!(matches!(error, Error::Failed { tried: "write", .. }));
        assert_eq!(std::fs::read_dir(shard).expect("listed").count(), 1, "only the folder is there");
    }

    #[test]
    fn a_full_disk_is_told_apart_from_other_failures() {
        let full = object_store::Error::Generic {
            store: "test",
            source: Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull)),
        };
        let error = Error::writing("object x".to_owned(), full);
        assert!(matches!(error, Error::Full { .. }));
        assert!(error.to_string().contains("free some space"));
    }
}
