//! Reads of builds, models and aliases.

use std::collections::BTreeMap;

use crate::database::{Row, Snapshot, query};
use daybreak_protocol::{
    AliasHistoryEntry, BuildRecord, Live, LiveModel, ModelVersionRecord, ModelView, NewModelVersion,
};
use daybreak_spec::{Name, Timestamp};

use crate::load::{count, json, name};
use crate::{Error, Store};

/// A statement around the columns of a version.
macro_rules! of_versions {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "model_version.model, model_version.version, model_version.object, model_version.as_of_us, ",
            "model_version.fit_from_us, model_version.fit_to_us, model_version.row_count, model_version.metrics, ",
            "model_version.run_id ",
            $after
        )
    };
}

impl Store {
    /// Builds of a view with `from <= as_of <= to`, oldest first; the newest per (as_of, definition).
    pub async fn builds(
        &self,
        project: &Name,
        view: &Name,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<BuildRecord>, Error> {
        let rows = query(
            "SELECT view, as_of_us, definition_hash, object, row_count, size_bytes FROM build \
             WHERE project = $1 AND view = $2 AND as_of_us BETWEEN $3 AND $4 AND NOT EXISTS \
             (SELECT 1 FROM build AS newer WHERE newer.project = build.project AND newer.view = build.view \
             AND newer.as_of_us = build.as_of_us AND newer.definition_hash = build.definition_hash \
             AND newer.number > build.number) ORDER BY as_of_us, definition_hash",
        )
        .bind(project.as_str())
        .bind(view.as_str())
        .bind(from.micros)
        .bind(to.micros)
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(BuildRecord {
                    view: name(row.try_get("view")?)?,
                    as_of: Timestamp::from_micros(row.try_get("as_of_us")?),
                    definition_hash: row.try_get("definition_hash")?,
                    object: row.try_get("object")?,
                    rows: count(row, "row_count")?,
                    size_bytes: count(row, "size_bytes")?,
                })
            })
            .collect()
    }

    /// One version of a model.
    pub async fn model_version(&self, project: &Name, model: &Name, version: u32) -> Result<ModelVersionRecord, Error> {
        let row =
            query(of_versions!("SELECT ", "FROM model_version WHERE project = $1 AND model = $2 AND version = $3"))
                .bind(project.as_str())
                .bind(model.as_str())
                .bind(i64::from(version))
                .fetch_optional(&self.readers)
                .await?
                .ok_or_else(|| Error::NotFound(format!("model `{model}` has no version {version}")))?;
        version_record(&row)
    }

    /// The version that an alias points at, if any.
    pub async fn alias(&self, project: &Name, model: &Name, alias: &str) -> Result<Option<ModelVersionRecord>, Error> {
        let row = query(of_versions!(
            "SELECT ",
            "FROM alias JOIN model_version ON model_version.project = alias.project \
             AND model_version.model = alias.model AND model_version.version = alias.version \
             WHERE alias.project = $1 AND alias.model = $2 AND alias.alias = $3"
        ))
        .bind(project.as_str())
        .bind(model.as_str())
        .bind(alias)
        .fetch_optional(&self.readers)
        .await?;
        row.as_ref().map(version_record).transpose()
    }

    /// The registry's live state.
    pub async fn live(&self, project: &Name) -> Result<Live, Error> {
        let mut snapshot = self.readers.begin().await?;
        let cursor: Option<i64> = query("SELECT cursor FROM registry_cursor WHERE project = $1")
            .bind(project.as_str())
            .fetch_value(&mut snapshot)
            .await?;
        let models = declared_models(&mut snapshot, project).await?;
        let rows = query(of_versions!(
            "SELECT alias.alias, ",
            "FROM alias JOIN model_version \
             ON model_version.project = alias.project AND model_version.model = alias.model \
             AND model_version.version = alias.version WHERE alias.project = $1 ORDER BY alias.model, alias.alias"
        ))
        .bind(project.as_str())
        .fetch_all(&mut snapshot)
        .await?;
        let live = rows
            .iter()
            .map(|row| Ok(LiveModel { alias: row.try_get("alias")?, version: version_record(row)? }))
            .collect::<Result<_, Error>>()?;
        Ok(Live { cursor: cursor.unwrap_or_default(), models, live })
    }

    /// All models, declared or with versions, and everything known of them.
    pub async fn models(&self, project: &Name) -> Result<Vec<ModelView>, Error> {
        let mut snapshot = self.readers.begin().await?;
        let declared = declared_models(&mut snapshot, project).await?;
        let mut models: BTreeMap<Name, ModelView> =
            declared.into_iter().map(|model| (model.clone(), empty_view(model))).collect();
        let rows = query(of_versions!("SELECT ", "FROM model_version WHERE project = $1 ORDER BY model, version"))
            .bind(project.as_str())
            .fetch_all(&mut snapshot)
            .await?;
        for row in &rows {
            let record = version_record(row)?;
            view_of(&mut models, record.content.model.clone()).versions.push(record);
        }
        let rows = query("SELECT model, alias, version FROM alias WHERE project = $1")
            .bind(project.as_str())
            .fetch_all(&mut snapshot)
            .await?;
        for row in &rows {
            let view = view_of(&mut models, name(row.try_get("model")?)?);
            view.aliases.insert(row.try_get("alias")?, count(row, "version")?);
        }
        let rows = query(
            "SELECT alias_history.model, alias, version, previous_version, as_of_us, at_us, task_run.run_id \
             FROM alias_history LEFT JOIN task_run ON task_run.task_run_id = alias_history.task_run_id \
             WHERE alias_history.project = $1 AND moved = 1 ORDER BY number",
        )
        .bind(project.as_str())
        .fetch_all(&mut snapshot)
        .await?;
        for row in &rows {
            view_of(&mut models, name(row.try_get("model")?)?).alias_history.push(history_entry(row)?);
        }
        Ok(models.into_values().collect())
    }
}

