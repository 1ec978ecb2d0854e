//! The texts that the project was and is read from. Those of a version are one object in the artefact store, which the
//! version's row names; those of now are whatever the project's source says.

use bytes::Bytes;
use daybreak_protocol::ProjectFiles;

use crate::{Error, Server};

impl Server {
    /// Keeps texts; the object that holds them, none for a project that was read from none.
    pub(crate) async fn keep_texts(&self, files: &ProjectFiles) -> Result<Option<String>, Error> {
        if files.files.is_empty() {
            return Ok(None);
        }
        let bytes = Bytes::from(serde_json::to_vec(files).expect("texts always write"));
        Ok(Some(self.artifacts.put(bytes).await?))
    }

    /// The texts of a version, as they were when it was deployed last.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a version that was never deployed or whose texts were not kept; [`Error::Artifacts`] when
    /// they cannot be read.
    pub(crate) async fn files_of_version(&self, version: &str) -> Result<ProjectFiles, Error> {
        let kept = self.store.files_of_version(self.deployed()?.name(), version).await?;
        let object = kept.ok_or_else(|| Error::NotFound(format!("the texts of version {version} were not kept")))?;
        let bytes = self.artifacts.get(&object).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::NotFound(format!("the texts of version {version} are damaged: {error}")))
    }

    /// The texts of the project's folder as they are now.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the server has no folder, or none that is a project.
    pub(crate) async fn project_files(&self) -> Result<ProjectFiles, Error> {
        self.project_source()?.texts().await.map_err(Error::NotFound)
    }
}
