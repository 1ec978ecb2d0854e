//! Opening the file: durable at every commit, one writer, readers that cannot write.

use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Connection, DatabaseName, Pool, query};
use crate::Error;
use crate::error::why_not_opened;

/// SQLite 3.7.0 to 3.51.2 can corrupt a database when its log is reset (<https://www.sqlite.org/wal.html#walreset>).
const OLDEST: [u32; 3] = [3, 51, 3];

const READERS: u32 = 4;

pub(super) async fn connect(path: &Path) -> Result<Connection, Error> {
    let opening = |detail| Error::Open { database: path.display().to_string(), detail };
    let unclean = was_left_open(path);
    let connection = options(path).connect().await.map_err(|error| opening(why_not_opened(&error)))?;
    let mut connection = Connection::sqlite(connection, name(path));
    let version: Option<String> = query("SELECT sqlite_version()").fetch_value(&mut connection).await?;
    let version = version.unwrap_or_default();
    let parts: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if parts.as_slice() < OLDEST.as_slice() {
        let detail = format!("SQLite {version} can lose data (WAL reset); build with the bundled 3.51.3 or newer");
        return Err(opening(detail));
    }
    if unclean {
        let found: String = query("PRAGMA quick_check(1)").fetch_scalar(&mut connection).await?;
        if found != "ok" {
            let advice = "the process before ended badly and the file is damaged; restore a backup";
            return Err(opening(format!("{advice} ({found})")));
        }
    }
    Ok(connection)
}

/// A log that was not folded in: the process before did not close the file.
fn was_left_open(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    std::fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

pub(super) async fn readers(path: &Path) -> Result<Pool, Error> {
    let opening = |error: sqlx::Error| Error::Open { database: path.display().to_string(), detail: error.to_string() };
    let options = options(path).pragma("query_only", "1");
    let pool = SqlitePoolOptions::new().max_connections(READERS).connect_with(options).await.map_err(opening)?;
    Ok(Pool::sqlite(pool, name(path)))
}

fn name(path: &Path) -> DatabaseName {
    path.display().to_string().into()
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("journal_size_limit", "67108864")
        .pragma("wal_autocheckpoint", "4000")
        .statement_cache_capacity(256)
        .disable_statement_logging()
}
