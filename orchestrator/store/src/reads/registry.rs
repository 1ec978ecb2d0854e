//! Reads of single versions of models, and of where the aliases point.

use crate::database::{Row, Snapshot, query};
use daybreak_protocol::{Live, LiveModel, ModelVersionRecord, NewModelVersion};
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

pub(super) use of_versions;

impl Store {
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
}

pub(super) async fn declared_models(snapshot: &mut Snapshot, project: &Name) -> Result<Vec<Name>, Error> {
    let models: Option<String> = query(
        "SELECT models FROM project JOIN project_version ON project_version.project = project.project \
         AND project_version.version = project.current_version WHERE project.project = $1",
    )
    .bind(project.as_str())
    .fetch_value(snapshot)
    .await?;
    models.map_or_else(|| Ok(Vec::new()), |text| json("list of models", &text))
}

pub(super) fn version_record(row: &Row) -> Result<ModelVersionRecord, Error> {
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
