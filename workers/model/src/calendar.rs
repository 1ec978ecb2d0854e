//! Days and civil dates of the proleptic Gregorian calendar, UTC. Algorithms: Howard Hinnant, "chrono-compatible
//! low-level date algorithms", valid for every day an i64 of microseconds can name.

pub(crate) const DAY_US: i64 = 86_400_000_000;

/// Year, month (1-12) and day (1-31) of a day since 1970-01-01.
pub(crate) fn civil(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let small = |number: i64| u32::try_from(number).expect("months and days are small");
    (year, small(month), small(day))
}

/// Day since 1970-01-01 and microsecond within it.
pub(crate) fn split(micros: i64) -> (i64, i64) {
    (micros.div_euclid(DAY_US), micros.rem_euclid(DAY_US))
}

/// 0 = Sunday.
pub(crate) fn day_of_week(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(-1), (1969, 12, 31));
        assert_eq!(civil(15_774), (2013, 3, 10));
        assert_eq!(day_of_week(15_774), 0, "a Sunday");
        assert_eq!(civil(15_399), (2012, 2, 29));
        assert_eq!(split(-1), (-1, DAY_US - 1));
    }

    proptest! {
        #[test]
        fn the_calendar_agrees_with_chrono(day in -700_000_i64..2_900_000) {
            let text = daybreak_spec::Timestamp::from_micros(day * DAY_US).to_string();
            let (year, month, day_of_month) = civil(day);
            prop_assert_eq!(text, format!("{year:04}-{month:02}-{day_of_month:02}T00:00:00Z"));
        }
    }
}
