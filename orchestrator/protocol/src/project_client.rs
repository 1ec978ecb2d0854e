//! The project over the client: what is live, reading it again, its versions and their texts. To add a call: a method here, a
//! route in `server`.

use crate::client::segment;
use crate::{Applied, Client, Error, ProjectFiles, ProjectVersionList, ProjectVersionsQuery, ProjectView};

impl Client {
    /// The project that is live, and what is wrong with its files.
    pub async fn project(&self) -> Result<ProjectView, Error> {
        self.get("/api/v1/project").await
    }

    /// Has the server read its project again.
    pub async fn reload(&self) -> Result<Applied, Error> {
        self.post("/api/v1/project/reload", &serde_json::json!({})).await
    }

    /// A page of the versions of the project, newest first.
    pub async fn project_versions(&self, query: &ProjectVersionsQuery) -> Result<ProjectVersionList, Error> {
        self.get_with("/api/v1/project/versions", query).await
    }

    /// The texts of a version of the project.
    pub async fn files_of_version(&self, version: &str) -> Result<ProjectFiles, Error> {
        self.get(&format!("/api/v1/project/versions/{}/files", segment(version)?)).await
    }

    /// The texts of the project's folder as they are now.
    pub async fn project_files(&self) -> Result<ProjectFiles, Error> {
        self.get("/api/v1/project/files").await
    }
}
