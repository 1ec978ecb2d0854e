//! Why a server does not open or take a project up, and how the store's errors sound to whoever called.

use std::path::PathBuf;

use daybreak_protocol as protocol;
use daybreak_spec::{Name, Problem};

/// Why the server did not do what its process asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the state folder. The cli exits with 3.
    #[error("another process is using {}; stop it first, or name another folder", folder.display())]
    Locked {
        /// The state folder.
        folder: PathBuf,
    },
    /// The state was used with another artefact store.
    #[error(
        "the state of this project knows the project's version {version}, which {place} does not hold: its artefacts are \
         elsewhere; start it with the store that it was used with (--artifacts or DAYBREAK_ARTIFACTS; the folder \
         .daybreak/artifacts without them), or copy `objects/` from there first"
    )]
    OtherArtifacts {
        /// Of the project that was deployed last.
        version: String,
        /// The store that was named now.
        place: String,
    },
    /// The state folder lies where a database cannot be kept safe.
    #[error("{} lies on a network file system ({name}), where the state database is not safe; name a local folder",
        folder.display())]
    NetworkFileSystem {
        /// The state folder.
        folder: PathBuf,
        /// Its file system.
        name: &'static str,
    },
    /// The state folder cannot be used.
    #[error("the state folder {} cannot be used", folder.display())]
    Folder {
        /// The state folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The project's schedules or graphs do not compile.
    #[error("DAG `{dag}` does not compile: {}", first_message(problems))]
    Invalid {
        /// The DAG.
        dag: Name,
        /// All that is wrong with it.
        problems: Vec<Problem>,
    },
    /// A task's kind is not one that the workers know.
    #[error("task `{task}` of DAG `{dag}` is of the unknown kind `{kind}`")]
    UnknownKind {
        /// The DAG.
        dag: Name,
        /// The task.
        task: Name,
        /// What it says.
        kind: String,
    },
    /// No project has been deployed yet.
    #[error("no project has been deployed to this server yet")]
    NothingDeployed,
    /// The thing does not exist.
    #[error("{0}")]
    NotFound(String),
    /// It is refused for what it says or for the state things are in.
    #[error("{0}")]
    Refused(String),
    /// It does not fit what the thing is doing now.
    #[error("{0}")]
    NotNow(String),
    /// There is no room for it now.
    #[error("{0}")]
    Busy(String),
    /// Values of a request that are not accepted, all at once.
    #[error("{detail}")]
    Values {
        /// All of them in a sentence.
        detail: String,
        /// Each at its place in the request.
        errors: Vec<protocol::ErrorItem>,
    },
    /// The state.
    #[error(transparent)]
    Store(daybreak_store::Error),
    /// The artefact store.
    #[error(transparent)]
    Artifacts(#[from] daybreak_artifacts::Error),
}

fn first_message(problems: &[Problem]) -> String {
    problems.first().map_or_else(String::new, |problem| problem.message.clone())
}

impl From<daybreak_store::Error> for Error {
    fn from(error: daybreak_store::Error) -> Self {
        match error {
            daybreak_store::Error::NotFound(what) => Self::NotFound(what),
            daybreak_store::Error::Refused(why) => Self::Refused(why),
            daybreak_store::Error::NotNow(why) => Self::NotNow(why),
            other => Self::Store(other),
        }
    }
}

impl From<Error> for protocol::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound(what) => Self::NotFound(what),
            Error::NotNow(why) => Self::NotNow(why),
            Error::Store(error) => of_store(error),
            Error::Values { detail, errors } => Self::Invalid { detail, errors },
            Error::NothingDeployed
            | Error::Refused(_)
            | Error::Invalid { .. }
            | Error::UnknownKind { .. }
            | Error::NetworkFileSystem { .. }
            | Error::OtherArtifacts { .. }
            | Error::Locked { .. } => Self::Refused(error.to_string()),
            Error::Busy(_) | Error::Folder { .. } | Error::Artifacts(_) => unavailable(&error),
        }
    }
}

/// The store's errors in the words of the worker protocol.
pub(crate) fn of_store(error: daybreak_store::Error) -> protocol::Error {
    use daybreak_store::Error as Store;
    match error {
        Store::Stale => protocol::Error::StaleAttempt,
        Store::ReRegister => protocol::Error::ReRegister,
        Store::NotFound(what) => protocol::Error::NotFound(what),
        Store::Refused(why) => protocol::Error::Refused(why),
        Store::NotNow(why) => protocol::Error::NotNow(why),
        Store::Away { database, detail } => protocol::Error::Unavailable { url: database, detail },
        Store::Conflict { .. }
        | Store::Full
        | Store::Contended { .. }
        | Store::Database(_)
        | Store::Corrupt { .. }
        | Store::NotDurable(_)
        | Store::Closed
        | Store::Open { .. } => unavailable(&error),
    }
}

fn unavailable(error: &dyn std::error::Error) -> protocol::Error {
    let cause = error.source().map_or_else(String::new, |source| format!(": {source}"));
    protocol::Error::Unavailable { url: "this process".to_owned(), detail: format!("{error}{cause}") }
}
