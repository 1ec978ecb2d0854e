//! One connection that may write, and what statements can be sent on.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, SqliteConnection, SqlitePool};

use daybreak_spec::Timestamp;

use super::{DatabaseName, Dialect};
use crate::Error;
use crate::error::of_driver;

/// One message, one answer: the time comes with the beginning.
const BEGIN_WITH_TIME: &str =
    "BEGIN; SELECT CAST(CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT) AS TEXT)";

/// A connection of either database.
pub(crate) struct Connection {
    inner: Inner,
    name: DatabaseName,
    /// Whether anything but a SELECT was sent since somebody last set this to false.
    pub written: bool,
}

enum Inner {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// What a statement is sent on, and how errors name it.
pub(crate) struct On<'c> {
    pub link: Link<'c>,
    pub name: &'c str,
    pub written: Option<&'c mut bool>,
}

pub(crate) enum Link<'c> {
    Sqlite(&'c mut SqliteConnection),
    SqlitePool(&'c SqlitePool),
    Postgres(&'c mut PgConnection),
    PostgresPool(&'c PgPool),
}

impl Connection {
    pub(crate) fn sqlite(connection: SqliteConnection, name: DatabaseName) -> Self {
        Self { inner: Inner::Sqlite(connection), name, written: false }
    }

    pub(crate) fn postgres(connection: PgConnection, name: DatabaseName) -> Self {
        Self { inner: Inner::Postgres(connection), name, written: false }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match &self.inner {
            Inner::Sqlite(_) => Dialect::Sqlite,
            Inner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// How errors name its database.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Begins a transaction; the database's own time where it is asked for and has one.
    pub(crate) async fn begin(&mut self, with_time: bool) -> Result<Option<Timestamp>, Error> {
        match &mut self.inner {
            Inner::Sqlite(connection) => sqlx::query("BEGIN IMMEDIATE").execute(connection).await.map(|_| None),
            Inner::Postgres(connection) if with_time => sqlx::raw_sql(BEGIN_WITH_TIME)
                .fetch_all(connection)
                .await
                .and_then(|rows| rows.last().map(|row| sqlx::Row::try_get::<String, _>(row, 0)).transpose())
                .map(|text| text.and_then(|text| text.parse().ok()).map(Timestamp::from_micros)),
            Inner::Postgres(connection) => sqlx::raw_sql("BEGIN").execute(connection).await.map(|_| None),
        }
        .map_err(|error| of_driver(error, &self.name))
    }

    /// Commits; `with`: a statement that is sent along where several fit into one message.
    pub(crate) async fn commit(&mut self, with: &str) -> Result<(), Error> {
        match &mut self.inner {
            Inner::Sqlite(connection) => sqlx::query("COMMIT").execute(connection).await.map(drop),
            Inner::Postgres(connection) => {
                sqlx::raw_sql(AssertSqlSafe(format!("{with}; COMMIT"))).execute(connection).await.map(drop)
            }
        }
        .map_err(|error| of_driver(error, &self.name))
    }

    /// Sends statements without values, separated by semicolons, in one go.
    pub(crate) async fn script(&mut self, text: &str) -> Result<(), Error> {
        let script = sqlx::raw_sql(AssertSqlSafe(text.to_owned()));
        match &mut self.inner {
            Inner::Sqlite(connection) => script.execute(connection).await.map(drop),
            Inner::Postgres(connection) => script.execute(connection).await.map(drop),
        }
        .map_err(|error| of_driver(error, &self.name))
    }

    /// Says goodbye. What was not committed is undone.
    pub(crate) async fn close(self) -> Result<(), Error> {
        let Self { inner, name, .. } = self;
        match inner {
            Inner::Sqlite(connection) => connection.close().await,
            Inner::Postgres(connection) => connection.close().await,
        }
        .map_err(|error| of_driver(error, &name))
    }
}

impl<'c> From<&'c mut Connection> for On<'c> {
    fn from(connection: &'c mut Connection) -> Self {
        let link = match &mut connection.inner {
            Inner::Sqlite(connection) => Link::Sqlite(connection),
            Inner::Postgres(connection) => Link::Postgres(connection),
        };
        Self { link, name: &connection.name, written: Some(&mut connection.written) }
    }
}