fn empty_view(name: Name) -> ModelView {
    ModelView { name, versions: Vec::new(), aliases: BTreeMap::new(), alias_history: Vec::new() }
}

fn view_of(models: &mut BTreeMap<Name, ModelView>, name: Name) -> &mut ModelView {
    models.entry(name.clone()).or_insert_with(|| empty_view(name))
}

async fn declared_models(snapshot: &mut Snapshot, project: &Name) -> Result<Vec<Name>, Error> {
    let models: Option<String> = query(
        "SELECT models FROM project JOIN project_version ON project_version.project = project.project \
         AND project_version.version = project.current_version WHERE project.project = $1",
    )
    .bind(project.as_str())
    .fetch_value(snapshot)
    .await?;
    models.map_or_else(|| Ok(Vec::new()), |text| json("list of models", &text))
}

fn history_entry(row: &Row) -> Result<AliasHistoryEntry, Error> {
    let from: Option<i64> = row.try_get("previous_version")?;
    Ok(AliasHistoryEntry {
        alias: row.try_get("alias")?,
        from: from.map(|_| count(row, "previous_version")).transpose()?,
        to: count(row, "version")?,
        as_of: Timestamp::from_micros(row.try_get("as_of_us")?),
        run_id: row.try_get("run_id")?,
        moved_at: Timestamp::from_micros(row.try_get("at_us")?),
    })
}

fn version_record(row: &Row) -> Result<ModelVersionRecord, Error> {
    Ok(ModelVersionRecord {
        version: count(row, "version")?,
        run_id: row.try_get("run_id")?,
        content: NewModelVersion {
            model: name(row.try_get("model")?)?,
            object: row.try_get("object")?,
            as_of: Timestamp::from_micros(row.try_get("as_of_us")?),
            fit_from: Timestamp::from_micros(row.try_get("fit_from_us")?),
            fit_to: Timestamp::from_micros(row.try_get("fit_to_us")?),
            rows: count(row, "row_count")?,
            metrics: json("metrics", row.try_get("metrics")?)?,
        },
    })
}
