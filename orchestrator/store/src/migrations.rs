//! The schema, embedded from `/migrations`, forward only. All steps that a database lacks are one transaction together with
//! the rows that record them, so a process may end at any moment and two may start at once. A database that is ahead of
//! this binary is fine as long as no applied step declares a floor above what the binary knows. To change the schema: a
//! new numbered file there and a line in [`STEPS`]; raise its floor only when older binaries must not go on.

use daybreak_core::legal_changes;
use daybreak_failpoints::crossing;
use daybreak_spec::Timestamp;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType};

use crate::Error;
use crate::database::{Connection, Database, Dialect, query};

struct Step {
    number: i64,
    name: &'static str,
    sql: &'static str,
    /// The newest step a binary has to know to work on a database with this one.
    floor: i64,
}

const STEPS: &[Step] = &[
    Step { number: 1, name: "core", sql: include_str!("../../../migrations/0001_core.sql"), floor: 1 },
    Step { number: 3, name: "schedules", sql: include_str!("../../../migrations/0003_schedules.sql"), floor: 1 },
    Step {
        number: 2,
        name: "several_servers",
        sql: include_str!("../../../migrations/0002_several_servers.sql"),
        floor: 2,
    },
    Step {
        number: 4,
        name: "waits and reruns",
        sql: include_str!("../../../migrations/0004_waits_and_reruns.sql"),
        floor: 1,
    },
    Step {
        number: 5,
        name: "run by project",
        sql: include_str!("../../../migrations/0005_run_by_project.sql"),
        floor: 1,
    },
    Step { number: 6, name: "control", sql: include_str!("../../../migrations/0006_control.sql"), floor: 1 },
    Step {
        number: 7,
        name: "dag semantics",
        sql: include_str!("../../../migrations/0007_dag_semantics.sql"),
        floor: 1,
    },
    Step { number: 8, name: "waits", sql: include_str!("../../../migrations/0008_waits.sql"), floor: 1 },
    Step { number: 9, name: "fan out", sql: include_str!("../../../migrations/0009_fan_out.sql"), floor: 9 },
    Step { number: 10, name: "access", sql: include_str!("../../../migrations/0010_access.sql"), floor: 1 },
    Step { number: 11, name: "limits", sql: include_str!("../../../migrations/0011_limits.sql"), floor: 11 },
    Step { number: 13, name: "backfills", sql: include_str!("../../../migrations/0013_backfills.sql"), floor: 1 },
    Step { number: 14, name: "run lists", sql: include_str!("../../../migrations/0014_run_lists.sql"), floor: 1 },
    Step { number: 15, name: "outbox", sql: include_str!("../../../migrations/0015_outbox.sql"), floor: 1 },
    Step { number: 16, name: "queues", sql: include_str!("../../../migrations/0016_queues.sql"), floor: 16 },
    Step { number: 17, name: "what travels", sql: include_str!("../../../migrations/0017_what_travels.sql"), floor: 1 },
    Step {
        number: 18,
        name: "moves and texts",
        sql: include_str!("../../../migrations/0018_moves_and_texts.sql"),
        floor: 1,
    },
    Step { number: 19, name: "looks", sql: include_str!("../../../migrations/0019_looks.sql"), floor: 1 },
];

/// The record of what was applied. Columns may be added, never taken away: older binaries read it first.
const RECORD: &str = "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT NOT NULL PRIMARY KEY, \
     name TEXT NOT NULL, hash TEXT NOT NULL, floor BIGINT NOT NULL, binary_version TEXT NOT NULL, \
     applied_at_us BIGINT NOT NULL)";

/// A number of our own for PostgreSQL's advisory lock: only one process migrates at a time.
const ADVISORY_LOCK: &str = "SELECT pg_advisory_xact_lock(7233174015)";

/// A step that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedMigration {
    /// Its number.
    pub number: i64,
    /// What it is called.
    pub name: String,
}

/// What [`migrate`] found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The newest step that was there before; 0 for an empty database.
    pub before: i64,
    /// The newest step that is there now, known to this binary or not.
    pub now: i64,
    /// What was applied.
    pub applied: Vec<AppliedMigration>,
}

/// Brings the schema of a database up to date, making the database file if need be.
///
/// # Errors
/// [`Error::Open`] says what is wrong with it and what to do; [`Error::Away`] when it does not answer.
pub async fn migrate(database: &Database, now: Timestamp) -> Result<Migrated, Error> {
    let mut connection = database.connect().await?;
    let migrated = bring_up(&mut connection, database, now).await?;
    connection.close().await?;
    Ok(migrated)
}

/// As [`migrate`], on an open connection.
pub(crate) async fn bring_up(
    connection: &mut Connection,
    database: &Database,
    now: Timestamp,
) -> Result<Migrated, Error> {
    let outcome = in_transaction(connection, database, now).await;
    match &outcome {
        Ok(_) => connection.script("COMMIT").await?,
        // The connection may be gone; what was begun is then undone with it.
        Err(_) => drop(connection.script("ROLLBACK").await),
    }
    outcome
}

