//! Where objects and logs are: a folder of this host, or a bucket that hosts share. Read from settings by `cli`, handed
//! on to child processes over their socket. Never shows a credential.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Error;

/// How long a store that does not answer or asks to slow down is tried again.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How much of a bucket's objects is kept on this host.
pub const CACHE_BYTES: u64 = 20 << 30;

/// Where objects and logs are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Place {
    /// In a folder of this host.
    Folder(PathBuf),
    /// In a bucket of an S3 server.
    Bucket(Box<Bucket>),
}

/// A part of a bucket, and how it is asked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// What the keys of all objects and logs begin with; may be empty.
    pub prefix: String,
    /// The server, e.g. `http://127.0.0.1:9000`; none: Amazon's of the region.
    pub endpoint: Option<String>,
    /// E.g. `eu-central-1`.
    pub region: String,
    /// Who asks.
    pub access: Access,
    /// The folder for copies of objects on this host.
    pub cache: PathBuf,
    /// How large it may become.
    pub cache_bytes: u64,
    /// How long a server that does not answer or asks to slow down is tried again.
    pub patience_ms: u64,
}

/// Credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// The name of the key.
    pub key_id: String,
    /// The key.
    pub secret_key: String,
    /// Of credentials that last only for a session.
    pub session_token: Option<String>,
}

impl Bucket {
    /// Splits `s3://bucket/prefix` into the bucket's name and the prefix, which may be empty.
    ///
    /// # Errors
    /// [`Error::NotABucket`] for anything else.
    pub fn split(url: &str) -> Result<(String, String), Error> {
        let wrong = || Error::NotABucket(url.chars().take(200).collect());
        let rest = url.strip_prefix("s3://").ok_or_else(wrong)?;
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let good_name = (3..=63).contains(&name.len())
            && name.bytes().all(|byte| alphanumeric(byte) || byte == b'-' || byte == b'.')
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.ends_with(|last: char| last.is_ascii_alphanumeric());
        let good_part = |part: &str| {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=+@".contains(&byte);
            !part.is_empty() && part != "." && part != ".." && part.bytes().all(good)
        };
        let good_prefix = prefix.is_empty() || (prefix.len() <= 512 && prefix.split('/').all(good_part));
        if good_name && good_prefix { Ok((name.to_owned(), prefix.to_owned())) } else { Err(wrong()) }
    }
}

impl Bucket {
    /// `s3://bucket/prefix`
    pub fn url(&self) -> String {
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("s3://{}{slash}{}", self.name, self.prefix)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "the folder {}", folder.display()),
            Self::Bucket(bucket) => write!(f, "{bucket}"),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())?;
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => write!(f, " in {}", self.region),
        }
    }
}

/// Jobs are shown in errors and logs; a credential must not be.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({self})")
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_and_its_prefix_are_split() {
        let split = |url: &str| Bucket::split(url).expect("an address");
        let of = |name: &str, prefix: &str| (name.to_owned(), prefix.to_owned());
        assert_eq!(split("s3://ml-artefacts"), of("ml-artefacts", ""));
        assert_eq!(split("s3://ml.artefacts/"), of("ml.artefacts", ""));
        assert_eq!(split("s3://artefacts/teams/risk/"), of("artefacts", "teams/risk"));
    }

    #[test]
    fn what_is_no_bucket_or_could_leave_its_prefix_is_refused() {
        let wrong = [
            "",
            "artefacts",
            "gs://artefacts",
            "s3:/artefacts",
            "s3://",
            "s3://ab",
            "s3://Upper",
            "s3://-a-",
            "s3://a_b_c",
            "s3://artefacts//a",
            "s3://artefacts/a//b",
            "s3://artefacts/../a",
            "s3://artefacts/a/.",
            "s3://artefacts/a b",
            "s3://artefacts/a?b",
            "s3://artefacts/ä",
            "s3://key:secret@artefacts",
        ];
        for url in wrong {
            assert!(matches!(Bucket::split(url), Err(Error::NotABucket(_))), "{url}");
        }
    }

    #[test]
    fn no_credential_is_shown() {
        let access = Access {
            key_id: "AKIA-SEEN".to_owned(),
            secret_key: "SECRET-SEEN".to_owned(),
            session_token: Some("TOKEN-SEEN".to_owned()),
        };
        let bucket = Bucket {
            name: "artefacts".to_owned(),
            prefix: "risk".to_owned(),
            endpoint: None,
            region: "eu-central-1".to_owned(),
            access,
            cache: PathBuf::from("/cache"),
            cache_bytes: 1,
            patience_ms: 1,
        };
        let place = Place::Bucket(Box::new(bucket.clone()));
        let shown = format!("{place} {place:?} {bucket:?} {:?}", bucket.access);
        assert!(shown.contains("s3://artefacts/risk in eu-central-1"));
        assert!(!shown.contains("SEEN"), "{shown}");
    }
}
