//! Copies a child's output into its log, on a thread of its own: writing a log may block, and a flood must not take the
//! threads that answer requests. Must never hold the worker up for longer than it is asked to.

use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::unix::pipe::Receiver;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::AttemptLog;

/// The output of one child on its way into the log.
pub(crate) struct Output {
    /// Held from before a stretch leaves the pipe until it is in the log.
    under_way: Arc<Mutex<()>>,
    ended: oneshot::Receiver<()>,
}

impl Output {
    pub(crate) fn into_log(output: PipeReader, log: AttemptLog) -> io::Result<Self> {
        let (ending, ended) = oneshot::channel();
        let under_way = Arc::new(Mutex::new(()));
        let lock = under_way.clone();
        let copy = move || {
            if let Err(error) = copy(output, &log, &lock) {
                tracing::warn!(%error, "the output of a task could not be read");
            }
            drop(log);
            // Nobody listens any more when the attempt has been given up.
            let _ = ending.send(());
        };
        std::thread::Builder::new().name("task-log".to_owned()).spawn(copy)?;
        Ok(Self { under_way, ended })
    }

    /// Waits until what has left the pipe is in the log.
    pub(crate) async fn taken_up(&self) {
        let under_way = self.under_way.clone();
        let waited =
            tokio::task::spawn_blocking(move || drop(under_way.lock().unwrap_or_else(PoisonError::into_inner)));
        let _ = waited.await;
    }

    /// Waits until nobody can print any more, at most so long.
    pub(crate) async fn ended(&mut self, at_most: Duration) {
        let _ = timeout(at_most, &mut self.ended).await;
    }
}

fn copy(output: PipeReader, log: &AttemptLog, under_way: &Mutex<()>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let output = Receiver::from_owned_fd(OwnedFd::from(output))?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            output.readable().await?;
            let _held = under_way.lock().unwrap_or_else(PoisonError::into_inner);
            match output.try_read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => log.bytes(&buffer[..read]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => return Err(error),
            }
        }
    })
}
