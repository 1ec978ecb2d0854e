//! Bringing a state database's schema up to date without starting a server.

use std::path::Path;

use daybreak_spec::Timestamp;
use daybreak_store::{Database, Migrated};

use crate::Error;
use crate::lock::Lock;

/// Migrates the PostgreSQL at `database`, or else the file in the state folder, which no server may be using meanwhile.
/// Returns how the database is called, without a password, and what was done.
///
/// # Errors
/// What is wrong with the folder or the database, and what to do.
pub async fn migrate(
    state: Option<&Path>,
    database: Option<String>,
    now: Timestamp,
) -> Result<(String, Migrated), Error> {
    let (database, _lock) = match (database, state) {
        (Some(url), _) => (Database::Postgres(url), None),
        (None, Some(folder)) => (Database::Sqlite(folder.join("state.db")), Some(Lock::take(folder)?)),
        (None, None) => return Err(Error::Refused("no database was named".to_owned())),
    };
    let migrated = daybreak_store::migrate(&database, now).await?;
    Ok((database.name(), migrated))
}

/// How logs and errors call the PostgreSQL at an address: without the password.
pub fn database_name(url: &str) -> String {
    Database::Postgres(url.to_owned()).name()
}
