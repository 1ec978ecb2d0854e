//! The as-of engine against the numbered acceptance tests of the point-in-time semantics (1 to 10, 11, 12; the rest are
//! stories of `training.rs`) and against a brute-force oracle. Times are microseconds unless a test says otherwise.

use daybreak_features::Status;
use daybreak_offline::point_in_time::{AsOf, Boundary, FeatureRows, Found, Knowledge, Nulls, Rules};
use daybreak_spec::Timestamp;
use proptest::prelude::*;

const NEVER: i64 = i64::MAX;
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> i64 {
    Timestamp::parse(text).unwrap().micros
}

/// (key, event, known, sequence, value)
type Row = (Option<u32>, i64, i64, i64, Option<f64>);

fn ask(rows: &[Row], questions: &[(Option<u32>, i64)], rules: &Rules, nulls: Nulls) -> Vec<(Option<f64>, Status)> {
    let engine = AsOf::new(FeatureRows {
        keys: rows.iter().map(|row| row.0).collect(),
        events: rows.iter().map(|row| row.1).collect(),
        known: rows.iter().map(|row| row.2).collect(),
        sequence: rows.iter().map(|row| row.3).collect(),
    });
    let has_value: Vec<bool> = rows.iter().map(|row| row.4.is_some()).collect();
    let answers = engine.join(questions, rules, nulls, &has_value);
    assert_eq!(answers.len(), questions.len(), "one answer per question, always");
    answers.into_iter().map(|(row, status)| (row.and_then(|row| rows[row].4), status)).collect()
}

fn values(rows: &[Row], questions: &[(Option<u32>, i64)], rules: &Rules) -> Vec<Option<f64>> {
    ask(rows, questions, rules, Nulls::Answer).into_iter().map(|(value, _)| value).collect()
}

fn ttl(ttl: i64) -> Rules {
    Rules { ttl: Some(ttl), ..Rules::default() }
}

#[test]
fn acceptance_01_newest_row_within_ttl_and_newest_created_among_equals() {
    let day = |text: &str| at(&format!("{text}T00:00:00Z"));
    let rows = [
        (Some(1), day("2023-12-31"), day("2023-12-31"), 0, Some(11.0)),
        (Some(1), day("2024-01-02"), day("2024-01-02"), 0, Some(22.0)),
        (Some(1), day("2024-01-03"), day("2024-01-03"), 0, Some(33.0)),
        (Some(2), day("2023-01-03"), day("2023-01-03"), 0, Some(22.0)),
        (Some(3), day("2024-01-01"), day("2024-01-03"), 0, Some(10.0)),
        (Some(3), day("2024-01-01"), day("2024-01-02"), 0, Some(20.0)),
    ];
    let asked = [(1, "2024-01-01"), (1, "2024-01-02"), (2, "2024-01-01"), (3, "2024-01-03")];
    let asked: Vec<_> = asked.iter().map(|(key, time)| (Some(*key), day(time))).collect();
    assert_eq!(values(&rows, &asked, &ttl(10 * DAY)), [Some(11.0), Some(22.0), None, Some(10.0)]);
}

#[test]
fn acceptance_02_event_time_beats_created_time() {
    let now = at("2026-01-01T00:00:00Z");
    let rows = [
        (Some(1001), now, now, 0, Some(10.0)),
        (Some(1001), now, now + DAY, 0, Some(20.0)),
        (Some(1002), now, now + DAY, 0, Some(30.0)),
        (Some(1002), now + DAY, now, 0, Some(40.0)),
    ];
    let asked = [(Some(1001), now + 2 * DAY), (Some(1002), now + 2 * DAY)];
    assert_eq!(values(&rows, &asked, &Rules::default()), [Some(20.0), Some(40.0)]);
}

