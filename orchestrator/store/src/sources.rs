//! Where the store takes time, chance and identities from: handed in, never asked of the machine.

use std::sync::{Arc, Mutex, PoisonError};

use daybreak_spec::Timestamp;
use ulid::Ulid;

/// Real time, chance and identities; clones share them.
#[derive(Clone)]
pub struct Sources {
    now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    uniform: Arc<dyn Fn() -> f64 + Send + Sync>,
    last_id: Arc<Mutex<u128>>,
}

impl Sources {
    /// `now` is real time and must not go backwards; `uniform` draws from [0, 1).
    pub fn new(
        now: impl Fn() -> Timestamp + Send + Sync + 'static,
        uniform: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> Self {
        Self { now: Arc::new(now), uniform: Arc::new(uniform), last_id: Arc::new(Mutex::new(0)) }
    }

    /// Real time.
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// A number in [0, 1).
    pub fn uniform(&self) -> f64 {
        (self.uniform)()
    }

    /// A ULID above every one given out before, so that rows made together sort in the order they were made.
    pub fn id(&self) -> String {
        let milliseconds = u64::try_from(self.now().micros / 1_000).unwrap_or_default();
        let random = (u128::from(self.forty_bits()) << 40) | u128::from(self.forty_bits());
        let fresh = u128::from(Ulid::from_parts(milliseconds, random));
        let mut last = self.last_id.lock().unwrap_or_else(PoisonError::into_inner);
        *last = fresh.max(last.saturating_add(1));
        Ulid::from(*last).to_string()
    }

    fn forty_bits(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in [0, 2^40)")]
        let bits = (self.uniform() * 1_099_511_627_776.0) as u64;
        bits
    }
}
