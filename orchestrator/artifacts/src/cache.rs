//! Copies of a bucket's objects on this host, so that a build is fetched once. A copy is hashed at every read like
//! everything else, and one that is damaged, missing or cannot be written costs a download, nothing more. Several
//! processes share the folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};

use crate::objects::{sha256_here, shard};

/// After this part of the limit has been added, the folder is looked through for what has to go.
const LOOK_AFTER: u64 = 32;

/// The folder. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    limit_bytes: u64,
    /// By this process since it last looked.
    added_bytes: AtomicU64,
    /// For names of files that are being written.
    written: AtomicU64,
}

impl Cache {
    /// Nothing is made before the first copy. The first one looks the folder through.
    pub(crate) fn new(folder: PathBuf, limit_bytes: u64) -> Self {
        let (added_bytes, written) = (AtomicU64::new(limit_bytes), AtomicU64::new(0));
        Self { inner: Arc::new(Inner { folder, limit_bytes, added_bytes, written }) }
    }

    /// The copy, if there is a whole one.
    pub(crate) async fn get(&self, object: &str) -> Option<Bytes> {
        let (inner, object) = (Arc::clone(&self.inner), object.to_owned());
        tokio::task::spawn_blocking(move || inner.get(&object)).await.ok().flatten()
    }

    /// Keeps a copy of bytes whose hash is the object's name.
    pub(crate) async fn put(&self, object: &str, bytes: Bytes) {
        let (inner, object) = (Arc::clone(&self.inner), object.to_owned());
        // A disk that takes nothing makes the next read a download.
        let _ = tokio::task::spawn_blocking(move || inner.put(&object, &bytes)).await;
    }
}

impl Inner {
    fn path(&self, object: &str) -> Option<PathBuf> {
        Some(self.folder.join(shard(object).ok()?).join(object))
    }

    fn get(&self, object: &str) -> Option<Bytes> {
        let path = self.path(object)?;
        let mut file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        if sha256_here(&bytes) != object {
            let _ = fs::remove_file(path);
            return None;
        }
        // The oldest stamp goes first.
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let _ = futimens(&file, &Timestamps { last_access: now, last_modification: now });
        Some(bytes.into())
    }

    fn put(&self, object: &str, bytes: &[u8]) -> io::Result<()> {
        let size = bytes.len() as u64;
        let Some(path) = self.path(object).filter(|path| size <= self.limit_bytes && !path.exists()) else {
            return Ok(());
        };
        let parent = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(parent)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let staged = parent.join(format!("{object}.{}.{number}", std::process::id()));
        if let Err(error) = fs::write(&staged, bytes).and_then(|()| fs::rename(&staged, &path)) {
            let _ = fs::remove_file(staged);
            return Err(error);
        }
        if self.added_bytes.fetch_add(size, Ordering::Relaxed) + size > self.limit_bytes / LOOK_AFTER {
            self.added_bytes.store(0, Ordering::Relaxed);
            self.make_room()?;
        }
        Ok(())
    }

    /// Removes what was not used for longest until the rest is within the limit.
    fn make_room(&self) -> io::Result<()> {
        let mut files = files_of(&self.folder)?;
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        files.sort();
        for (_, size, path) in files {
            if total <= self.limit_bytes {
                break;
            }
            // Another process may have removed it.
            let _ = fs::remove_file(path);
            total -= size;
        }
        Ok(())
    }
}

/// Stamp, size and path of every file, those that a killed process left half-written too.
fn files_of(folder: &Path) -> io::Result<Vec<(SystemTime, u64, PathBuf)>> {
    let mut files = Vec::new();
    for shard in fs::read_dir(folder)?.flatten().filter(|shard| shard.path().is_dir()) {
        for file in fs::read_dir(shard.path())?.flatten() {
            let Ok(data) = file.metadata() else { continue };
            files.push((data.modified()?, data.len(), file.path()));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten bytes each, told apart by their number.
    fn object(number: u8) -> (String, Bytes) {
        let bytes = Bytes::from(vec![number; 10]);
        (sha256_here(&bytes), bytes)
    }

    fn age(folder: &Path, object: &str, seconds: i64) {
        let file = File::open(folder.join(&object[..2]).join(object)).expect("a copy");
        let stamp = Timespec { tv_sec: seconds, tv_nsec: 0 };
        futimens(&file, &Timestamps { last_access: stamp, last_modification: stamp }).expect("a stamp");
    }

    #[tokio::test]
    async fn what_was_not_used_for_longest_makes_room() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path().to_path_buf(), 30);
        let objects: Vec<_> = (0..4).map(object).collect();
        for (place, (name, bytes)) in objects[..3].iter().enumerate() {
            cache.put(name, bytes.clone()).await;
            age(folder.path(), name, 100 + i64::try_from(place).expect("small"));
        }
        // Used again, so the second is the oldest now.
        assert_eq!(cache.get(&objects[0].0).await, Some(objects[0].1.clone()));
        cache.put(&objects[3].0, objects[3].1.clone()).await;
        let kept = |number: usize| folder.path().join(&objects[number].0[..2]).join(&objects[number].0).exists();
        assert_eq!([kept(0), kept(1), kept(2), kept(3)], [true, false, true, true]);
    }

    #[tokio::test]
    async fn a_damaged_copy_is_no_copy_and_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path().to_path_buf(), 1000);
        let (name, bytes) = object(7);
        assert_eq!(cache.get(&name).await, None);
        cache.put(&name, bytes.clone()).await;
        let path = folder.path().join(&name[..2]).join(&name);
        fs::write(&path, b"something else").expect("damaged");
        assert_eq!(cache.get(&name).await, None);
        cache.put(&name, bytes.clone()).await;
        assert_eq!(cache.get(&name).await, Some(bytes));
        assert_eq!(
            fs::read_dir(path.parent().expect("a shard")).expect("listed").count(),
            1,
            "nothing half-written stays"
        );
    }

    #[tokio::test]
    async fn what_is_larger_than_the_limit_is_not_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path().join("cache"), 9);
        let (name, bytes) = object(1);
        cache.put(&name, bytes).await;
        assert!(!folder.path().join("cache").exists());
    }
}
