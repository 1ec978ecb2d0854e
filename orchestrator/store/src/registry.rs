//! Builds, model versions and aliases: written only inside the transaction of the success that made them. What people move
//! by hand is in `moves.rs`.

use daybreak_protocol::{AliasMove, BuildRecord, NewModelVersion};
use daybreak_spec::{Name, Timestamp};

use crate::database::query;
use crate::load::LoadedRun;
use crate::outbox::announce_build;
use crate::tx::Tx;
use crate::{Caller, Effect, Error};

/// Records a build unless the newest one of the same view, instant and definition holds the same bytes.
pub(crate) async fn record_build(
    tx: &mut Tx,
    run: &LoadedRun,
    task_run_id: &str,
    build: &BuildRecord,
) -> Result<(), Error> {
    let newest = query(
        "SELECT number, object FROM build WHERE project = $1 AND view = $2 AND as_of_us = $3 \
         AND definition_hash = $4 ORDER BY number DESC LIMIT 1",
    )
    .bind(&run.project)
    .bind(build.view.as_str())
    .bind(build.as_of.micros)
    .bind(&build.definition_hash)
    .fetch_optional(tx.direct().await?)
    .await?;
    let mut number = 1_i64;
    if let Some(row) = newest {
        if row.try_get::<&str>("object")? == build.object {
            return Ok(());
        }
        number = row.try_get::<i64>("number")? + 1;
    }
    announce_build(tx, run, build).await?;
    query(
        "INSERT INTO build (project, view, as_of_us, definition_hash, number, object, row_count, size_bytes, \
         task_run_id, created_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&run.project)
    .bind(build.view.as_str())
    .bind(build.as_of.micros)
    .bind(&build.definition_hash)
    .bind(number)
    .bind(&build.object)
    .bind(signed(build.rows, "rows of a build")?)
    .bind(signed(build.size_bytes, "size of a build")?)
    .bind(task_run_id)
    .bind(tx.now().micros)
    .execute(tx.direct().await?)
    .await?;
    Ok(())
}

/// Numbers a trained model: one more than the model's last version. A task that is run again by hand and trains the same
/// bytes with the same metrics has made the version that it made before.
pub(crate) async fn number_model_version(
    tx: &mut Tx,
    run: &LoadedRun,
    task_run_id: &str,
    new: &NewModelVersion,
) -> Result<i64, Error> {
    let metrics = serde_json::to_string(&new.metrics).expect("numbers by name always write");
    let made_before: Option<i64> = query(
        "SELECT version FROM model_version WHERE task_run_id = $1 AND project = $2 AND model = $3 AND object = $4 \
         AND metrics = $5 ORDER BY version DESC LIMIT 1",
    )
    .bind(task_run_id)
    .bind(&run.project)
    .bind(new.model.as_str())
    .bind(&new.object)
    .bind(&metrics)
    .fetch_value(tx.direct().await?)
    .await?;
    if let Some(version) = made_before {
        return Ok(version);
    }
    let version: i64 = query(
        "INSERT INTO model (project, model, versions) VALUES ($1, $2, 1) \
         ON CONFLICT (project, model) DO UPDATE SET versions = model.versions + 1 RETURNING versions",
    )
    .bind(&run.project)
    .bind(new.model.as_str())
    .fetch_scalar(tx.direct().await?)
    .await?;
    query(
        "INSERT INTO model_version (project, model, version, object, as_of_us, fit_from_us, fit_to_us, row_count, \
         metrics, run_id, task_run_id, created_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&run.project)
    .bind(new.model.as_str())
    .bind(version)
    .bind(&new.object)
    .bind(new.as_of.micros)
    .bind(new.fit_from.micros)
    .bind(new.fit_to.micros)
    .bind(signed(new.rows, "rows of a model version")?)
    .bind(&metrics)
    .bind(&run.run_id)
    .bind(task_run_id)
    .bind(tx.now().micros)
    .execute(tx.direct().await?)
    .await?;
    Ok(version)
}

/// Moves an alias, unless it was moved for a newer `as_of`; the history records either. Returns whether it moved.
pub(crate) async fn move_alias(
    tx: &mut Tx,
    project: &str,
    task_run_id: &str,
    wanted: &AliasMove,
) -> Result<bool, Error> {
    let known: i64 = query("SELECT COUNT(*) FROM model_version WHERE project = $1 AND model = $2 AND version = $3")
        .bind(project)
        .bind(wanted.model.as_str())
        .bind(i64::from(wanted.version))
        .fetch_scalar(tx.direct().await?)
        .await?;
    if known == 0 {
        return Err(Error::Refused(format!("model `{}` has no version {}", wanted.model, wanted.version)));
    }
    let current =
        query("SELECT version, as_of_us FROM alias WHERE project = $1 AND model = $2 AND alias = $3 FOR UPDATE")
            .bind(project)
            .bind(wanted.model.as_str())
            .bind(&wanted.alias)
            .fetch_optional(tx.direct().await?)
            .await?;
    let (previous, moved) = match &current {
        None => (None, true),
        Some(row) => (Some(row.try_get::<i64>("version")?), row.try_get::<i64>("as_of_us")? <= wanted.as_of.micros),
    };
    if moved {
        let written = query(
            "INSERT INTO alias (project, model, alias, version, as_of_us, moved_at_us) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (project, model, alias) DO UPDATE SET version = excluded.version, \
             as_of_us = excluded.as_of_us, moved_at_us = excluded.moved_at_us \
             WHERE alias.as_of_us <= excluded.as_of_us",
        )
        .bind(project)
        .bind(wanted.model.as_str())
        .bind(&wanted.alias)
        .bind(i64::from(wanted.version))
        .bind(wanted.as_of.micros)
        .bind(tx.now().micros)
        .execute(tx.direct().await?)
        .await?;
        if written == 0 {
            // Another server made the alias a moment ago, for a newer instant.
            return Err(tx.contended());
        }
        raise_cursor(tx, project).await?;
    }
    let noted = NotedMove {
        project,
        model: &wanted.model,
        alias: &wanted.alias,
        version: wanted.version,
        previous,
        as_of: wanted.as_of,
        moved,
        by: MovedBy::Task { task_run_id },
    };
    note_move(tx, &noted).await?;
    Ok(moved)
}

/// A move that was asked for, as the history keeps it.
pub(crate) struct NotedMove<'a> {
    pub project: &'a str,
    pub model: &'a Name,
    pub alias: &'a str,
    pub version: u32,
    /// Where the alias pointed before.
    pub previous: Option<i64>,
    pub as_of: Timestamp,
    pub moved: bool,
    pub by: MovedBy<'a>,
}

/// Who moves an alias.
pub(crate) enum MovedBy<'a> {
    Task { task_run_id: &'a str },
    Hand { caller: &'a Caller, reason: &'a str },
}

/// Writes a move into the history.
pub(crate) async fn note_move(tx: &mut Tx, noted: &NotedMove<'_>) -> Result<(), Error> {
    let (task_run_id, moved_by, reason) = match &noted.by {
        MovedBy::Task { task_run_id } => (Some(*task_run_id), None, None),
        MovedBy::Hand { caller, reason } => (None, Some(caller.to_string()), Some(*reason)),
    };
    query(
        "INSERT INTO alias_history (project, number, model, alias, version, previous_version, as_of_us, moved, \
         task_run_id, at_us, moved_by, reason) SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5, $6, $7, $8, \
         $9, $10, $11 FROM alias_history WHERE project = $1",
    )
    .bind(noted.project)
    .bind(noted.model.as_str())
    .bind(noted.alias)
    .bind(i64::from(noted.version))
    .bind(noted.previous)
    .bind(noted.as_of.micros)
    .bind(i64::from(noted.moved))
    .bind(task_run_id)
    .bind(tx.now().micros)
    .bind(moved_by)
    .bind(reason)
    .execute(tx.direct().await?)
    .await?;
    Ok(())
}

/// Tells everybody who waits on the registry that it changed.
pub(crate) async fn raise_cursor(tx: &mut Tx, project: &str) -> Result<(), Error> {
    query(
        "INSERT INTO registry_cursor (project, cursor) VALUES ($1, 1) \
         ON CONFLICT (project) DO UPDATE SET cursor = registry_cursor.cursor + 1",
    )
    .bind(project)
    .execute(tx.direct().await?)
    .await?;
    tx.effects.list.push(Effect::RegistryMoved);
    Ok(())
}

fn signed(number: u64, what: &'static str) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::Refused(format!("{number} {what} are more than can be stored")))
}
