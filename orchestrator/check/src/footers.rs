//! Footers of Parquet files, read once per set of files: a glob is read again only when a file of it has come, gone or
//! changed (path, size, time of change, inode). Holds no rows.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use daybreak_offline::{SchemaProblem, SourceSchema, read_schema, source_files};
use daybreak_spec::Source;

/// What tells a changed file from an unchanged one.
type Identity = Vec<(PathBuf, u64, i64, i64, u64)>;
type Footer = Result<SourceSchema, Vec<SchemaProblem>>;

/// Schemas of sources read so far.
#[derive(Debug, Default)]
pub(crate) struct Footers {
    known: Mutex<HashMap<Question, (Identity, Footer)>>,
}

/// Two sources with one path and one declared schema have one answer.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Question {
    root: PathBuf,
    roots: Vec<PathBuf>,
    path: String,
    declared: String,
}

impl Footers {
    /// The schema of a source's files.
    pub fn schema(&self, root: &Path, roots: &[PathBuf], source: &Source) -> Footer {
        let Some(identity) = identity(root, roots, source) else { return read_schema(root, roots, source) };
        let question = Question {
            root: root.to_path_buf(),
            roots: roots.to_vec(),
            path: source.path.value.clone(),
            declared: serde_json::to_string(&source.schema).unwrap_or_default(),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seen, footer)) = known.get(&question)
            && *seen == identity
        {
            return footer.clone();
        }
        let footer = read_schema(root, roots, source);
        known.insert(question, (identity, footer.clone()));
        footer
    }
}

/// `None` where there is nothing to remember: no file, or one that cannot be looked at.
fn identity(root: &Path, roots: &[PathBuf], source: &Source) -> Option<Identity> {
    let files = source_files(root, roots, source).ok()?;
    let mut identity = Identity::with_capacity(files.len());
    for file in files {
        let found = std::fs::metadata(&file).ok()?;
        identity.push((file, found.len(), found.mtime(), found.mtime_nsec(), found.ino()));
    }
    (!identity.is_empty()).then_some(identity)
}
