//! The databases that the bench runs on, and the bare loop of commits that is each one's floor.

use std::path::Path;
use std::time::Instant;

use daybreak_tests::postgres::{Durability, Postgres};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

/// A database to measure on.
pub enum Database {
    /// The file in the state folder.
    Sqlite,
    /// A private server that fsyncs.
    Postgres(Box<Postgres>),
}

impl Database {
    /// The embedded default.
    pub fn sqlite() -> Self {
        Self::Sqlite
    }

    /// A server of its own.
    pub fn postgres() -> Self {
        Self::Postgres(Box::new(Postgres::start(Durability::Full).expect("a PostgreSQL of its own")))
    }

    /// As the report names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// Where the state of one project is, empty still.
    pub fn state(&self, name: &'static str) -> State<'_> {
        if let Self::Postgres(server) = self {
            server.create_database(name, None).expect("a database");
            server.create_database(&format!("{name}_floor"), None).expect("a database");
        }
        State { database: self, folder: tempfile::tempdir().expect("a private folder"), name }
    }
}

/// The state of one project.
pub struct State<'a> {
    database: &'a Database,
    folder: tempfile::TempDir,
    name: &'static str,
}

impl State<'_> {
    /// The project's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What `daybreak up` is told to use it.
    pub fn arguments(&self) -> Vec<String> {
        match self.database {
            Database::Sqlite => Vec::new(),
            Database::Postgres(server) => vec!["--database".to_owned(), server.url(self.name)],
        }
    }

    /// A common table `numbers (n)` of 1 to `count`.
    pub fn numbers(&self, count: u32) -> String {
        match self.database {
            Database::Sqlite => {
                format!("RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})")
            }
            Database::Postgres(_) => {
                format!("numbers (n) AS (SELECT CAST(g AS BIGINT) FROM generate_series(1, {count}) AS g)")
            }
        }
    }

    /// A number as text of so many digits.
    pub fn padded(&self, number: &str, digits: u32) -> String {
        match self.database {
            Database::Sqlite => format!("printf('%0{digits}d', {number})"),
            Database::Postgres(_) => format!("lpad(CAST({number} AS TEXT), {digits}, '0')"),
        }
    }

    /// What keeps a database quick that has just taken many rows, as its own housekeeping would in time.
    pub async fn tidy(&self) {
        let mut connection = self.connect().await;
        match self.database {
            Database::Sqlite => execute(&mut connection, "PRAGMA wal_checkpoint(TRUNCATE)").await,
            Database::Postgres(_) => execute(&mut connection, "VACUUM ANALYZE").await,
        }
        connection.close().await.expect("it closes");
    }

    /// A connection to it.
    pub async fn connect(&self) -> AnyConnection {
        let url = match self.database {
            Database::Sqlite => format!("sqlite://{}", self.folder().join(".daybreak/state.db").display()),
            Database::Postgres(server) => server.url(self.name),
        };
        AnyConnection::connect(&url).await.expect("the state opens")
    }

    /// A loop of commits of one row each, as durable as the engine's own; returns the milliseconds that `commits` take.
    pub async fn bare_commits_ms(&self, commits: u32) -> f64 {
        let mut connection = self.floor_connection().await;
        execute(&mut connection, "CREATE TABLE IF NOT EXISTS floor (n BIGINT NOT NULL)").await;
        execute(&mut connection, "DELETE FROM floor").await;
        execute(&mut connection, "INSERT INTO floor VALUES (0)").await;
        let begun = Instant::now();
        for _ in 0..commits {
            execute(&mut connection, "UPDATE floor SET n = n + 1").await;
        }
        let took = begun.elapsed();
        connection.close().await.expect("it closes");
        took.as_secs_f64() * 1e3
    }

    async fn floor_connection(&self) -> AnyConnection {
        match self.database {
            Database::Sqlite => {
                let url = format!("sqlite://{}?mode=rwc", self.folder().join("floor.db").display());
                let mut connection = AnyConnection::connect(&url).await.expect("a database of its own");
                execute(&mut connection, "PRAGMA journal_mode = WAL").await;
                execute(&mut connection, "PRAGMA synchronous = FULL").await;
                connection
            }
            Database::Postgres(server) => {
                let url = server.url(&format!("{}_floor", self.name));
                AnyConnection::connect(&url).await.expect("a database of its own")
            }
        }
    }
}

/// Runs one statement.
pub async fn execute(connection: &mut AnyConnection, statement: &str) {
    sqlx::query(AssertSqlSafe(statement)).execute(connection).await.expect("a statement that runs");
}
