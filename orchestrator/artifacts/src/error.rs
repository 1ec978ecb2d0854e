//! What can go wrong with objects and logs, each with the next step for the user.

use std::error::Error as StdError;
use std::io;

/// Why an object or a log could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the name of an object.
    #[error("`{0}` is not an object: an object is named by the 64 hexadecimal digits of its SHA-256")]
    NotAnObject(String),
    /// Not the address of a bucket.
    #[error(
        "`{0}` is not a bucket: write s3://bucket or s3://bucket/prefix, the prefix of letters, digits and `-_.=+@`"
    )]
    NotABucket(String),
    /// A text that names no objects of a bucket.
    #[error("`{0}` names no object: write s3://bucket/key, or s3://bucket/beginning* for all keys that begin so")]
    NotAPattern(String),
    /// A bucket's settings do not fit together.
    #[error("{store} cannot be asked")]
    Settings {
        /// Which.
        store: String,
        /// The reason.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The store knows who asks and what for, and will not: nothing changes by asking again.
    #[error("could not {tried} {what}: {store} refused it ({code}: {message}); {}", next_step(code))]
    Refused {
        /// E.g. `read`.
        tried: &'static str,
        /// E.g. `object 1f…`.
        what: String,
        /// Which store.
        store: String,
        /// E.g. `ExpiredToken`.
        code: String,
        /// The store's own words.
        message: String,
    },
    /// There is no such bucket.
    #[error(
        "could not {tried} {what}: the bucket of {store} does not exist; make it, or name another one with --artifacts \
         or DAYBREAK_ARTIFACTS"
    )]
    NoBucket {
        /// E.g. `read`.
        tried: &'static str,
        /// E.g. `object 1f…`.
        what: String,
        /// Which store.
        store: String,
    },
    /// The store could not be reached, broke off or asked to slow down for too long.
    #[error(
        "could not {tried} {what}: {store} gave no good answer (tried again for up to {patience_s} s); see that it is up, \
         that it can be reached from this host and how many requests it allows, and try again"
    )]
    Away {
        /// E.g. `read`.
        tried: &'static str,
        /// E.g. `object 1f…`.
        what: String,
        /// Which store.
        store: String,
        /// How long it was tried.
        patience_s: f64,
        /// What was seen last.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Not the name of a log.
    #[error("`{0}` is not a run: a run's id is a ULID")]
    NotARun(String),
    /// The object is not in the store.
    #[error("object {object} is missing: run the task that made it again, or restore it from a backup")]
    Missing {
        /// SHA-256 (hex).
        object: String,
    },
    /// The object's bytes are not those that were stored.
    #[error(
        "object {object} is corrupt (its bytes now hash to {found}): run the task that made it again, which replaces \
         it, or restore it from a backup"
    )]
    Corrupt {
        /// SHA-256 (hex) under which it was stored.
        object: String,
        /// SHA-256 (hex) of what is there.
        found: String,
    },
    /// No room for it.
    #[error("no space left on the disk for {what}: free some space and try again, nothing was left half-written")]
    Full {
        /// What was being written.
        what: String,
    },
    /// The disk or the store failed.
    #[error("could not {tried} {what}")]
    Failed {
        /// E.g. `read`.
        tried: &'static str,
        /// E.g. `object 1f…`.
        what: String,
        /// The store's own words.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    /// Whether asking again changes nothing until somebody renews credentials, grants a right or makes a bucket.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::NoBucket { .. })
    }

    pub(crate) fn writing(what: String, source: impl StdError + Send + Sync + 'static) -> Self {
        match io_kind(&source) {
            Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Self::Full { what },
            _ => Self::Failed { tried: "write", what, source: Box::new(source) },
        }
    }

    pub(crate) fn reading(what: String, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::Failed { tried: "read", what, source: Box::new(source) }
    }
}

/// What helps against a refusal.
fn next_step(code: &str) -> &'static str {
    match code {
        "ExpiredToken" | "RequestExpired" | "TokenRefreshRequired" => {
            "the credentials have expired: renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN and start daybreak again"
        }
        "InvalidAccessKeyId" | "InvalidToken" | "InvalidClientTokenId" | "UnrecognizedClientException" => {
            "it does not know the key: check AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN and AWS_ENDPOINT_URL and start daybreak again"
        }
        "SignatureDoesNotMatch" => "check AWS_SECRET_ACCESS_KEY and start daybreak again",
        "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException" | "301" | "307" => {
            "set AWS_REGION to the bucket's region and start daybreak again"
        }
        "RequestTimeTooSkewed" => "set this host's clock",
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" | "403" => {
            "allow this key to list the bucket and to read, write and delete objects below the prefix"
        }
        _ => "the code is in S3's list of errors; check AWS_ENDPOINT_URL, AWS_REGION and the bucket's name",
    }
}

/// The kind of the first IO error in a chain of causes.
fn io_kind(error: &(dyn StdError + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return Some(error.kind());
        }
        cause = error.source();
    }
    None
}
