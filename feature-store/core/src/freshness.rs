//! When a value is too old. One rule for training, serving and the online store; never reads a clock.

use daybreak_spec::Timestamp;

/// Whether a value measured from `from` may be used at `at`: an age equal to the ttl is fresh, one microsecond more is
/// not; without a ttl every age is. A value from after `at` (clocks of two hosts) has no age and is fresh.
pub fn is_fresh(from: Timestamp, ttl_us: Option<i64>, at: Timestamp) -> bool {
    ttl_us.is_none_or(|ttl_us| at.micros.saturating_sub(from.micros) <= ttl_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn an_age_equal_to_the_ttl_is_fresh_and_one_microsecond_more_is_not() {
        let two_hours_us = 2 * 3_600_000_000;
        assert!(is_fresh(at(0), Some(two_hours_us), at(two_hours_us)));
        assert!(!is_fresh(at(0), Some(two_hours_us), at(two_hours_us + 1)));
    }

    #[test]
    fn a_ttl_below_a_second_holds() {
        assert!(!is_fresh(at(0), Some(500_000), at(600_000)));
    }

    #[test]
    fn without_a_ttl_nothing_is_too_old() {
        assert!(is_fresh(at(i64::MIN), None, at(i64::MAX)));
        assert!(!is_fresh(at(i64::MIN), Some(1), at(i64::MAX)), "no overflow either");
    }
}
