//! Reports that the server could not be told yet, on this worker's disk: a worker that ends, however it ends, tells them when
//! it has started again. One file each, written whole and fsynced; what they are worth the server decides by their fence.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use daybreak_artifacts::{make_folder, put_in_place};
use daybreak_failpoints::crossing;
use daybreak_protocol::Report;

const DRAFT: &str = "new";
const WHOLE: &str = "json";

/// The folder of reports; without one nothing is kept, for a worker whose server lives in the same process.
#[derive(Clone, Debug)]
pub(crate) struct Spool {
    folder: Option<PathBuf>,
}

impl Spool {
    /// In a folder that is made when it is needed.
    pub(crate) fn open(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Keeps a report, in place of one of the same attempt. Nothing is kept when this fails.
    pub(crate) fn keep(&self, report: &Report) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        make_folder(folder)?;
        let path = path(folder, &report.task_run_id, report.fence);
        let draft = path.with_extension(DRAFT);
        // It holds what the task hands on.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        put_in_place((file, &draft), &path, &serde_json::to_vec(report)?)
    }

    /// The server has decided.
    pub(crate) fn forget(&self, task_run_id: &str, fence: i64) {
        let Some(folder) = &self.folder else { return };
        crossing!("report.told");
        match fs::remove_file(path(folder, task_run_id, fence)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(task.run.id = task_run_id, %error, "a report that was told stays in its file");
            }
            _ => {}
        }
    }

    /// What an earlier process of this worker could not tell. What does not read back is left where it is, and said.
    pub(crate) fn left(&self) -> Vec<Report> {
        let Some(folder) = &self.folder else { return Vec::new() };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == WHOLE));
        let read = |path: PathBuf| {
            let report = fs::read(&path).and_then(|bytes| Ok(serde_json::from_slice(&bytes)?));
            report.map_err(|error| tracing::warn!(path = %path.display(), %error, "a report does not read back")).ok()
        };
        paths.filter_map(read).collect()
    }
}

/// Ids come from the server: nothing else than letters and digits becomes part of a path.
fn path(folder: &Path, task_run_id: &str, fence: i64) -> PathBuf {
    let id: String = task_run_id.chars().filter(char::is_ascii_alphanumeric).collect();
    folder.join(format!("{id}-{fence}.{WHOLE}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use daybreak_protocol::Outcome;

    fn report(fence: i64, outcome: Outcome) -> Report {
        let task_run_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned();
        Report { task_run_id, fence, outcome, busy_us: 1, start_us: 2 }
    }

    #[test]
    fn what_is_kept_is_left_to_the_next_process_until_it_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(Some(folder.path().join("spool")));
        assert!(spool.left().is_empty());
        spool.keep(&report(3, Outcome::Cancelled)).expect("kept");
        spool.keep(&report(3, Outcome::HandedBack)).expect("kept");
        spool.keep(&report(4, Outcome::Cancelled)).expect("kept");
        fs::write(folder.path().join("spool/half.new"), "{").expect("half");
        fs::write(folder.path().join("spool/torn.json"), "{").expect("torn");
        let next = Spool::open(Some(folder.path().join("spool")));
        let mut left: Vec<_> = next.left().into_iter().map(|report| (report.fence, report.outcome)).collect();
        left.sort_by_key(|(fence, _)| *fence);
        assert!(matches!(left.as_slice(), [(3, Outcome::HandedBack), (4, Outcome::Cancelled)]), "{left:?}");
        next.forget("01ARZ3NDEKTSV4RRFFQ69G5FAV", 3);
        next.forget("01ARZ3NDEKTSV4RRFFQ69G5FAV", 3);
        assert_eq!(next.left().len(), 1);
    }

    #[test]
    fn no_id_leads_out_of_the_folder() {
        let folder = Path::new("/spool");
        assert_eq!(path(folder, "../../etc/passwd", 1), Path::new("/spool/etcpasswd-1.json"));
    }
}
