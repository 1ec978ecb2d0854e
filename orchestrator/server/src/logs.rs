//! What attempts wrote, as it is asked for at once: whole, or a piece of one attempt's. Following a log is in `following.rs`.

use daybreak_artifacts::{Artifacts, LogName};
use daybreak_protocol::{AttemptLog, LogQuery, LogSlice, TaskLog};
use daybreak_spec::Name;
use daybreak_store::AttemptRow;

use crate::{Error, Server};

/// Most bytes of one attempt's log in an answer with all of them.
const MAX_LOG_BYTES: usize = 8 << 20;

impl Server {
    /// What the attempts of a task wrote, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Artifacts`] when a log cannot be read.
    pub(crate) async fn whole_log(&self, run_id: &str, task: &Name) -> Result<TaskLog, Error> {
        let mut log = TaskLog::default();
        for AttemptRow { attempt, fence } in self.store.attempts(run_id, task).await? {
            let name = LogName::new(run_id, task, attempt, fence)?;
            let text = self.reading(move |artifacts| whole(&artifacts, &name)).await?;
            log.attempts.push(AttemptLog { attempt, fence, text });
        }
        Ok(log)
    }

    /// A piece of one attempt's log, the newest's where no fence is named.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for an attempt that there is not; [`Error::Artifacts`] when the log cannot be read.
    pub(crate) async fn log_slice(&self, run_id: &str, task: &Name, query: LogQuery) -> Result<LogSlice, Error> {
        let mut attempts = self.store.attempts(run_id, task).await?.into_iter();
        let found = match query.fence {
            Some(fence) => attempts.find(|attempt| attempt.fence == fence).ok_or(format!("under fence {fence}")),
            None => attempts.next_back().ok_or("that has begun".to_owned()),
        };
        let AttemptRow { attempt, fence } =
            found.map_err(|which| Error::NotFound(format!("task `{task}` of run {run_id} has no attempt {which}")))?;
        let name = LogName::new(run_id, task, attempt, fence)?;
        let (from, bytes) = (query.from.unwrap_or_default(), query.effective_bytes() as usize);
        let piece = self.reading(move |artifacts| Piece::read(&artifacts, &name, (from, bytes))).await?;
        let Piece { from, text, next, end } = piece;
        Ok(LogSlice { attempt, fence, from, text, next, end })
    }

    /// Reads on a thread where that may block.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(Artifacts) -> Result<T, daybreak_artifacts::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let artifacts = self.artifacts.clone();
        let read = tokio::task::spawn_blocking(move || read(artifacts)).await;
        Ok(read.map_err(|error| Error::Busy(format!("a log cannot be read now: {error}")))??)
    }
}

fn whole(artifacts: &Artifacts, name: &LogName) -> Result<String, daybreak_artifacts::Error> {
    let (mut text, mut offset) = (String::new(), 0);
    loop {
        let part = artifacts.read_log(name, offset, MAX_LOG_BYTES)?;
        text.push_str(&part.text);
        if part.next_offset == offset {
            return Ok(text);
        }
        if text.len() >= MAX_LOG_BYTES {
            text.push_str("\n[the rest of a long log is not shown here]\n");
            return Ok(text);
        }
        offset = part.next_offset;
    }
}

/// A piece as it was read.
struct Piece {
    from: u64,
    text: String,
    next: u64,
    end: bool,
}

impl Piece {
    /// `from`: below 0 counts from the end.
    fn read(
        artifacts: &Artifacts,
        name: &LogName,
        (from, bytes): (i64, usize),
    ) -> Result<Self, daybreak_artifacts::Error> {
        // Before the text: what is written meanwhile is for the next piece.
        let length = artifacts.log_length(name)?;
        let from = if from < 0 { length.saturating_sub(from.unsigned_abs()) } else { from.unsigned_abs() };
        let (mut text, mut next) = (String::new(), from);
        // A part ends with the file that it is in, and is never smaller than this.
        while text.len() + *LogQuery::BYTES.start() as usize <= bytes {
            let part = artifacts.read_log(name, next, bytes - text.len())?;
            text.push_str(&part.text);
            if part.next_offset == next {
                break;
            }
            next = part.next_offset;
        }
        Ok(Self { from, text, next, end: next >= length })
    }
}
