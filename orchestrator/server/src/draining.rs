//! Ending in good order: no more work is handed out, what still runs is waited for.

use std::time::Duration;

use crate::Server;

const LOOK: Duration = Duration::from_millis(5);

impl Server {
    /// Hands out no more work and waits until nothing runs, at most the drain time. Workers of this process end or hand
    /// back what they hold by themselves; what is left then is taken back when the folder is opened again.
    pub(crate) async fn drain(&self) {
        let _ = self.draining.send_replace(true);
        let begun = std::time::Instant::now();
        while begun.elapsed() < self.timings.drain {
            match self.store.running_attempts(&self.server_id).await {
                Ok(0) => return,
                Ok(_) => tokio::time::sleep(LOOK).await,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "not waiting for running tasks");
                    return;
                }
            }
        }
        tracing::warn!("tasks still run: they are taken back when the server starts again");
    }
}
