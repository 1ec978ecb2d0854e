//! Real time for leases, deadlines and backoff: read from the clock once, then counted by the machine's monotonic
//! clock, so that a step of the wall clock neither ends a lease nor keeps one alive.

use std::time::Instant;

use daybreak_spec::Timestamp;

#[derive(Clone, Copy)]
pub(crate) struct RealTime {
    began_at: Timestamp,
    began: Instant,
}

impl RealTime {
    pub(crate) fn from(now: Timestamp) -> Self {
        Self { began_at: now, began: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        self.began_at.plus_micros(elapsed)
    }
}
