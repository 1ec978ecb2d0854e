//! Reloading the project from where it came from: the whole of it is read and checked, then swapped, or the version that
//! is live stays and what is wrong is shown. Who notices that something was written is the caller's business.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use daybreak_protocol::{Applied, ProjectView};
use daybreak_spec::{Project, Source, Stamp};

use crate::origin::Origin;
use crate::{Error, Server};

/// Where the project comes from.
#[async_trait]
pub trait ProjectSource: Send + Sync + 'static {
    /// The project as it is now, or all that is wrong with it in words.
    async fn read(&self) -> Result<Project, String>;
    /// The files of one of its sources with their stamps, sorted by path, or why there are none.
    async fn files(&self, source: &Source, data_roots: &[PathBuf]) -> Result<Vec<(PathBuf, Stamp)>, String>;
    /// The folder that its relative paths start from.
    fn root(&self) -> &Path;
}

impl Server {
    /// Names the source that [`Server::reload`] reads.
    pub fn follow_source(&self, source: Arc<dyn ProjectSource>) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }

    /// Reads the project again and makes it current; `from`: who asks, where somebody does. Runs that exist keep the version they were made from.
    ///
    /// # Errors
    /// [`Error::Refused`] with everything that is wrong with the files: what was live stays live, and
    /// the view of the project shows the problems until a version without any is read.
    pub async fn reload(&self, from: Option<&Origin>) -> Result<Applied, Error> {
        let applied = self.reload_if(from, None).await?;
        Ok(applied.expect("whatever is live is expected"))
    }

    /// The same, if the version that is live is the one expected; otherwise nothing is done.
    pub(crate) async fn reload_if(
        &self,
        from: Option<&Origin>,
        expected: Option<&str>,
    ) -> Result<Option<Applied>, Error> {
        let _one_at_a_time = self.reloading.lock().await;
        if expected.is_some_and(|expected| self.deployed().is_ok_and(|live| live.version != expected)) {
            return Ok(None);
        }
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(source) = source else {
            return Err(Error::Refused("this server does not follow a folder: deploy to the one that does".to_owned()));
        };
        let applied = match source.read().await {
            Ok(project) => self.deploy_by(&project, source.root(), from).await,
            Err(problems) => Err(Error::Refused(problems)),
        };
        let problems = applied.as_ref().err().map(ToString::to_string);
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
        applied.map(Some)
    }

    /// The project that is live, and what is wrong with its files.
    pub(crate) fn project_view(&self) -> Result<ProjectView, Error> {
        let deployed = self.deployed()?;
        Ok(ProjectView {
            name: deployed.name().to_string(),
            version: deployed.version.clone(),
            problems: self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }
}
