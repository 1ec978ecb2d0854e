//! What can go wrong with objects and logs, each with the next step for the user.

use std::error::Error as StdError;
use std::io;

/// Why an object or a log could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the name of an object.
    #[error("`{0}` is not an object: an object is named by the 64 hexadecimal digits of its SHA-256")]
    NotAnObject(String),
    /// Not the name of a log.
    #[error("`{0}` is not a run: a run's id is a ULID")]
    NotARun(String),
    /// The object is not in the store.
    #[error("object {object} is missing: run the task that made it again, or restore `objects/` from a backup")]
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
