//! Stores for the stories: in a folder, or in a part of a bucket of one private S3 server that no other story uses.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use daybreak_artifacts::{Access, Artifacts, Bucket, LogName, LogPart, Place};
use daybreak_spec::Name;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::faulty_network::FaultyNetwork;
use crate::object_storage::{Key, ObjectStorage};

pub const RUN: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

/// One server for all stories; it ends with the process.
pub static STORAGE: LazyLock<ObjectStorage> = LazyLock::new(|| ObjectStorage::start().expect("an S3 server"));
static STORIES: AtomicU32 = AtomicU32::new(0);
/// Python's client is slow to start; not all at once.
static CLIENT: Mutex<()> = Mutex::new(());

/// A store as two hosts see it.
pub struct World {
    pub runtime: Runtime,
    pub artifacts: Artifacts,
    pub elsewhere: Artifacts,
    pub folder: TempDir,
    /// The bucket's; none for a folder.
    pub bucket: Option<Bucket>,
}

impl World {
    pub fn in_a_folder() -> Self {
        let (runtime, folder) = (runtime(), tempdir());
        let artifacts = Artifacts::local(&folder.path().join("artifacts")).expect("opens");
        Self { runtime, elsewhere: artifacts.clone(), artifacts, folder, bucket: None }
    }

    pub fn in_a_bucket() -> Self {
        let (runtime, folder) = (runtime(), tempdir());
        let bucket = bucket(&folder, &STORAGE.address, &STORAGE.owner);
        let there = Bucket { cache: folder.path().join("elsewhere"), ..bucket.clone() };
        let artifacts = open(&runtime, &bucket);
        Self { artifacts, elsewhere: open(&runtime, &there), runtime, folder, bucket: Some(bucket) }
    }

    /// Another client of the same objects, with a cache of its own, over a network that can break.
    pub fn over(&self, network: &FaultyNetwork, patience_ms: u64) -> Artifacts {
        self.with(|bucket| {
            bucket.endpoint = Some(format!("http://{}", network.address));
            bucket.cache = tempdir().keep();
            bucket.patience_ms = patience_ms;
        })
    }

    /// Another client of the same objects with other settings.
    pub fn with(&self, change: impl FnOnce(&mut Bucket)) -> Artifacts {
        let mut bucket = self.bucket.clone().expect("a bucket");
        change(&mut bucket);
        open(&self.runtime, &bucket)
    }

    pub fn put(&self, bytes: impl Into<bytes::Bytes>) -> String {
        self.runtime.block_on(self.artifacts.put(bytes.into())).expect("stored")
    }

    /// Overwrites what lies in an object's place.
    pub fn damage(&self, object: &str, bytes: &[u8]) {
        match (&self.bucket, self.artifacts.folder()) {
            (Some(bucket), _) => {
                let key = format!("{}/objects/{}/{object}", bucket.prefix, &object[..2]);
                let bytes = format!("{bytes:?}");
                client(&format!("s3.put_object(Bucket=bucket, Key='{key}', Body=bytes({bytes}))"));
            }
            (None, Some(folder)) => {
                std::fs::write(folder.join("objects").join(&object[..2]).join(object), bytes).expect("damaged");
            }
            (None, None) => unreachable!("a store is in a folder or in a bucket"),
        }
    }

    /// The keys below the prefix, by another client.
    pub fn keys(&self) -> Vec<String> {
        let prefix = &self.bucket.as_ref().expect("a bucket").prefix;
        let listed = client(&format!(
            "for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket, Prefix='{prefix}/'):\n\
             \x20   for found in page.get('Contents', []): print(found['Key'])"
        ));
        listed.lines().map(|key| key[prefix.len() + 1..].to_owned()).collect()
    }

    pub fn read_all(&self, artifacts: &Artifacts, log: &LogName) -> String {
        let (mut text, mut offset) = (String::new(), 0);
        loop {
            let LogPart { text: part, next_offset } = artifacts.read_log(log, offset, 1 << 20).expect("read");
            if next_offset == offset {
                return text;
            }
            text.push_str(&part);
            offset = next_offset;
        }
    }
}

pub fn log(fence: i64) -> LogName {
    LogName::new(RUN, &Name::parse("train").expect("a name"), 1, fence).expect("a ULID")
}

/// Amazon's own client for Python against the server, with `s3` and `bucket` at hand; what it printed.
pub fn client(script: &str) -> String {
    let _one_at_a_time = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    let (endpoint, Key { id, secret }) = (STORAGE.endpoint(), &STORAGE.owner);
    let bucket = ObjectStorage::BUCKET;
    let program = format!(
        "import boto3\nbucket = '{bucket}'\ns3 = boto3.client('s3', endpoint_url='{endpoint}', region_name='us-east-1', \
         aws_access_key_id='{id}', aws_secret_access_key='{secret}')\n{script}\n"
    );
    let output = Command::new("python3").args(["-c", &program]).output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn tempdir() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn bucket(folder: &TempDir, address: &str, key: &Key) -> Bucket {
    Bucket {
        name: ObjectStorage::BUCKET.to_owned(),
        prefix: format!("stories/{}", STORIES.fetch_add(1, Ordering::Relaxed)),
        endpoint: Some(format!("http://{address}")),
        region: "us-east-1".to_owned(),
        access: Access { key_id: key.id.clone(), secret_key: key.secret.clone(), session_token: None },
        cache: folder.path().join("cache"),
        cache_bytes: 1 << 30,
        patience_ms: 20_000,
    }
}

fn open(runtime: &Runtime, bucket: &Bucket) -> Artifacts {
    let _entered = runtime.enter();
    Artifacts::open(&Place::Bucket(Box::new(bucket.clone()))).expect("opens")
}

/// The file of a copy in a cache.
pub fn copy(bucket: &Bucket, object: &str) -> PathBuf {
    bucket.cache.join(&object[..2]).join(object)
}

/// Runs each story on a folder and on a bucket.
macro_rules! on_both {
    ($($story:ident),* $(,)?) => {
        mod in_a_folder {
            $(#[test] fn $story() { super::$story(&crate::support::World::in_a_folder()); })*
        }
        mod in_a_bucket {
            $(#[test] fn $story() { super::$story(&crate::support::World::in_a_bucket()); })*
        }
    };
}
pub(crate) use on_both;
