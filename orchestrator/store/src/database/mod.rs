//! SQLite and PostgreSQL behind one small interface: a statement with its values, sent to a connection or a pool, and rows
//! that lend their texts. Only two types of column exist, BIGINT and TEXT, so that one statement text serves both. A
//! locking clause (`FOR UPDATE`, `FOR SHARE`) stands last in a statement and is left off where SQLite's one writer needs
//! none. Must never hold a rule of the orchestrator. To add a difference between the two: an arm of [`Dialect`]'s users.

mod connection;
mod pool;
mod postgres;
mod query;
mod row;
mod rows;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;

pub(crate) use connection::Connection;
pub(crate) use pool::{Pool, Snapshot};
pub(crate) use query::{Value, query};
pub(crate) use row::{Column, Row};
pub(crate) use rows::{Values, execute_rows, fetch_rows, fetch_whole_rows};

use crate::Error;

/// Which database, and where.
#[derive(Clone)]
pub enum Database {
    /// A file of this process alone.
    Sqlite(PathBuf),
    /// `postgres://user:password@host:port/name`, shared by any number of servers.
    Postgres(String),
}

/// What the few differences hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Database {
    /// How logs and errors name it; never with a password.
    pub fn name(&self) -> String {
        match self {
            Self::Sqlite(path) => path.display().to_string(),
            Self::Postgres(url) => postgres::name(url),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A connection that may write.
    pub(crate) async fn connect(&self) -> Result<Connection, Error> {
        match self {
            Self::Sqlite(path) => sqlite::connect(path).await,
            Self::Postgres(url) => postgres::connect(url).await,
        }
    }

    /// Connections that cannot write.
    pub(crate) async fn readers(&self) -> Result<Pool, Error> {
        match self {
            Self::Sqlite(path) => sqlite::readers(path).await,
            Self::Postgres(url) => postgres::readers(url),
        }
    }

    pub(crate) fn does_not_open(&self, detail: impl Into<String>) -> Error {
        Error::Open { database: self.name(), detail: detail.into() }
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name())
    }
}

/// How errors name the database of a connection.
pub(crate) type DatabaseName = Arc<str>;
