//! Reloading the project from where it came from: the whole of it is read and checked, then swapped, or the version that
//! is live stays and what is wrong is shown. Who notices that something was written is the caller's business.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use daybreak_protocol::{Applied, Fault, ProjectFiles, ProjectView};
use daybreak_spec::{Problem, Project, Severity, Source, Stamp};

use crate::declared::Found;
use crate::origin::Origin;
use crate::{Error, Server};

/// A project with the texts that it was read from, and what that found out.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadProject {
    /// What they declare.
    pub project: Project,
    /// The texts; none where a program has declared it.
    pub files: ProjectFiles,
    /// What they tell beside the declarations.
    pub found: Found,
}

impl From<Project> for ReadProject {
    fn from(project: Project) -> Self {
        Self { project, files: ProjectFiles::default(), found: Found::default() }
    }
}

/// Why files are not what is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsound {
    /// All that is wrong, for people.
    pub words: String,
    /// The same one by one.
    pub faults: Vec<Fault>,
}

impl Unsound {
    /// Something that is wrong in no one place. `code`: a stable slug.
    pub fn of_all(code: &str, words: String) -> Self {
        let (code, message) = (code.to_owned(), words.clone());
        let fault =
            Fault { code, severity: Severity::Error, message, file: None, line: None, column: None, help: None };
        Self { words, faults: vec![fault] }
    }

    /// A sound project that the server does not take.
    fn not_taken(error: &Error) -> Self {
        let unsound = Self::of_all("not_deployed", error.to_string());
        match error {
            Error::Invalid { problems, .. } => Self { faults: problems.iter().map(fault).collect(), ..unsound },
            _ => unsound,
        }
    }
}

/// Without its place: whoever found it does not know the files.
fn fault(problem: &Problem) -> Fault {
    Fault {
        code: problem.code.to_owned(),
        severity: problem.severity,
        message: problem.message.clone(),
        file: None,
        line: None,
        column: None,
        help: problem.hint.clone(),
    }
}

/// Where the project comes from.
#[async_trait]
pub trait ProjectSource: Send + Sync + 'static {
    /// The project as it is now, or all that is wrong with it.
    async fn read(&self) -> Result<ReadProject, Unsound>;
    /// The texts as they are now, right or wrong, or why there are none.
    async fn texts(&self) -> Result<ProjectFiles, String>;
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
        let source = self.project_source().map_err(|error| Error::Refused(error.to_string()))?;
        let applied = match source.read().await {
            Ok(read) => {
                let applied = self.deploy_by(&read, source.root(), from).await;
                applied.map_err(|error| (Unsound::not_taken(&error), error))
            }
            Err(unsound) => Err((unsound.clone(), Error::Refused(unsound.words))),
        };
        let (problems, applied) = match applied {
            Ok(applied) => (None, Ok(Some(applied))),
            Err((unsound, error)) => (Some(unsound), Err(error)),
        };
        *self.problems.lock().unwrap_or_else(PoisonError::into_inner) = problems;
        applied
    }

    /// Where the project is read again.
    pub(crate) fn project_source(&self) -> Result<Arc<dyn ProjectSource>, Error> {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner).clone();
        source.ok_or_else(|| {
            Error::NotFound("this server does not follow a folder: deploy to the one that does".to_owned())
        })
    }

    /// The project that is live, and what is wrong with its files.
    pub(crate) fn project_view(&self) -> Result<ProjectView, Error> {
        let deployed = self.deployed()?;
        let unsound = self.problems.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (problems, faults) = unsound.map(|unsound| (unsound.words, unsound.faults)).unzip();
        Ok(ProjectView {
            name: deployed.name().to_string(),
            version: deployed.version.clone(),
            problems,
            faults: faults.unwrap_or_default(),
        })
    }
}
