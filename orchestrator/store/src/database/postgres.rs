//! Connecting to PostgreSQL 15 or newer. Readers cannot write, and neither a slow read nor a forgotten one holds anything
//! up. A password never leaves this file.

use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{Connection, DatabaseName, Pool, query};
use crate::Error;
use crate::error::of_driver;

const OLDEST: i64 = 150_000;

const READERS: u32 = 8;

/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(5);

/// How long a read waits for a connection before it says that the database is away.
const ACQUIRING: Duration = Duration::from_secs(3);

pub(super) async fn connect(url: &str) -> Result<Connection, Error> {
    let name = name(url);
    let options = options(url)?.options([
        ("default_transaction_isolation", "read committed"),
        // A server that is gone in the middle of a transaction holds nobody up for long, nor does one that waits.
        ("idle_in_transaction_session_timeout", "15s"),
        ("lock_timeout", "10s"),
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ]);
    let away = || Error::Away { database: name.clone(), detail: "it does not answer".to_owned() };
    let connecting = tokio::time::timeout(CONNECTING, options.connect()).await.map_err(|_| away())?;
    let connection = connecting.map_err(|error| of_driver(error, &name))?;
    let mut connection = Connection::postgres(connection, DatabaseName::from(name.as_str()));
    require_version(&mut connection, &name).await?;
    Ok(connection)
}

async fn require_version(connection: &mut Connection, name: &str) -> Result<(), Error> {
    let number: Option<String> = query("SELECT current_setting('server_version_num')").fetch_value(connection).await?;
    let number: i64 = number.and_then(|number| number.parse().ok()).unwrap_or_default();
    if number >= OLDEST {
        return Ok(());
    }
    let detail = format!("it is PostgreSQL {}; 15 is the oldest that will do", number / 10_000);
    Err(Error::Open { database: name.to_owned(), detail })
}

/// Connections are made when they are needed, so that a database that is away can come back.
pub(super) fn readers(url: &str) -> Result<Pool, Error> {
    let options = options(url)?.options([
        ("default_transaction_read_only", "on"),
        ("statement_timeout", "5s"),
        ("idle_in_transaction_session_timeout", "10s"),
    ]);
    let pool = PgPoolOptions::new().max_connections(READERS).acquire_timeout(ACQUIRING).connect_lazy_with(options);
    Ok(Pool::postgres(pool, name(url).into()))
}

/// The address without the password.
pub(super) fn name(url: &str) -> String {
    match PgConnectOptions::from_str(url) {
        Ok(options) => {
            let database = options.get_database().unwrap_or(options.get_username());
            let host = options.get_socket().map_or(options.get_host().to_owned(), |path| path.display().to_string());
            format!("postgres://{}@{host}:{}/{database}", options.get_username(), options.get_port())
        }
        Err(_) => "postgres://".to_owned(),
    }
}

fn options(url: &str) -> Result<PgConnectOptions, Error> {
    // The driver's own words could quote the password.
    let detail = "its address does not read; write postgres://user:password@host:5432/name";
    let unreadable = |_| Error::Open { database: name(url), detail: detail.to_owned() };
    let options = PgConnectOptions::from_str(url).map_err(unreadable)?;
    Ok(options.application_name("daybreak").statement_cache_capacity(256).disable_statement_logging())
}