async fn in_transaction(connection: &mut Connection, database: &Database, now: Timestamp) -> Result<Migrated, Error> {
    match connection.dialect() {
        Dialect::Sqlite => connection.script("BEGIN IMMEDIATE").await?,
        Dialect::Postgres => connection.script(&format!("BEGIN; {ADVISORY_LOCK}")).await?,
    }
    connection.script(RECORD).await?;
    adopt(connection, now).await?;
    let recorded = recorded(connection).await?;
    verify(&recorded).map_err(|detail| database.does_not_open(detail))?;
    let before = recorded.last().map_or(0, |step| step.number);
    let mut applied = Vec::new();
    for step in STEPS.iter().filter(|step| recorded.iter().all(|known| known.number != step.number)) {
        crossing!("cp21.before");
        connection.script(step.sql).await?;
        crossing!("cp21.after");
        record(connection, step, now).await?;
        applied.push(AppliedMigration { number: step.number, name: step.name.to_owned() });
    }
    let now = before.max(newest_known());
    Ok(Migrated { before, now, applied })
}

struct Recorded {
    number: i64,
    name: String,
    hash: String,
    floor: i64,
    binary_version: String,
}

async fn recorded(connection: &mut Connection) -> Result<Vec<Recorded>, Error> {
    let rows = query("SELECT number, name, hash, floor, binary_version FROM schema_migration ORDER BY number")
        .fetch_all(connection)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Recorded {
                number: row.try_get("number")?,
                name: row.try_get("name")?,
                hash: row.try_get("hash")?,
                floor: row.try_get("floor")?,
                binary_version: row.try_get("binary_version")?,
            })
        })
        .collect()
}

/// Whether this binary may work on a database with these steps.
fn verify(recorded: &[Recorded]) -> Result<(), String> {
    for there in recorded {
        let Some(step) = STEPS.iter().find(|step| step.number == there.number) else { continue };
        if there.hash != hash(step) {
            return Err(format!(
                "migration {} (`{}`) differs from the one that this binary has; run the daybreak that made the \
                 database, or restore a backup",
                there.number, there.name
            ));
        }
    }
    let known = newest_known();
    match recorded.iter().filter(|there| there.floor > known).max_by_key(|there| there.floor) {
        None => Ok(()),
        Some(there) => Err(format!(
            "its schema is newer than this binary knows: migration {} (`{}`) needs daybreak {} or newer (this one knows \
             the migrations up to {known}); run that one, or restore a backup from before it",
            there.number, there.name, there.binary_version
        )),
    }
}

async fn record(connection: &mut Connection, step: &Step, now: Timestamp) -> Result<(), Error> {
    query(
        "INSERT INTO schema_migration (number, name, hash, floor, binary_version, applied_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(step.number)
    .bind(step.name)
    .bind(hash(step))
    .bind(step.floor)
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(now.micros)
    .execute(connection)
    .await?;
    Ok(())
}

/// Files from before the record was our own have the first step in the driver's table.
async fn adopt(connection: &mut Connection, now: Timestamp) -> Result<(), Error> {
    if connection.dialect() == Dialect::Postgres {
        return Ok(());
    }
    let of_driver: i64 = query("SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_scalar(&mut *connection)
        .await?;
    if of_driver == 0 {
        return Ok(());
    }
    record(connection, &STEPS[0], now).await?;
    connection.script("DROP TABLE _sqlx_migrations").await
}

fn newest_known() -> i64 {
    STEPS.last().map_or(0, |step| step.number)
}

/// SHA-384 of the step's text, as hex.
fn hash(step: &Step) -> String {
    let sql = step.sql.into_sql_str();
    let migration = Migration::new(step.number, step.name.into(), MigrationType::Simple, sql, false);
    migration.checksum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Statements that install a trigger which raises on every change of a task's state that the state machine's table does
/// not know, and on every known one in which the fence does not rise as the table says. For tests: it proves that no
/// statement goes round the table.
pub fn trigger_against_illegal_transitions(database: &Database) -> String {
    let mut legal: Vec<String> = legal_changes().map(|(from, to, rise)| format!("'{from}>{to}+{rise}'")).collect();
    // Becoming ready and being handed out, written at once.
    legal.push("'waiting>running+1'".to_owned());
    let illegal = format!(
        "OLD.state <> NEW.state AND OLD.state || '>' || NEW.state || '+' || CAST(NEW.fence - OLD.fence AS TEXT) \
         NOT IN ({})",
        legal.join(", ")
    );
    match database.dialect() {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER illegal_transition BEFORE UPDATE OF state ON task_run WHEN {illegal} \
             BEGIN SELECT RAISE(ABORT, 'illegal transition of a task'); END"
        ),
        Dialect::Postgres => format!(
            "CREATE FUNCTION illegal_transition() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'illegal transition of a task'; END $$; \
             CREATE TRIGGER illegal_transition BEFORE UPDATE OF state ON task_run FOR EACH ROW WHEN ({illegal}) \
             EXECUTE FUNCTION illegal_transition()"
        ),
    }
}
