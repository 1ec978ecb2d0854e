//! `daybreak migrate`: brings the schema of the state database up to date and says what it did. A server does the same
//! when it starts; this is for doing it beforehand, with other rights or at another time.

use serde_json::json;

use crate::arguments::Migrate;
use crate::connection::database;
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::machine::real_now;
use crate::output;

/// Applies what is missing.
pub async fn migrate(arguments: &Migrate) -> Outcome {
    let database = database(arguments.database.as_deref())?;
    let state = match &database {
        Some(_) => None,
        None => Some(Home::of(&arguments.project.directory)?.state),
    };
    let done = daybreak_server::migrate(state.as_deref(), database, real_now()).await;
    let (name, migrated) = done.map_err(Failure::configuration)?;
    if arguments.project.json {
        let applied: Vec<_> =
            migrated.applied.iter().map(|step| json!({"number": step.number, "name": step.name})).collect();
        let report = json!({"database": name, "before": migrated.before, "now": migrated.now, "applied": applied});
        return output::line(report);
    }
    for step in &migrated.applied {
        output::line(format_args!("applied {:04} {}", step.number, step.name))?;
    }
    if migrated.applied.is_empty() {
        output::line(format_args!("{name} is up to date (migration {:04})", migrated.now))
    } else {
        output::line(format_args!("{name} went from migration {:04} to {:04}", migrated.before, migrated.now))
    }
}
