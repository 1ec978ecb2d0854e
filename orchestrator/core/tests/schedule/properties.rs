//! What holds for every expression, zone and instant.

use chrono_tz::{TZ_VARIANTS, Tz};
use daybreak_core::ScheduleCompiler;
use daybreak_spec::Timestamp;
use proptest::prelude::*;

use crate::oracle::{expression, instant, zone};
use crate::{at, compiled, next, schedule};

proptest! {
    #[test]
    fn the_next_firing_is_later_and_nothing_lies_between(
        expression in expression(), zone in zone(), second in instant(), micros in 0_i64..1_000_000,
    ) {
        let Ok(schedule) = ScheduleCompiler::default().schedule(&schedule(&expression, zone)) else { return Ok(()) };
        let instant = Timestamp::from_micros(second * 1_000_000 + micros);
        let Some(next) = schedule.next_after(instant) else { return Ok(()) };
        prop_assert!(next > instant);
        prop_assert_eq!(next.micros % 1_000_000, 0);
        let previous = schedule.previous_before(next).expect("a calendar has no beginning");
        prop_assert!(previous <= instant, "{previous} lies between {instant} and {next}");
        prop_assert_eq!(schedule.next_after(previous), Some(next));
    }

    #[test]
    fn asking_afresh_each_time_is_the_same_as_walking(expression in expression(), zone in zone(), second in instant()) {
        let Ok(schedule) = ScheduleCompiler::default().schedule(&schedule(&expression, zone)) else { return Ok(()) };
        let from = Timestamp::from_micros(second * 1_000_000);
        let to = from.plus_micros(3 * 86_400_000_000);
        let forwards = schedule.extended_between(from, to);
        let mut backwards = Vec::new();
        let mut previous = schedule.previous_before(to.plus_micros(1));
        while let Some(at) = previous.filter(|at| *at >= from) {
            backwards.push(at);
            previous = schedule.previous_before(at);
        }
        backwards.reverse();
        prop_assert_eq!(&forwards, &backwards);
        for pair in forwards.windows(2) {
            let between = Timestamp::from_micros(pair[0].micros.midpoint(pair[1].micros));
            prop_assert_eq!(schedule.next_after(between), Some(pair[1]));
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "[-0-9*/,#LW?@a-z \t]{0,40}") {
        let _ = ScheduleCompiler::default().schedule(&schedule(&text, "America/New_York"));
    }

    #[test]
    fn no_unicode_makes_the_reader_panic(text in "\\PC{0,30}") {
        let _ = ScheduleCompiler::default().schedule(&schedule(&text, &text));
    }
}

#[test]
fn a_daily_schedule_fires_once_a_day_in_every_zone_of_the_world() {
    for zone in TZ_VARIANTS {
        let schedule = compiled("30 2 * * *", zone.name());
        let found = next(&schedule, at("2023-12-31T23:59:00Z"), 800);
        let days: Vec<_> = found.iter().map(|at| at.to_chrono().with_timezone(&zone).date_naive()).collect();
        assert!(days.windows(2).all(|pair| pair[0].succ_opt() == Some(pair[1])), "{zone}");
    }
}

#[test]
fn every_minute_of_a_repeated_hour_fires_twice_and_of_a_missing_hour_never() {
    let schedule = compiled("* * * * *", "America/New_York");
    let zone: Tz = "America/New_York".parse().expect("a zone");
    let shown = |from, to, hour: &str| {
        let found = schedule.extended_between(at(from), at(to));
        let readings = found.iter().map(|at| at.to_chrono().with_timezone(&zone).format("%H").to_string());
        readings.filter(|shown| shown == hour).count()
    };
    assert_eq!(shown("2026-11-01T04:00:00Z", "2026-11-01T10:00:00Z", "01"), 120);
    assert_eq!(shown("2026-03-08T04:00:00Z", "2026-03-08T10:00:00Z", "02"), 0);
}