#[test]
fn acceptance_03_a_known_cut_off_hides_later_knowledge_and_unknown_times() {
    let ten = at("2026-01-01T10:00:00Z");
    let rows = [(Some(1), ten, ten + 2 * HOUR, 0, Some(0.4)), (Some(1), ten, ten + 2 * DAY, 0, Some(0.6))];
    let asked = [(Some(1), ten + 14 * HOUR)];
    let required = Rules { knowledge: Knowledge::Required, ..Rules::default() };
    assert_eq!(values(&rows, &asked, &Rules::default()), [Some(0.6)]);
    assert_eq!(values(&rows, &asked, &required), [Some(0.4)]);
    let early = [(Some(1), ten + HOUR)];
    assert_eq!(ask(&rows, &early, &required, Nulls::Answer), [(None, Status::NotFound)]);
    let unknown = [(Some(1), ten, NEVER, 0, Some(0.4))];
    assert_eq!(values(&unknown, &asked, &required), [None]);
}

#[test]
fn acceptance_04_the_boundary_is_inclusive_unless_asked_otherwise() {
    let ten = at("2026-01-01T10:00:00Z");
    let rows = [(Some(1), ten, ten, 0, Some(1.0))];
    let exclusive = Rules { boundary: Boundary::Exclusive, ..Rules::default() };
    assert_eq!(values(&rows, &[(Some(1), ten)], &Rules::default()), [Some(1.0)]);
    assert_eq!(values(&rows, &[(Some(1), ten)], &exclusive), [None]);
    let noon = ten + 2 * HOUR;
    let asked = [(Some(1), noon), (Some(1), noon + 1)];
    assert_eq!(values(&rows, &asked, &ttl(2 * HOUR)), [Some(1.0), None]);
}

#[test]
fn acceptance_05_a_row_of_the_future_is_not_found_and_the_question_stays() {
    let ten = at("2026-01-01T10:00:00Z");
    let rows = [(Some(1), ten + HOUR, ten + HOUR, 0, Some(1.0))];
    let answers = ask(&rows, &[(Some(1), ten)], &Rules::default(), Nulls::Answer);
    assert_eq!(answers, [(None, Status::NotFound)]);
}

#[test]
fn acceptance_06_an_expired_row_answers_null_and_says_so() {
    let ten = at("2026-01-01T10:00:00Z");
    let rows = [(Some(1), ten - 2 * HOUR, ten - 2 * HOUR, 0, Some(1.0))];
    assert_eq!(ask(&rows, &[(Some(1), ten)], &ttl(HOUR), Nulls::Answer), [(None, Status::OutsideMaxAge)]);
}

#[test]
fn acceptance_07_a_question_asked_twice_is_answered_twice() {
    let ten = at("2026-01-01T10:00:00Z");
    let rows = [(Some(1), ten, ten, 0, Some(5.0))];
    assert_eq!(values(&rows, &[(Some(1), ten), (Some(1), ten)], &Rules::default()), [Some(5.0), Some(5.0)]);
}

#[test]
fn acceptance_08_of_a_tie_the_larger_sequence_wins_and_then_the_later_row() {
    let nine = at("2026-01-01T09:00:00Z");
    let asked = [(Some(1), nine + HOUR)];
    let rows = [(Some(1), nine, nine, 2, Some(2.0)), (Some(1), nine, nine, 1, Some(1.0))];
    assert_eq!(values(&rows, &asked, &Rules::default()), [Some(2.0)]);
    let rows = [(Some(1), nine, nine, 1, Some(1.0)), (Some(1), nine, nine, 1, Some(2.0))];
    assert_eq!(values(&rows, &asked, &Rules::default()), [Some(2.0)]);
}

#[test]
fn acceptance_10_a_ttl_below_a_second_holds() {
    let ten = at("2026-01-01T10:00:00Z");
    let rows = [(Some(1), ten, ten, 0, Some(1.0))];
    let asked = [(Some(1), ten + 600_000), (Some(1), ten + 500_000)];
    assert_eq!(values(&rows, &asked, &ttl(500_000)), [None, Some(1.0)]);
}

