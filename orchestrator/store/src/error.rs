//! What can go wrong with the state, in the words of whoever asked. To add a case: a variant, and its answer in
//! `server`'s mapping to HTTP.

use std::path::PathBuf;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The fence is not the current one.
    #[error("the attempt is no longer current")]
    Stale,
    /// The worker is not known under this epoch.
    #[error("the worker is not registered any more")]
    ReRegister,
    /// The thing does not exist.
    #[error("{0}")]
    NotFound(String),
    /// It cannot be done for what it says or for the state things are in.
    #[error("{0}")]
    Refused(String),
    /// A row that was just read has changed since.
    #[error("{what} was changed by somebody else meanwhile; it is left as it is now")]
    Conflict {
        /// Which row.
        what: String,
    },
    /// The disk is full. Nothing was written and nothing lost.
    #[error("the disk of the state database is full: nothing was written; free some space and try again")]
    Full,
    /// The database refused a statement.
    #[error("the state database refused a statement")]
    Database(#[source] sqlx::Error),
    /// A stored row does not read.
    #[error("a stored {what} does not read: {detail}")]
    Corrupt {
        /// What it was to be.
        what: &'static str,
        /// Why it is not.
        detail: String,
    },
    /// The transaction could not be made durable; nothing of it was acknowledged.
    #[error("the state could not be made durable: {0}")]
    NotDurable(String),
    /// The store has been closed.
    #[error("the state database is closed")]
    Closed,
    /// The database could not be opened.
    #[error("the state database {} could not be opened: {detail}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        detail: String,
    },
}

impl Error {
    /// The engine may have undone the whole transaction, not just the failing statement.
    pub(crate) fn is_database_fault(&self) -> bool {
        matches!(self, Self::Full | Self::Database(_))
    }

    pub(crate) fn corrupt(what: &'static str) -> impl Fn(String) -> Self {
        move |detail| Self::Corrupt { what, detail }
    }
}

/// SQLite's primary result codes that matter here (<https://www.sqlite.org/rescode.html>).
const SQLITE_FULL: i32 = 13;

/// A write beside the database failed (`SQLITE_IOERR`); on opening it is the shared memory that finds no space.
const SQLITE_IOERR: i32 = 10;

/// Why the database does not open, with what to do where the code tells.
pub(crate) fn why_not_opened(error: &sqlx::Error) -> String {
    match primary_code(error) {
        Some(SQLITE_FULL | SQLITE_IOERR) => format!("{error}; the disk may be full: free some space and try again"),
        _ => error.to_string(),
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if primary_code(&error) == Some(SQLITE_FULL) { Self::Full } else { Self::Database(error) }
    }
}
