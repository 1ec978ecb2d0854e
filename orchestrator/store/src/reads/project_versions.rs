//! The versions of a project that were deployed, and the object with the texts of each.

use daybreak_protocol::{HashCursor, ProjectVersion, ProjectVersionList, ProjectVersionsQuery};
use daybreak_spec::{Name, Timestamp};

use super::cut;
use crate::database::query;
use crate::{Error, Store};

impl Store {
    /// The versions of a project, by when they were deployed last, newest first.
    pub async fn project_versions(
        &self,
        project: &Name,
        wanted: &ProjectVersionsQuery,
    ) -> Result<ProjectVersionList, Error> {
        let limit = wanted.effective_limit();
        let (before, hash) =
            wanted.before.as_ref().map_or((i64::MAX, ""), |cursor| (cursor.at.micros, cursor.hash.as_str()));
        let rows = query(
            "SELECT project_version.version, project_version.deployed_at_us, project.current_version \
             FROM project_version JOIN project ON project.project = project_version.project \
             WHERE project_version.project = $1 AND project_version.deployed_at_us <= $2 \
             AND (project_version.deployed_at_us < $2 OR project_version.version < $3) \
             ORDER BY project_version.deployed_at_us DESC, project_version.version DESC LIMIT $4",
        )
        .bind(project.as_str())
        .bind(before)
        .bind(hash)
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.readers)
        .await?;
        let versions = rows.iter().map(|row| {
            let version: String = row.try_get("version")?;
            let current = version == row.try_get::<&str>("current_version")?;
            Ok(ProjectVersion { version, deployed_at: Timestamp::from_micros(row.try_get("deployed_at_us")?), current })
        });
        let cursor = |last: &ProjectVersion| HashCursor { at: last.deployed_at, hash: last.version.clone() };
        let (versions, next) = cut(versions.collect::<Result<_, Error>>()?, limit, cursor);
        Ok(ProjectVersionList { versions, next })
    }

    /// The object with the texts of a version; none where they were not kept.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a version that was never deployed.
    pub async fn files_of_version(&self, project: &Name, version: &str) -> Result<Option<String>, Error> {
        let row = query("SELECT files FROM project_version WHERE project = $1 AND version = $2")
            .bind(project.as_str())
            .bind(version)
            .fetch_optional(&self.readers)
            .await?;
        let row = row.ok_or_else(|| Error::NotFound(format!("project `{project}` has no version {version}")))?;
        row.try_get("files")
    }
}
