//! The schema, embedded from `/migrations`, forward only. To change it: a new numbered file there and a line here.

use std::borrow::Cow;

use daybreak_core::legal_pairs;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

const FILES: &[(i64, &str, &str)] = &[(1, "core", include_str!("../../../migrations/0001_core.sql"))];

/// All migrations, oldest first.
pub(crate) fn migrator() -> Migrator {
    let migrations = FILES
        .iter()
        .map(|(version, description, sql)| {
            Migration::new(*version, Cow::Borrowed(*description), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .collect();
    Migrator::with_migrations(migrations)
}

/// A trigger (SQLite) that raises on every change of a task's state that the state machine's table does not know.
/// For tests: installed there, it proves that no statement goes round the table.
pub fn trigger_against_illegal_transitions() -> String {
    let pairs: Vec<String> = legal_pairs().map(|(from, to)| format!("'{from}>{to}'")).collect();
    format!(
        "CREATE TRIGGER illegal_transition BEFORE UPDATE OF state ON task_run \
         WHEN OLD.state <> NEW.state AND OLD.state || '>' || NEW.state NOT IN ({}) \
         BEGIN SELECT RAISE(ABORT, 'illegal transition of a task'); END",
        pairs.join(", ")
    )
}
