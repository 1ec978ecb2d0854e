//! The two clocks. Business time (firings, T, ttl at a request) can be simulated; leases, timeouts and backoff are
//! always real time. Both are handed in from the binary: nothing below it asks the machine for the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use daybreak_spec::Timestamp;

const FOLLOWS_REAL_TIME: i64 = i64::MIN;

/// A handle on both clocks; clones share the simulated time.
#[derive(Clone)]
pub struct Clock {
    real: fn() -> Timestamp,
    simulated_us: Arc<AtomicI64>,
}

impl Clock {
    /// Business time follows real time.
    pub fn real(real: fn() -> Timestamp) -> Self {
        Self { real, simulated_us: Arc::new(AtomicI64::new(FOLLOWS_REAL_TIME)) }
    }

    /// Business time stands at `at` until it is set.
    pub fn simulated(real: fn() -> Timestamp, at: Timestamp) -> Self {
        Self { real, simulated_us: Arc::new(AtomicI64::new(at.micros)) }
    }

    /// Real time.
    pub fn real_now(&self) -> Timestamp {
        (self.real)()
    }

    /// Business time.
    pub fn business_now(&self) -> Timestamp {
        match self.simulated_us.load(Ordering::Acquire) {
            FOLLOWS_REAL_TIME => self.real_now(),
            micros => Timestamp::from_micros(micros),
        }
    }

    /// Whether business time is simulated.
    pub fn is_simulated(&self) -> bool {
        self.simulated_us.load(Ordering::Acquire) != FOLLOWS_REAL_TIME
    }

    /// Sets simulated business time; without effect on a clock that follows real time.
    pub fn set_business(&self, at: Timestamp) {
        if self.is_simulated() {
            self.simulated_us.store(at.micros, Ordering::Release);
        }
    }
}
