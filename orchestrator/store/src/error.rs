//! What can go wrong with the state, in the words of whoever asked. To add a case: a variant, and its answer in
//! `server`'s mapping to HTTP.

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
    /// It does not fit what the thing is doing at the moment.
    #[error("{0}")]
    NotNow(String),
    /// A row that was just read has changed since.
    #[error("{what} was changed by somebody else meanwhile; it is left as it is now")]
    Conflict {
        /// Which row.
        what: String,
    },
    /// The disk is full. Nothing was written and nothing lost.
    #[error("the disk of the state database is full: nothing was written; free some space and try again")]
    Full,
    /// Servers that share the database kept getting in each other's way.
    #[error("other servers were writing the same rows of {database} for too long; nothing was written: try again")]
    Contended {
        /// Which database.
        database: String,
    },
    /// The database does not answer. Work goes on by itself when it is back.
    #[error("the state database {database} is away ({detail}); try again when it is back")]
    Away {
        /// Which database.
        database: String,
        /// What was seen of it.
        detail: String,
    },
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
    #[error("the state database {database} could not be opened: {detail}")]
    Open {
        /// Which database.
        database: String,
        /// What is wrong and what to do.
        detail: String,
    },
}

impl Error {
    /// The engine may have undone the whole transaction, not just the failing statement.
    pub(crate) fn is_database_fault(&self) -> bool {
        matches!(self, Self::Full | Self::Database(_)) || self.passes()
    }

    /// Says nothing about the command: the same transaction may well do when it is run again.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Contended { .. })
    }

    pub(crate) fn corrupt(what: &'static str) -> impl Fn(String) -> Self {
        move |detail| Self::Corrupt { what, detail }
    }
}

/// SQLite's primary result codes that matter here (<https://www.sqlite.org/rescode.html>).
const SQLITE_FULL: i32 = 13;

/// Somebody else has the write lock of the file.
const SQLITE_BUSY: i32 = 5;
const LOCKED: &str = "another program has locked it; end that program";

/// A write beside the database failed (`SQLITE_IOERR`); on opening it is the shared memory that finds no space.
const SQLITE_IOERR: i32 = 10;

/// The file is not what SQLite left there.
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_NOTADB: i32 = 26;

/// PostgreSQL's states (<https://www.postgresql.org/docs/current/errcodes-appendix.html>): serialization failure, deadlock,
/// a lock that was not to be had.
const CONTENDED: [&str; 3] = ["40001", "40P01", "55P03"];

/// Shut down by an operator, crashed, starting up, too many connections. Class 08 is a broken connection.
const AWAY: [&str; 4] = ["57P01", "57P02", "57P03", "53300"];

/// The disk of PostgreSQL is full.
const DISK_FULL: &str = "53100";

/// Why the database does not open, with what to do where the code tells.
pub(crate) fn why_not_opened(error: &sqlx::Error) -> String {
    match primary_code(error) {
        Some(SQLITE_FULL | SQLITE_IOERR) => format!("{error}; the disk may be full: free some space and try again"),
        Some(SQLITE_CORRUPT | SQLITE_NOTADB) => format!("the file is damaged; restore a backup ({error})"),
        _ => error.to_string(),
    }
}

/// A driver's error in our words, with the database's name.
pub(crate) fn of_driver(error: sqlx::Error, database: &str) -> Error {
    let away = |detail: String| Error::Away { database: database.to_owned(), detail };
    let sqlx::Error::Database(refused) = &error else {
        return match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => away(error.to_string()),
            sqlx::Error::PoolTimedOut => away("no connection comes about".to_owned()),
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => Error::Closed,
            other => Error::Database(other),
        };
    };
    let state = refused.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().map(|refused| refused.code().to_owned());
    match state {
        None if primary_code(&error) == Some(SQLITE_FULL) => Error::Full,
        None if primary_code(&error) == Some(SQLITE_BUSY) => away(LOCKED.to_owned()),
        Some(state) if state == DISK_FULL => Error::Full,
        Some(state) if CONTENDED.contains(&state.as_str()) => Error::Contended { database: database.to_owned() },
        Some(state) if AWAY.contains(&state.as_str()) || state.starts_with("08") => away(error.to_string()),
        _ => Error::Database(error),
    }
}

fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xff)
}
