//! Objects named by the SHA-256 of their bytes. What is read is hashed again, so a caller never sees bytes other than
//! those that were stored, wherever they are.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path as Location;
use sha2::{Digest as _, Sha256};

use crate::bucket::BucketStore;
use crate::folder::Folder;
use crate::{Error, Place};

/// Objects up to this size are hashed where they stand, larger ones on a blocking thread.
const HASHED_INLINE_BYTES: usize = 128 << 10;

/// A store of objects and logs. Clones share it.
#[derive(Clone, Debug)]
pub struct Artifacts {
    pub(crate) kept: Kept,
}

/// Where they are.
#[derive(Clone, Debug)]
pub(crate) enum Kept {
    Folder(Folder),
    Bucket(Arc<BucketStore>),
}

impl Artifacts {
    /// Opens the store at a place. A bucket is not asked for anything yet, but needs a tokio runtime.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or the bucket's settings do not fit together.
    pub fn open(place: &Place) -> Result<Self, Error> {
        match place {
            Place::Folder(folder) => Self::local(folder),
            Place::Bucket(bucket) => {
                Ok(Self { kept: Kept::Bucket(Arc::new(BucketStore::open(bucket.as_ref().clone())?)) })
            }
        }
    }

    /// Opens the store in `folder`, which is made where it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn local(folder: &Path) -> Result<Self, Error> {
        Ok(Self { kept: Kept::Folder(Folder::open(folder)?) })
    }

    /// Where it is, for a child process that opens it again.
    pub fn place(&self) -> Place {
        match &self.kept {
            Kept::Folder(folder) => Place::Folder(folder.path.clone()),
            Kept::Bucket(store) => Place::Bucket(Box::new(store.bucket.clone())),
        }
    }

    /// The folder it is in; none where it is a bucket.
    pub fn folder(&self) -> Option<&Path> {
        match &self.kept {
            Kept::Folder(folder) => Some(&folder.path),
            Kept::Bucket(_) => None,
        }
    }

    /// Stores the bytes and returns their SHA-256 in hex. Storing the same bytes again is the same as storing them once,
    /// and mends an object that has been damaged.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Failed`], or what a bucket said; no object is visible then unless it was whole before.
    pub async fn put(&self, bytes: Bytes) -> Result<String, Error> {
        let object = sha256(&bytes).await;
        match &self.kept {
            Kept::Folder(folder) => folder.put(&object, bytes).await?,
            Kept::Bucket(bucket) => bucket.put(&object, bytes).await?,
        }
        Ok(object)
    }

    /// The bytes of an object, after their hash has been checked.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Corrupt`], [`Error::Failed`], what a bucket said, or [`Error::NotAnObject`] for a
    /// malformed name.
    pub async fn get(&self, object: &str) -> Result<Bytes, Error> {
        match &self.kept {
            Kept::Folder(folder) => whole(object, folder.get(object).await?).await,
            Kept::Bucket(bucket) => bucket.get(object).await,
        }
    }

    /// Whether an object is there; its bytes are not checked.
    ///
    /// # Errors
    /// [`Error::Failed`], what a bucket said, or [`Error::NotAnObject`] for a malformed name.
    pub async fn exists(&self, object: &str) -> Result<bool, Error> {
        match &self.kept {
            Kept::Folder(folder) => folder.exists(object).await,
            Kept::Bucket(bucket) => bucket.exists(object).await,
        }
    }

    /// Removes what a killed process left while it wrote objects to a folder and returns how many files that was. Only
    /// for the owner of the state folder before any worker runs: a write in progress would be lost. In a bucket nothing
    /// half-written can be seen; parts of uploads that were broken off are a matter of its lifecycle rules.
    ///
    /// # Errors
    /// [`Error::Failed`] when the folder cannot be read or a file cannot be removed.
    pub fn remove_half_written(&self) -> Result<u64, Error> {
        match &self.kept {
            Kept::Folder(folder) => folder.remove_half_written(),
            Kept::Bucket(_) => Ok(0),
        }
    }
}

/// The bytes, if they are the object's.
pub(crate) async fn whole(object: &str, bytes: Bytes) -> Result<Bytes, Error> {
    let found = sha256(&bytes).await;
    if found == object { Ok(bytes) } else { Err(Error::Corrupt { object: object.to_owned(), found }) }
}

/// Where an object lies. The only place that makes a path from an object's name.
pub(crate) fn location(object: &str) -> Result<Location, Error> {
    Ok(Location::from_iter(["objects", shard(object)?, object]))
}

/// The folder of an object: its first two digits.
pub(crate) fn shard(object: &str) -> Result<&str, Error> {
    let is_hex = object.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if object.len() != 64 || !is_hex {
        return Err(Error::NotAnObject(object.chars().take(80).collect()));
    }
    Ok(&object[..2])
}

pub(crate) async fn sha256(bytes: &Bytes) -> String {
    if bytes.len() <= HASHED_INLINE_BYTES {
        return sha256_here(bytes);
    }
    let bytes = bytes.clone();
    let hashed = tokio::task::spawn_blocking(move || sha256_here(&bytes)).await;
    hashed.expect("hashing does not panic, and a runtime that shuts down polls no more")
}

pub(crate) fn sha256_here(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(crate) fn hex(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest.iter().fold(String::with_capacity(2 * digest.len()), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every write");
        text
    })
}
