//! A statement and the values it is sent with. The values are kept in our own small type and handed to the driver only
//! when the connection is known. To add a type of column: a variant of [`Value`] and an arm in `sqlite` and `postgres`.

use std::borrow::Cow;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Postgres, Sqlite};

use super::connection::{Link, On};
use super::row::{Column, Row};
use crate::Error;
use crate::error::of_driver;

/// Where SQLite's text of a statement ends: it has one writer and locks no rows.
const LOCKING: &str = " FOR ";

/// A value of a column.
#[derive(Clone, PartialEq)]
pub(crate) enum Value<'q> {
    Integer(Option<i64>),
    Text(Option<Cow<'q, str>>),
}

/// A statement that is to be sent.
pub(crate) struct Query<'q> {
    text: &'static str,
    values: Vec<Value<'q>>,
    /// Where its locking clause begins.
    locking: Option<usize>,
}

/// A statement with `$1`, `$2`, … in it.
pub(crate) fn query<'q>(text: &'static str) -> Query<'q> {
    tracing::trace!(target: "daybreak_store::statement", statement = text);
    Query { text, values: Vec::with_capacity(8), locking: text.find(LOCKING) }
}

impl<'q> Query<'q> {
    /// `text` is `row`, repeated for many rows as one database writes it.
    pub(super) fn repeated(row: &'static str, text: &'static str, values: Vec<Value<'q>>) -> Self {
        tracing::trace!(target: "daybreak_store::statement", statement = row);
        Self { text, values, locking: None }
    }

    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// How many rows it changed.
    pub(crate) async fn execute(self, on: impl Into<On<'_>>) -> Result<u64, Error> {
        let (link, name) = self.on(on);
        match link {
            Link::Sqlite(connection) => self.sqlite().execute(connection).await.map(|done| done.rows_affected()),
            Link::SqlitePool(pool) => self.sqlite().execute(pool).await.map(|done| done.rows_affected()),
            Link::Postgres(connection) => self.postgres().execute(connection).await.map(|done| done.rows_affected()),
            Link::PostgresPool(pool) => self.postgres().execute(pool).await.map(|done| done.rows_affected()),
        }
        .map_err(|error| of_driver(error, name))
    }

    pub(crate) async fn fetch_all(self, on: impl Into<On<'_>>) -> Result<Vec<Row>, Error> {
        let sqlite = |rows: Vec<_>| rows.into_iter().map(Row::Sqlite).collect();
        let postgres = |rows: Vec<_>| rows.into_iter().map(Row::Postgres).collect();
        let (link, name) = self.on(on);
        match link {
            Link::Sqlite(connection) => self.sqlite().fetch_all(connection).await.map(sqlite),
            Link::SqlitePool(pool) => self.sqlite().fetch_all(pool).await.map(sqlite),
            Link::Postgres(connection) => self.postgres().fetch_all(connection).await.map(postgres),
            Link::PostgresPool(pool) => self.postgres().fetch_all(pool).await.map(postgres),
        }
        .map_err(|error| of_driver(error, name))
    }

    pub(crate) async fn fetch_optional(self, on: impl Into<On<'_>>) -> Result<Option<Row>, Error> {
        let (sqlite, postgres) = (|row: Option<_>| row.map(Row::Sqlite), |row: Option<_>| row.map(Row::Postgres));
        let (link, name) = self.on(on);
        match link {
            Link::Sqlite(connection) => self.sqlite().fetch_optional(connection).await.map(sqlite),
            Link::SqlitePool(pool) => self.sqlite().fetch_optional(pool).await.map(sqlite),
            Link::Postgres(connection) => self.postgres().fetch_optional(connection).await.map(postgres),
            Link::PostgresPool(pool) => self.postgres().fetch_optional(pool).await.map(postgres),
        }
        .map_err(|error| of_driver(error, name))
    }

    /// The first column of the first row, if there is a row.
    pub(crate) async fn fetch_value<T>(self, on: impl Into<On<'_>>) -> Result<Option<T>, Error>
    where
        T: for<'r> Column<'r>,
    {
        self.fetch_optional(on).await?.map(|row| row.try_get(0_usize)).transpose()
    }

    /// The first column of every row.
    pub(crate) async fn fetch_values<T>(self, on: impl Into<On<'_>>) -> Result<Vec<T>, Error>
    where
        T: for<'r> Column<'r>,
    {
        self.fetch_all(on).await?.iter().map(|row| row.try_get(0_usize)).collect()
    }

    /// The value of a statement that always finds one, like a count.
    pub(crate) async fn fetch_scalar<T>(self, on: impl Into<On<'_>>) -> Result<T, Error>
    where
        T: for<'r> Column<'r>,
    {
        self.fetch_value(on).await?.ok_or_else(nothing_found)
    }

    fn on<'c>(&self, on: impl Into<On<'c>>) -> (Link<'c>, &'c str) {
        let On { link, name, written } = on.into();
        if let Some(written) = written {
            *written |= !self.text.starts_with("SELECT");
        }
        (link, name)
    }

    fn sqlite(self) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
        let text = self.locking.map_or(self.text, |end| &self.text[..end]);
        self.values.into_iter().fold(sqlx::query(text), |query, value| match value {
            Value::Integer(number) => query.bind(number),
            Value::Text(text) => query.bind(text.map(Cow::into_owned)),
        })
    }

    fn postgres(self) -> sqlx::query::Query<'static, Postgres, PgArguments> {
        self.values.into_iter().fold(sqlx::query(self.text), |query, value| match value {
            Value::Integer(number) => query.bind(number),
            Value::Text(text) => query.bind(text),
        })
    }
}

fn nothing_found() -> Error {
    Error::corrupt("row")("it is not there".to_owned())
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(text: &'q str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'q> From<&'q String> for Value<'q> {
    fn from(text: &'q String) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(text: Option<&'q str>) -> Self {
        Self::Text(text.map(Cow::Borrowed))
    }
}

impl From<Option<String>> for Value<'_> {
    fn from(text: Option<String>) -> Self {
        Self::Text(text.map(Cow::Owned))
    }
}
