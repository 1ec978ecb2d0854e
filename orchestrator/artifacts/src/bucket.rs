//! Objects in a bucket of an S3 server. An upload is one request, or parts that appear together when the last step is
//! made, so nothing half-written is ever seen. Throttling and broken connections are tried again for a bounded time, a
//! refusal never.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use md5::{Digest as _, Md5};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Location;
use object_store::{BackoffConfig, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::cache::Cache;
use crate::connector::{Connector, Refusal};
use crate::objects::{hex, shard, whole};
use crate::{Bucket, Error};

/// Larger objects are sent in parts of this size.
pub(crate) const PART_BYTES: usize = 16 << 20;
/// Parts on their way at once.
const PARTS_AT_ONCE: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A bucket.
pub(crate) struct BucketStore {
    pub(crate) bucket: Bucket,
    pub(crate) runtime: Handle,
    store: AmazonS3,
    cache: Cache,
}

/// What `store` shows of itself holds the credentials.
impl fmt::Debug for BucketStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bucket.fmt(f)
    }
}

impl BucketStore {
    pub(crate) fn open(bucket: Bucket) -> Result<Self, Error> {
        let retry = RetryConfig {
            backoff: BackoffConfig { init_backoff: FIRST_PAUSE, max_backoff: LONGEST_PAUSE, base: 2.0 },
            max_retries: usize::MAX,
            retry_timeout: Duration::from_millis(bucket.patience_ms),
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&bucket.name)
            .with_region(&bucket.region)
            .with_access_key_id(&bucket.access.key_id)
            .with_secret_access_key(&bucket.access.secret_key)
            .with_http_connector(Connector)
            .with_retry(retry);
        if let Some(token) = &bucket.access.session_token {
            builder = builder.with_token(token);
        }
        // A name with dots would not match the certificate of `name.s3.region.amazonaws.com`.
        builder = match &bucket.endpoint {
            Some(endpoint) => builder.with_endpoint(endpoint),
            None => builder.with_virtual_hosted_style_request(!bucket.name.contains('.')),
        };
        let store = builder
            .build()
            .map_err(|source| Error::Settings { store: bucket.to_string(), source: Box::new(source) })?;
        let runtime = Handle::try_current()
            .map_err(|source| Error::Settings { store: bucket.to_string(), source: Box::new(source) })?;
        let cache = Cache::new(bucket.cache.clone(), bucket.cache_bytes);
        Ok(Self { bucket, runtime, store, cache })
    }

    /// The place below the prefix.
    pub(crate) fn at(&self, parts: &[&str]) -> Location {
        let prefix = self.bucket.prefix.split('/').filter(|part| !part.is_empty());
        Location::from_iter(prefix.chain(parts.iter().copied()))
    }

    fn location(&self, object: &str) -> Result<Location, Error> {
        Ok(self.at(&["objects", shard(object)?, object]))
    }

    pub(crate) async fn put(&self, object: &str, bytes: Bytes) -> Result<(), Error> {
        let location = self.location(object)?;
        if !self.holds(&location, &bytes).await {
            let sent = if bytes.len() <= PART_BYTES {
                self.store.put(&location, PutPayload::from_bytes(bytes.clone())).await.map(|_| ())
            } else {
                self.put_in_parts(&location, &bytes).await
            };
            sent.map_err(|error| self.failed("write", format!("object {object}"), error))?;
        }
        self.cache.put(object, bytes).await;
        Ok(())
    }

    /// Whether these very bytes are there, as far as the store can tell. What it cannot tell, the upload does.
    async fn holds(&self, location: &Location, bytes: &Bytes) -> bool {
        let Ok(ObjectMeta { size, e_tag: Some(tag), .. }) = self.store.head(location).await else { return false };
        size == bytes.len() as u64 && tag.trim_matches('"') == tag_of(bytes).await
    }

    async fn put_in_parts(&self, location: &Location, bytes: &Bytes) -> object_store::Result<()> {
        let mut upload = self.store.put_multipart(location).await?;
        let mut parts = JoinSet::new();
        let mut sent = Ok(());
        for start in (0..bytes.len()).step_by(PART_BYTES) {
            if parts.len() == PARTS_AT_ONCE {
                sent = ended(parts.join_next().await);
            }
            if sent.is_err() {
                break;
            }
            let part = bytes.slice(start..bytes.len().min(start + PART_BYTES));
            parts.spawn(upload.put_part(PutPayload::from_bytes(part)));
        }
        while sent.is_ok() && !parts.is_empty() {
            sent = ended(parts.join_next().await);
        }
        if sent.is_ok() {
            sent = upload.complete().await.map(|_| ());
        }
        if sent.is_err() {
            parts.shutdown().await;
            // What cannot be taken back is not seen by anybody, and goes with the bucket's rule for it.
            let _ = upload.abort().await;
        }
        sent
    }

