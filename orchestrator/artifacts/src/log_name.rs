//! Which attempt's log: the only place that makes a path of a log.

use std::fmt;
use std::path::{Path, PathBuf};

use daybreak_spec::Name;

use crate::Error;

/// The log of one attempt: `logs/<run>/<task>.<attempt>.<fence>.log`. The fence keeps apart two workers that both
/// believe they own the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogName {
    run_id: String,
    task: Name,
    attempt: u32,
    fence: i64,
}

impl LogName {
    /// Checks the run's id; the other parts cannot be wrong.
    ///
    /// # Errors
    /// [`Error::NotARun`] when the id holds anything but 1 to 64 letters and digits.
    pub fn new(run_id: &str, task: &Name, attempt: u32, fence: i64) -> Result<Self, Error> {
        let ok = (1..=64).contains(&run_id.len()) && run_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !ok {
            return Err(Error::NotARun(run_id.chars().take(80).collect()));
        }
        Ok(Self { run_id: run_id.to_owned(), task: task.clone(), attempt, fence })
    }

    /// The parts of the folder that holds the log's segments in a bucket.
    pub(crate) fn folder(&self) -> [String; 3] {
        let log = format!("{}.{}.{}", self.task, self.attempt, self.fence);
        ["logs".to_owned(), self.run_id.clone(), log]
    }

    /// The file of the log's beginning; what follows a gap lies beside it (see [`Self::tail`]).
    pub(crate) fn head(&self, folder: &Path) -> PathBuf {
        let file = format!("{}.{}.{}.log", self.task, self.attempt, self.fence);
        folder.join("logs").join(&self.run_id).join(file)
    }

    /// The file of a later stretch, which begins at byte `start` of the whole output.
    pub(crate) fn tail(&self, folder: &Path, start: u64) -> PathBuf {
        let mut file = self.head(folder).into_os_string();
        file.push(format!(".{start:020}"));
        PathBuf::from(file)
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the log of task {} of run {}, attempt {}", self.task, self.run_id, self.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_that_could_leave_the_folder_is_refused() {
        let task = Name::parse("train").expect("a name");
        for id in ["", "..", "a/b", "a\\b", "a.b", "a\0", "-a", &"a".repeat(65)] {
            assert!(matches!(LogName::new(id, &task, 1, 1), Err(Error::NotARun(_))), "{id}");
        }
        let name = LogName::new("01ARZ3NDEKTSV4RRFFQ69G5FAV", &task, 2, 7).expect("a ULID");
        assert_eq!(name.head(Path::new("/a")), Path::new("/a/logs/01ARZ3NDEKTSV4RRFFQ69G5FAV/train.2.7.log"));
    }
}