#[test]
fn acceptance_11_a_null_answers_null_unless_nulls_are_skipped_and_a_null_key_matches_nothing() {
    let ten = at("2026-01-01T10:00:00Z");
    let rows = [(Some(1), ten - HOUR, ten, 0, Some(7.0)), (Some(1), ten, ten, 0, None)];
    let asked = [(Some(1), ten), (None, ten)];
    let answers = ask(&rows, &asked, &ttl(DAY), Nulls::Answer);
    assert_eq!(answers, [(None, Status::NullValue), (None, Status::NotFound)]);
    let answers = ask(&rows, &asked, &ttl(DAY), Nulls::Skipped);
    assert_eq!(answers, [(Some(7.0), Status::Present), (None, Status::NotFound)]);
    let answers = ask(&rows, &asked[..1], &ttl(HOUR / 2), Nulls::Skipped);
    assert_eq!(answers, [(None, Status::OutsideMaxAge)], "a stand-in is as old as its own row");
}

#[test]
fn acceptance_12_offsets_are_instants_and_nanoseconds_are_told_apart() {
    assert_eq!(at("2026-01-01T12:00:00+02:00"), at("2026-01-01T10:00:00Z"));
    // The hour that New York has twice: 01:30-04:00 comes an hour before 01:30-05:00.
    assert_eq!(at("2025-11-02T01:30:00-05:00") - at("2025-11-02T01:30:00-04:00"), HOUR);
    // The engine keeps whatever unit it is given: one nanosecond decides here.
    let ten_ns = at("2026-01-01T10:00:00Z") * 1_000;
    let rows = [(Some(1), ten_ns + 1, ten_ns + 1, 0, Some(1.0))];
    assert_eq!(values(&rows, &[(Some(1), ten_ns), (Some(1), ten_ns + 1)], &Rules::default()), [None, Some(1.0)]);
}

fn brute(rows: &[Row], (key, at): (Option<u32>, i64), rules: &Rules, nulls: Nulls) -> (Option<f64>, Status) {
    let in_time = |time: i64| if rules.boundary == Boundary::Inclusive { time <= at } else { time < at };
    let mut best: Option<usize> = None;
    let mut seen = false;
    for (index, row) in rows.iter().enumerate() {
        let known = rules.knowledge == Knowledge::Ignored || in_time(row.2);
        if key.is_none() || row.0 != key || !in_time(row.1) || !known {
            continue;
        }
        seen = true;
        if nulls == Nulls::Skipped && row.4.is_none() {
            continue;
        }
        let rank = |index: usize| (rows[index].1, rows[index].2, rows[index].3, index);
        if best.is_none_or(|best| rank(index) > rank(best)) {
            best = Some(index);
        }
    }
    match best {
        None if seen => (None, Status::NullValue),
        None => (None, Status::NotFound),
        Some(row) if rules.ttl.is_some_and(|ttl| at - rows[row].1 > ttl) => (None, Status::OutsideMaxAge),
        Some(row) => (rows[row].4, if rows[row].4.is_some() { Status::Present } else { Status::NullValue }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_engine_equals_a_brute_force_join(
        rows in prop::collection::vec(
            (prop::option::weighted(0.9, 0_u32..4), 0_i64..12, 0_i64..14, 0_i64..3, prop::option::weighted(0.7, 0.0..9.0_f64)),
            0..40,
        ),
        questions in prop::collection::vec((prop::option::weighted(0.9, 0_u32..5), -1_i64..16), 0..20),
        limits in (prop::option::of(0_i64..8), any::<bool>(), any::<bool>(), any::<bool>()),
    ) {
        let (ttl, exclusive, required, skipped) = limits;
        let rules = Rules {
            boundary: if exclusive { Boundary::Exclusive } else { Boundary::Inclusive },
            knowledge: if required { Knowledge::Required } else { Knowledge::Ignored },
            ttl,
        };
        let nulls = if skipped { Nulls::Skipped } else { Nulls::Answer };
        let expected: Vec<_> = questions.iter().map(|&question| brute(&rows, question, &rules, nulls)).collect();
        prop_assert_eq!(ask(&rows, &questions, &rules, nulls), expected);
    }
}

#[test]
fn a_key_without_rows_has_nothing() {
    let engine = AsOf::new(FeatureRows::default());
    assert_eq!(engine.newest(Some(3), 0, &Rules::default(), |_| true), Found::Nothing);
}
