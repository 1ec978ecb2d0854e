//! Whether objects that others put into a bucket are there. Names are looked at, never what the objects hold.

use futures::StreamExt as _;
use object_store::path::Path as Location;

use crate::bucket::BucketStore;
use crate::{Bucket, Error};

/// How long a store that does not answer is asked again: the next look comes anyway.
const PATIENCE_MS: u64 = 10_000;

/// Most objects that one look tells of.
const MAX_FOUND: usize = 1_000;

/// Objects of a bucket by name: one, or all whose names begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPattern {
    bucket: String,
    /// What their keys begin with, or one key.
    key: String,
    begins: bool,
}

impl ObjectPattern {
    /// Reads `s3://bucket/key` or `s3://bucket/beginning*`.
    ///
    /// # Errors
    /// [`Error::NotAPattern`] for anything else.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let wrong = || Error::NotAPattern(url.chars().take(200).collect());
        let rest = url.strip_prefix("s3://").ok_or_else(wrong)?;
        let (bucket, key) = rest.split_once('/').ok_or_else(wrong)?;
        Bucket::split(&format!("s3://{bucket}")).map_err(|_| wrong())?;
        let (key, begins) = key.strip_suffix('*').map_or((key, false), |key| (key, true));
        let good = key.len() <= 1_024 && !key.contains('*') && !key.starts_with('/') && !key.contains("//");
        let empty = key.is_empty() || (key.ends_with('/') && !begins);
        if good && (begins || !empty) {
            Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), begins })
        } else {
            Err(wrong())
        }
    }

    /// Their names that are there now, in order; at most 1,000.
    ///
    /// # Errors
    /// When the store refuses, or does not answer in its time.
    pub async fn found(&self, asked: &Bucket) -> Result<Vec<String>, Error> {
        let (name, prefix) = (self.bucket.clone(), String::new());
        let bucket = Bucket { name, prefix, patience_ms: PATIENCE_MS, ..asked.clone() };
        let store = BucketStore::open(bucket)?;
        let what = || format!("s3://{}/{}{}", self.bucket, self.key, if self.begins { "*" } else { "" });
        let failed = |error| store.failed("look for", what(), error);
        if !self.begins {
            let there = store.range(&Location::from(self.key.as_str()), 0..1).await.map_err(failed)?;
            return Ok(there.map(|_| self.shown(&self.key)).into_iter().collect());
        }
        let folder = self.key.rsplit_once('/').map(|(folder, _)| Location::from(folder));
        let mut listed = store.list(folder.as_ref());
        let mut found = Vec::new();
        while let Some(object) = listed.next().await {
            let key = object.map_err(failed)?.location.to_string();
            if key.starts_with(&self.key) {
                found.push(self.shown(&key));
            }
            if found.len() == MAX_FOUND {
                break;
            }
        }
        drop(listed);
        found.sort();
        Ok(found)
    }

    fn shown(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_or_the_beginning_of_keys_is_read_and_nothing_else() {
        let read = |url: &str| ObjectPattern::parse(url).ok().map(|pattern| (pattern.key, pattern.begins));
        assert_eq!(read("s3://drops/2026/a.csv"), Some(("2026/a.csv".to_owned(), false)));
        assert_eq!(read("s3://drops/2026/a*"), Some(("2026/a".to_owned(), true)));
        assert_eq!(read("s3://drops/*"), Some((String::new(), true)));
        for wrong in [
            "drops/a",
            "s3://drops",
            "s3://drops/",
            "s3://drops/a/",
            "s3://drops/*a",
            "s3://drops//a",
            "s3://D/a",
            "file:///a",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
