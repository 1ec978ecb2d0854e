//! Lists of builds, models, their versions and the moves of their aliases, page by page. Each page begins behind a row that
//! is named by its key, so a row that comes meanwhile moves no other.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_protocol::{
    AliasHistory, AliasHistoryEntry, AliasHistoryQuery, BuildList, BuildRecord, BuildsQuery, HashCursor, ModelList,
    ModelSummary, ModelsQuery, VersionList, VersionsQuery,
};
use daybreak_spec::{Name, Timestamp};

use super::cut;
use super::registry::{declared_models, of_versions, version_record};
use crate::database::{Row, query};
use crate::load::{count, name};
use crate::{Error, Store};

/// A statement behind the columns of a move.
macro_rules! of_moves {
    ($after:literal) => {
        concat!(
            "SELECT alias_history.number, alias_history.model, alias_history.alias, alias_history.version, ",
            "alias_history.previous_version, alias_history.as_of_us, alias_history.at_us, task_run.run_id, ",
            "alias_history.moved_by, alias_history.reason ",
            $after
        )
    };
}

pub(super) use of_moves;

impl Store {
    /// Builds of a view, oldest first; the newest per (as_of, definition).
    pub async fn builds(&self, project: &Name, view: &Name, wanted: &BuildsQuery) -> Result<BuildList, Error> {
        let limit = wanted.effective_limit();
        let earliest = wanted.from.map_or(i64::MIN, |from| from.micros);
        let (behind, hash) = match &wanted.after {
            Some(HashCursor { at, hash }) => (at.micros, hash.as_str()),
            None => (i64::MIN, ""),
        };
        let rows = query(
            "SELECT view, as_of_us, definition_hash, object, row_count, size_bytes FROM build \
             WHERE project = $1 AND view = $2 AND as_of_us BETWEEN $3 AND $4 \
             AND (as_of_us > $5 OR definition_hash > $6) AND NOT EXISTS \
             (SELECT 1 FROM build AS newer WHERE newer.project = build.project AND newer.view = build.view \
             AND newer.as_of_us = build.as_of_us AND newer.definition_hash = build.definition_hash \
             AND newer.number > build.number) ORDER BY as_of_us, definition_hash LIMIT $7",
        )
        .bind(project.as_str())
        .bind(view.as_str())
        .bind(earliest.max(behind))
        .bind(wanted.to.map_or(i64::MAX, |to| to.micros))
        .bind(behind)
        .bind(hash)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.readers)
        .await?;
        let builds = rows.iter().map(build).collect::<Result<Vec<_>, _>>()?;
        let cursor = |build: &BuildRecord| HashCursor { at: build.as_of, hash: build.definition_hash.clone() };
        let (builds, next) = cut(builds, limit, cursor);
        Ok(BuildList { builds, next })
    }

    /// Models, declared or with versions, by name.
    pub async fn models(&self, project: &Name, wanted: &ModelsQuery) -> Result<ModelList, Error> {
        let limit = wanted.effective_limit();
        let mut snapshot = self.readers.begin().await?;
        let declared = declared_models(&mut snapshot, project).await?;
        let rows = query("SELECT model, versions FROM model WHERE project = $1")
            .bind(project.as_str())
            .fetch_all(&mut snapshot)
            .await?;
        let mut versions: BTreeMap<Name, u32> = declared.into_iter().map(|model| (model, 0)).collect();
        for row in &rows {
            versions.insert(name(row.try_get("model")?)?, count(row, "versions")?);
        }
        // Put into order here: a database may order texts by the rules of a language.
        let behind = |model: &Name| wanted.after.as_ref().is_none_or(|after| model > after);
        let models = versions.into_iter().filter(|(model, _)| behind(model)).take(limit as usize + 1);
        let (models, next) = cut(models.collect(), limit, |(model, _): &(Name, u32)| model.clone());
        let page: BTreeSet<&str> = models.iter().map(|(model, _)| model.as_str()).collect();
        let rows = query("SELECT model, alias, version FROM alias WHERE project = $1")
            .bind(project.as_str())
            .fetch_all(&mut snapshot)
            .await?;
        let mut aliases: BTreeMap<Name, BTreeMap<String, u32>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.try_get("model").is_ok_and(|model| page.contains::<str>(model))) {
            let of_model = aliases.entry(name(row.try_get("model")?)?).or_default();
            of_model.insert(row.try_get("alias")?, count(row, "version")?);
        }
        let models = models.into_iter().map(|(name, versions)| {
            let aliases = aliases.remove(&name).unwrap_or_default();
            ModelSummary { name, versions, aliases }
        });
        Ok(ModelList { models: models.collect(), next })
    }

    /// The versions of a model, newest first.
    pub async fn model_versions(
        &self,
        project: &Name,
        model: &Name,
        wanted: &VersionsQuery,
    ) -> Result<VersionList, Error> {
        let limit = wanted.effective_limit();
        let rows = query(of_versions!(
            "SELECT ",
            "FROM model_version WHERE project = $1 AND model = $2 AND version < $3 ORDER BY version DESC LIMIT $4"
        ))
        .bind(project.as_str())
        .bind(model.as_str())
        .bind(wanted.before.map_or(i64::MAX, i64::from))
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.readers)
        .await?;
        let versions = rows.iter().map(version_record).collect::<Result<Vec<_>, _>>()?;
        let (versions, next) = cut(versions, limit, |record| record.version);
        Ok(VersionList { versions, next })
    }

    /// The moves of a model's aliases, newest first.
    pub async fn alias_history(
        &self,
        project: &Name,
        model: &Name,
        wanted: &AliasHistoryQuery,
    ) -> Result<AliasHistory, Error> {
        let limit = wanted.effective_limit();
        let rows = query(of_moves!(
            "FROM alias_history LEFT JOIN task_run ON task_run.task_run_id = alias_history.task_run_id \
             WHERE alias_history.project = $1 AND alias_history.model = $2 AND moved = 1 AND number < $3 \
             ORDER BY number DESC LIMIT $4"
        ))
        .bind(project.as_str())
        .bind(model.as_str())
        .bind(wanted.before.unwrap_or(i64::MAX))
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.readers)
        .await?;
        let moves = rows.iter().map(numbered_move).collect::<Result<Vec<_>, _>>()?;
        let (moves, next) = cut(moves, limit, |(number, _)| *number);
        Ok(AliasHistory { moves: moves.into_iter().map(|(_, entry)| entry).collect(), next })
    }
}

pub(super) fn build(row: &Row) -> Result<BuildRecord, Error> {
    Ok(BuildRecord {
        view: name(row.try_get("view")?)?,
        as_of: Timestamp::from_micros(row.try_get("as_of_us")?),
        definition_hash: row.try_get("definition_hash")?,
        object: row.try_get("object")?,
        rows: count(row, "row_count")?,
        size_bytes: count(row, "size_bytes")?,
    })
}

pub(super) fn numbered_move(row: &Row) -> Result<(i64, AliasHistoryEntry), Error> {
    let from: Option<i64> = row.try_get("previous_version")?;
    let entry = AliasHistoryEntry {
        alias: row.try_get("alias")?,
        from: from.map(|_| count(row, "previous_version")).transpose()?,
        to: count(row, "version")?,
        as_of: Timestamp::from_micros(row.try_get("as_of_us")?),
        run_id: row.try_get("run_id")?,
        by: row.try_get("moved_by")?,
        reason: row.try_get("reason")?,
        moved_at: Timestamp::from_micros(row.try_get("at_us")?),
    };
    Ok((row.try_get("number")?, entry))
}