    pub(crate) async fn get(&self, object: &str) -> Result<Bytes, Error> {
        let location = self.location(object)?;
        if let Some(bytes) = self.cache.get(object).await {
            return Ok(bytes);
        }
        let bytes = match whole(object, self.download(object, &location).await?).await {
            // On its way or in the store? Once more tells.
            Err(Error::Corrupt { .. }) => whole(object, self.download(object, &location).await?).await?,
            read => read?,
        };
        self.cache.put(object, bytes.clone()).await;
        Ok(bytes)
    }

    async fn download(&self, object: &str, location: &Location) -> Result<Bytes, Error> {
        let failed = |error: object_store::Error| match error {
            object_store::Error::NotFound { .. } if Refusal::of(&error).is_none() => {
                Error::Missing { object: object.to_owned() }
            }
            error => self.failed("read", format!("object {object}"), error),
        };
        self.store.get(location).await.map_err(failed)?.bytes().await.map_err(failed)
    }

    pub(crate) async fn exists(&self, object: &str) -> Result<bool, Error> {
        let location = self.location(object)?;
        let error = match self.store.head(&location).await {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        // The answer to this question has no body: the reason of a refusal, and that the bucket is missing, come with a read.
        match self.range(&location, 0..1).await {
            Ok(found) => Ok(found.is_some()),
            Err(error) => Err(self.failed("look for", format!("object {object}"), error)),
        }
        .map_err(|reason| {
            if reason.is_refusal() { reason } else { self.failed("look for", format!("object {object}"), error) }
        })
    }

    /// A stretch of what lies there, cut where it ends; none: nothing lies there.
    pub(crate) async fn range(&self, location: &Location, range: Range<u64>) -> object_store::Result<Option<Bytes>> {
        let read = match self.store.get_opts(location, GetOptions::new().with_range(Some(range))).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => match (Refusal::of(&error), &error) {
                (Some(refusal), _) if refusal.status == 416 => Ok(Some(Bytes::new())),
                (None, object_store::Error::NotFound { .. }) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Writes or replaces what lies there.
    pub(crate) async fn replace(&self, location: &Location, bytes: Bytes) -> object_store::Result<()> {
        self.store.put(location, PutPayload::from_bytes(bytes)).await.map(|_| ())
    }

    pub(crate) async fn remove(&self, location: &Location) -> object_store::Result<()> {
        self.store.delete(location).await
    }

    /// All that lies below a folder, in pages as they are asked for.
    pub(crate) fn list(&self, folder: Option<&Location>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.store.list(folder)
    }

    /// The first key below `folder` after `after`.
    pub(crate) async fn first_after(
        &self,
        folder: &Location,
        after: &Location,
    ) -> object_store::Result<Option<Location>> {
        let mut listed = self.store.list_with_offset(Some(folder), after);
        Ok(listed.next().await.transpose()?.map(|found| found.location))
    }

    /// The error in words that say what to do.
    pub(crate) fn failed(&self, tried: &'static str, what: String, source: object_store::Error) -> Error {
        let store = self.bucket.to_string();
        match Refusal::of(&source) {
            Some(refusal) if refusal.code == "NoSuchBucket" => Error::NoBucket { tried, what, store },
            Some(refusal) => {
                let status = || refusal.status.to_string();
                let code = if refusal.code.is_empty() { status() } else { refusal.code.clone() };
                Error::Refused { tried, what, store, code, message: refusal.message.clone() }
            }
            None => {
                let patience_s = Duration::from_millis(self.bucket.patience_ms).as_secs_f64();
                Error::Away { tried, what, store, patience_s, source: Box::new(source) }
            }
        }
    }
}

/// The end of a part's upload.
fn ended(joined: Option<Result<object_store::Result<()>, tokio::task::JoinError>>) -> object_store::Result<()> {
    match joined {
        Some(Ok(sent)) => sent,
        Some(Err(error)) => Err(object_store::Error::Generic { store: "S3", source: Box::new(error) }),
        None => Ok(()),
    }
}

/// The tag that S3 gives to an object that was sent as [`BucketStore::put`] does: the MD5 of its bytes, or of the MD5s of
/// its parts and their number. Where a bucket encrypts with keys of its own, tags are something else and the object is sent again.
async fn tag_of(bytes: &Bytes) -> String {
    let bytes = bytes.clone();
    let hashed = tokio::task::spawn_blocking(move || {
        if bytes.len() <= PART_BYTES {
            return hex(&Md5::digest(&bytes));
        }
        let mut parts = Md5::new();
        for part in bytes.chunks(PART_BYTES) {
            parts.update(Md5::digest(part));
        }
        format!("{}-{}", hex(&parts.finalize()), bytes.len().div_ceil(PART_BYTES))
    });
    hashed.await.expect("hashing does not panic, and a runtime that shuts down polls no more")
}
