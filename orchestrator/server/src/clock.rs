//! Business time: what a caller may do with it.

use daybreak_protocol::ClockView;
use daybreak_spec::Timestamp;

use crate::{Error, Server};

impl Server {
    /// Sets simulated business time, durably, and makes the runs that fall due by it. It never goes back.
    ///
    /// # Errors
    /// [`Error::Refused`] when business time follows real time or stands later already.
    pub async fn advance_clock(&self, at: Timestamp) -> Result<(), Error> {
        if !self.clock.is_simulated() {
            return Err(Error::Refused("business time follows real time here and cannot be set".to_owned()));
        }
        self.store.set_clock(at).await?;
        self.clock.set_business(at);
        self.make_due_runs().await?;
        self.wake.notify_one();
        self.wake_waits.notify_one();
        Ok(())
    }

    /// The next firing of any DAG after business time.
    pub fn next_firing(&self) -> Option<Timestamp> {
        let now = self.clock.business_now();
        self.deployed().ok()?.dags.values().filter_map(|dag| dag.firings.next_after(now)).min()
    }

    /// Both clocks.
    pub(crate) fn clock_view(&self) -> ClockView {
        ClockView {
            business_now: self.clock.business_now(),
            real_now: self.clock.real_now(),
            simulated: self.clock.is_simulated(),
        }
    }
}
