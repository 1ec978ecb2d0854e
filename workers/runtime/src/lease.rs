//! The worker's lease as the worker itself counts it: from the moment the last accepted heartbeat was sent, on a clock
//! that goes on while the machine sleeps. The server counts from a later moment, so the worker always gives up first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// With less left than this no new work is taken.
pub(crate) const MARGIN: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(crate) struct Lease {
    length: Duration,
    origin: Instant,
    until_ms: AtomicU64,
}

impl Lease {
    /// A lease whose registration was sent at `sent` (see [`Lease::now`]).
    pub(crate) fn new(length: Duration, origin: Instant, sent: Duration) -> Self {
        let lease = Self { length, origin, until_ms: AtomicU64::new(0) };
        lease.renew(sent);
        lease
    }

    /// Time since the machine started, sleep included; where the kernel does not say, time since `origin`.
    pub(crate) fn now(origin: Instant) -> Duration {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = uptime.split(' ').next().and_then(|text| text.parse::<f64>().ok());
        let uptime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        uptime.unwrap_or_else(|| origin.elapsed())
    }

    /// A heartbeat sent at `sent` was accepted.
    pub(crate) fn renew(&self, sent: Duration) {
        let until = u64::try_from((sent + self.length).as_millis()).unwrap_or(u64::MAX);
        self.until_ms.fetch_max(until, Ordering::AcqRel);
    }

    /// What is left of it.
    pub(crate) fn left(&self) -> Duration {
        Duration::from_millis(self.until_ms.load(Ordering::Acquire)).saturating_sub(Self::now(self.origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_the_sending_and_never_shrinks() {
        let origin = Instant::now();
        let now = Lease::now(origin);
        let lease = Lease::new(Duration::from_secs(12), origin, now);
        assert!(lease.left() > Duration::from_secs(11) && lease.left() <= Duration::from_secs(12));
        lease.renew(now.saturating_sub(Duration::from_secs(5)));
        assert!(lease.left() > Duration::from_secs(11));
        let lost = Lease::new(Duration::ZERO, origin, now);
        assert_eq!(lost.left(), Duration::ZERO);
    }
}
