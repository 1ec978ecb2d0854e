//! What can go wrong with an online store, in words that say what to do next. One variant per thing a caller can act on;
//! to add one: a variant here and the place that maps to it.

use std::path::PathBuf;

use daybreak_spec::Name;

/// A failed read or publication. A failed publication leaves the old generation live.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder or a file in it could not be made, read or written.
    #[error("could not {action} the online store at {path}: {source}; check the disk and the permissions, then try again", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The store's folder.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// No space is left: on the disk, or in the store's fixed map.
    #[error("the online store at {path} is full ({detail}); the generation in service is untouched; free space, then publish again", path = path.display())]
    Full {
        /// The store's folder.
        path: PathBuf,
        /// Which limit was met.
        detail: String,
    },
    /// What is stored does not read back as it was written.
    #[error("the online store at {path} is damaged ({detail}); stop the server, remove the folder and materialize the views again", path = path.display())]
    Corrupt {
        /// The store's folder.
        path: PathBuf,
        /// What did not fit.
        detail: String,
    },
    /// The store was written by a later version of this program.
    #[error("the online store at {path} has format {found}, this program reads up to {supported}; upgrade it", path = path.display())]
    TooNew {
        /// The store's folder.
        path: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format this program reads.
        supported: u32,
    },
    /// This process holds a handle on the folder already.
    #[error("the online store at {path} is open in this process already; share that handle", path = path.display())]
    AlreadyOpen {
        /// The store's folder.
        path: PathBuf,
    },
    /// The engine refused for another reason.
    #[error("could not {action} the online store at {path}: {detail}", path = path.display())]
    Engine {
        /// What was tried.
        action: &'static str,
        /// The store's folder.
        path: PathBuf,
        /// The engine's words.
        detail: String,
    },
    /// Two rows of one generation have one key.
    #[error("view `{view}` has two rows for the key {key}; nothing was published")]
    DuplicateKey {
        /// The view.
        view: Name,
        /// The key, for people.
        key: String,
    },
    /// A row does not fit its generation.
    #[error("row {number} of view `{view}` does not fit its schema: {detail}; nothing was published")]
    Row {
        /// The view.
        view: Name,
        /// 1-based.
        number: u64,
        /// What does not fit.
        detail: String,
    },
    /// The generation's own numbers contradict each other.
    #[error("the generation of view `{view}` is malformed: {detail}; nothing was published")]
    Generation {
        /// The view.
        view: Name,
        /// What contradicts what.
        detail: String,
    },
    /// The view has no generation.
    #[error("view `{0}` has not been published yet; run a DAG that materializes it")]
    NotPublished(Name),
}
