//! How long to wait before a failed task is tried again. Pure: the random share is an argument. To add a form of
//! backoff: a field of `spec::Backoff` and a line here.

use std::time::Duration;

use daybreak_spec::{Jitter, Retry};

/// The wait after failed attempt `attempt` (1-based), or `None` when the attempts are used up.
///
/// Before attempt n + 1 that is `min(max, first * factor^(n-1))`, times `uniform` (in [0, 1), from the caller) for
/// `jitter: full`. Exact to a microsecond.
pub fn backoff(retry: &Retry, attempt: u32, uniform: f64) -> Option<Duration> {
    if attempt >= retry.attempts {
        return None;
    }
    let backoff = &retry.backoff;
    let max = backoff.max.to_std();
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let factor = if backoff.factor.is_finite() { backoff.factor.max(1.0) } else { 1.0 };
    let seconds = backoff.first.to_std().as_secs_f64() * factor.powi(exponent);
    // An overflow to infinity is beyond every `max`.
    let wait = if seconds < max.as_secs_f64() { Duration::from_secs_f64(seconds) } else { max };
    Some(match backoff.jitter {
        Jitter::None => wait,
        Jitter::Full => wait.mul_f64(if uniform.is_finite() { uniform.clamp(0.0, 1.0) } else { 1.0 }),
    })
}

/// Whether the policy tries an attempt again that ended for this cause.
pub(crate) fn covers(retry: &Retry, cause: &str) -> bool {
    retry.only.is_empty() || retry.only.iter().any(|only| only.covers(cause))
}

#[cfg(test)]
mod tests {
    use daybreak_spec::Backoff;
    use proptest::prelude::*;

    use super::*;

    fn policy(attempts: u32, first: &str, factor: f64, max: &str, jitter: Jitter) -> Retry {
        let duration = |text: &str| daybreak_spec::Duration::parse(text).expect("a duration");
        Retry {
            attempts,
            backoff: Backoff { first: duration(first), factor, max: duration(max), jitter },
            only: Vec::new(),
        }
    }

    #[test]
    fn waits_grow_by_the_factor_up_to_the_maximum() {
        let retry = policy(6, "10s", 2.0, "60s", Jitter::None);
        let waits: Vec<_> = (1..=6).map(|attempt| backoff(&retry, attempt, 0.5).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(10), Some(20), Some(40), Some(60), Some(60), None]);
    }

    #[test]
    fn the_first_wait_is_never_zero_without_jitter() {
        assert_eq!(backoff(&policy(2, "1us", 1.0, "1s", Jitter::None), 1, 0.0), Some(Duration::from_micros(1)));
    }

    #[test]
    fn full_jitter_takes_the_callers_share() {
        let retry = policy(3, "10s", 2.0, "5m", Jitter::Full);
        assert_eq!(backoff(&retry, 2, 0.25), Some(Duration::from_secs(5)));
        assert_eq!(backoff(&retry, 2, 0.0), Some(Duration::ZERO));
    }

    #[test]
    fn one_attempt_is_never_followed_by_another() {
        assert_eq!(backoff(&policy(1, "10s", 2.0, "5m", Jitter::Full), 1, 0.5), None);
    }

    #[test]
    fn a_thousandth_attempt_waits_the_maximum() {
        let retry = policy(u32::MAX, "10s", 10.0, "5m", Jitter::None);
        assert_eq!(backoff(&retry, 100_000, 0.5), Some(Duration::from_secs(300)));
        assert_eq!(backoff(&retry, u32::MAX - 1, 0.5), Some(Duration::from_secs(300)));
    }

    proptest! {
        #[test]
        fn every_wait_keeps_the_documented_formula(
            first_ms in 1_u32..100_000, factor in 1.0_f64..10.0, max_ms in 1_u32..10_000_000,
            attempt in 1_u32..60, uniform in 0.0_f64..1.0,
        ) {
            let (first, max) = (format!("{first_ms}ms"), format!("{max_ms}ms"));
            let plain = policy(1_000, &first, factor, &max, Jitter::None);
            let wait = backoff(&plain, attempt, uniform).expect("attempts are left");
            let mut expected = f64::from(first_ms) / 1e3;
            for _ in 1..attempt { expected *= factor; }
            let expected = expected.min(f64::from(max_ms) / 1e3);
            prop_assert!((wait.as_secs_f64() - expected).abs() <= expected * 1e-9 + 1e-6);

            let next = backoff(&plain, attempt + 1, uniform).expect("attempts are left");
            prop_assert!(next >= wait, "waits never shrink");

            let full = policy(1_000, &first, factor, &max, Jitter::Full);
            let jittered = backoff(&full, attempt, uniform).expect("attempts are left");
            prop_assert!((jittered.as_secs_f64() - wait.as_secs_f64() * uniform).abs() <= 1e-6);
        }

        #[test]
        fn attempts_are_counted_exactly(attempts in 1_u32..50, attempt in 1_u32..60) {
            let retry = policy(attempts, "1s", 2.0, "1m", Jitter::Full);
            prop_assert_eq!(backoff(&retry, attempt, 0.5).is_some(), attempt < attempts);
        }
    }
}
