//! Keeping the leadership: who has it renews it, who has not asks for it. With a file for a database there is nothing to
//! keep, its one process leads for ever. A reconciler: safe to run at any moment and twice. Must never decide what a
//! leader does.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use crate::Server;

/// A lease of 10 s survives two renewals that fail.
const BETWEEN_RENEWALS: Duration = Duration::from_secs(3);

/// How often a server that does not lead asks for the leadership: a leader that died is followed so soon after its lease.
const BETWEEN_ASKING: Duration = Duration::from_secs(1);

/// How often it looks whether the leader has given the leadership away.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

impl Server {
    /// The epoch this server leads under; 0 when another one leads.
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch.load(Ordering::Relaxed)
    }

    pub(crate) fn leads(&self) -> bool {
        self.epoch() != 0
    }

    /// Keeps the leadership, or tries to get it, until shut down; then gives it away at once: whoever takes it also sweeps while
    /// this one lets its tasks end.
    pub(crate) async fn run_leadership(&self, mut shutdown: watch::Receiver<bool>) {
        if !self.store.is_shared() {
            return;
        }
        loop {
            tokio::select! {
                () = self.until_next_turn() => {}
                _ = shutdown.wait_for(|stop| *stop) => break,
            }
            if let Err(error) = self.keep_leadership().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "the leadership could not be renewed");
            }
        }
        let epoch = self.epoch.swap(0, Ordering::Relaxed);
        if epoch != 0
            && let Err(error) = self.store.resign(self.server_id.clone(), epoch).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the leadership runs out by itself");
        }
    }

    async fn until_next_turn(&self) {
        if self.leads() {
            return tokio::time::sleep(BETWEEN_RENEWALS).await;
        }
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < BETWEEN_ASKING {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            if self.store.leadership_was_given_away().await.is_ok_and(|given| given) {
                return;
            }
        }
    }

    async fn keep_leadership(&self) -> Result<(), daybreak_store::Error> {
        let epoch = self.epoch();
        if epoch != 0 {
            if !self.store.renew_leadership(self.server_id.clone(), epoch).await? {
                self.epoch.store(0, Ordering::Relaxed);
                tracing::warn!(epoch, "another server leads now");
            }
            return Ok(());
        }
        if let Some(epoch) = self.store.lead(self.server_id.clone()).await? {
            tracing::info!(epoch, "this server leads now");
            // Workers may have been without a server to hear them for as long as there was no leader.
            self.store.spare_workers(crate::sweeper::micros(self.timings.lease)).await?;
            self.scheduler.lock().await.read_again();
            self.epoch.store(epoch, Ordering::Relaxed);
            self.wake.notify_one();
        }
        Ok(())
    }
}
