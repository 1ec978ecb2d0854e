//! Connections for reading. They cannot write, and a read that takes longer than five seconds is ended.

use daybreak_spec::Timestamp;
use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use super::DatabaseName;
use super::connection::{Link, On};
use super::query::query;
use crate::Error;
use crate::error::of_driver;

const TIME: &str = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

/// Connections that cannot write; clones share them.
#[derive(Clone)]
pub(crate) struct Pool {
    inner: Inner,
    name: DatabaseName,
}

#[derive(Clone)]
enum Inner {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// What one instant's commits left, for several reads that have to agree.
pub(crate) struct Snapshot {
    inner: Open,
    name: DatabaseName,
}

enum Open {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Pool {
    pub(crate) fn sqlite(pool: SqlitePool, name: DatabaseName) -> Self {
        Self { inner: Inner::Sqlite(pool), name }
    }

    pub(crate) fn postgres(pool: PgPool, name: DatabaseName) -> Self {
        Self { inner: Inner::Postgres(pool), name }
    }

    /// Begins reads that see the same instant.
    pub(crate) async fn begin(&self) -> Result<Snapshot, Error> {
        let open = match &self.inner {
            Inner::Sqlite(pool) => pool.begin().await.map(Open::Sqlite),
            Inner::Postgres(pool) => {
                pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await.map(Open::Postgres)
            }
        };
        let inner = open.map_err(|error| of_driver(error, &self.name))?;
        Ok(Snapshot { inner, name: self.name.clone() })
    }

    /// The database's own time, where it has one.
    pub(crate) async fn time(&self) -> Result<Option<Timestamp>, Error> {
        match &self.inner {
            Inner::Sqlite(_) => Ok(None),
            Inner::Postgres(_) => query(TIME).fetch_value(self).await.map(|micros| micros.map(Timestamp::from_micros)),
        }
    }

    pub(crate) async fn close(&self) {
        match &self.inner {
            Inner::Sqlite(pool) => pool.close().await,
            Inner::Postgres(pool) => pool.close().await,
        }
    }
}

impl<'c> From<&'c Pool> for On<'c> {
    fn from(pool: &'c Pool) -> Self {
        let link = match &pool.inner {
            Inner::Sqlite(inner) => Link::SqlitePool(inner),
            Inner::Postgres(inner) => Link::PostgresPool(inner),
        };
        Self { link, name: &pool.name, written: None }
    }
}

impl<'c> From<&'c mut Snapshot> for On<'c> {
    fn from(snapshot: &'c mut Snapshot) -> Self {
        let link = match &mut snapshot.inner {
            Open::Sqlite(inner) => Link::Sqlite(&mut *inner),
            Open::Postgres(inner) => Link::Postgres(&mut *inner),
        };
        Self { link, name: &snapshot.name, written: None }
    }
}
