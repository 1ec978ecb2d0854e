//! What is refused, with its code, its place inside the expression and its hint; and what is only warned of.

use daybreak_core::ScheduleCompiler;
use daybreak_spec::{Severity, Span};

use crate::{compiled, dag, refused, schedule, wall};

/// Expression, the piece that is pointed at, a part of the hint.
#[rustfmt::skip]
const BAD: &[(&str, &str, &str)] = &[
    ("0/10 * * * *", "0/10", "`*/10`"),
    ("59/15 * * * *", "59/15", "`59-59/15`"),
    ("5/15 * * * *", "5/15", "`5-59/15`"),
    ("*/0 * * * *", "0", "at least 1"),
    ("5-5/0 * * * *", "0", "at least 1"),
    ("*/x * * * *", "x", "whole number"),
    ("60 * * * *", "60", "0 to 59"),
    ("61 2 * * *", "61", "0 to 59"),
    ("0 24 * * *", "24", "0 to 23"),
    ("0 0 0 * *", "0", "1 to 31"),
    ("0 0 32 * *", "32", "1 to 31"),
    ("0 0 1 13 *", "13", "1 to 12"),
    ("* * * * 8", "8", "0 to 7"),
    ("0 0 15W,16 * *", "15W", "schedule of its own"),
    ("0 0 32W * *", "32", "1 to 31"),
    ("0 0 L-3 * *", "L-3", "last day"),
    ("0 0 ? * 1", "?", "`*`"),
    ("0 0 * * fri-mon", "fri-mon", "`fri,sat,sun,mon`"),
    ("0 0 * * 5-1", "5-1", "`5,6,0,1`"),
    ("0 22-2 * * *", "22-2", "`22,23,0,1,2`"),
    ("50-10 * * * *", "50-10", "`50-59,0-10`"),
    ("0 0 * * friday", "friday", "did you mean `fri`?"),
    ("0 0 * january *", "january", "did you mean `jan`?"),
    ("0 0 * * xyz", "xyz", "sun to sat"),
    ("0 0 * * 3#0", "0", "`#1` to `#5`"),
    ("0 0 * * 3#6", "6", "`#1` to `#5`"),
    ("0 0 * * 5#L", "5#L", "`5L`"),
    ("0 0 * * L", "L", "`5L` or `friL`"),
    ("1,,2 * * * *", "", "0 to 59"),
    ("-5 * * * *", "", "0 to 59"),
    ("1- * * * *", "", "0 to 59"),
    ("99999999999999999999 * * * *", "99999999999999999999", "0 to 59"),
    ("* * * *", "* * * *", "five fields"),
    ("0 0 2 * * * 2026", "2026", "`start` and `end`"),
    ("0 0 0 1 1 * 2026 8", "0 0 0 1 1 * 2026 8", "five fields"),
    ("@dailyBla", "@dailyBla", "@daily"),
    ("@dayly", "@dayly", "did you mean `@daily`?"),
    ("@reboot", "@reboot", "by hand"),
    ("@every", "@every", "@every 5m"),
    ("@every soon", "soon", "5m"),
    ("0 0 * * ｍon", "ｍon", "0 to 7"),
];

#[test]
fn every_bad_field_is_pointed_at_with_what_to_write_instead() {
    for (cron, piece, hint) in BAD {
        let problem = refused(cron);
        assert_eq!((problem.code, problem.severity), ("bad_cron", Severity::Error), "{cron}");
        let from = (problem.span.column - 20) as usize;
        let pointed: String = cron.chars().skip(from).take(piece.chars().count()).collect();
        assert_eq!(pointed, *piece, "{cron}");
        assert_eq!(problem.span.length as usize, piece.chars().count().max(1), "{cron}");
        let given = problem.hint.unwrap_or_default();
        assert!(given.contains(hint), "{cron}: {given}");
    }
}

#[test]
fn all_bad_fields_of_an_expression_are_found_at_once() {
    let found = ScheduleCompiler::default().schedule(&schedule("61 25,3-x 0 13 8", "Nowhere/X")).expect_err("refused");
    let places: Vec<(&str, u32, u32)> =
        found.iter().map(|problem| (problem.code, problem.span.line, problem.span.column)).collect();
    let bad = |column| ("bad_cron", 3, column);
    assert_eq!(places, [bad(20), bad(23), bad(28), bad(32), bad(30), bad(35), ("unknown_zone", 4, 20)]);
}

#[test]
fn an_empty_expression_is_refused() {
    for cron in ["", "  ", "\t"] {
        assert_eq!(refused(cron).code, "bad_cron");
    }
}

#[test]
fn a_quoted_expression_is_pointed_into_behind_the_quote() {
    let mut quoted = schedule("61 2 * * *", "UTC");
    quoted.cron.span.length += 2;
    let found = ScheduleCompiler::default().schedule(&quoted).expect_err("refused");
    assert_eq!((found[0].span.column, found[0].span.length), (21, 2));
}

#[test]
fn an_expression_spelled_with_escapes_is_pointed_at_as_a_whole() {
    let mut escaped = schedule("61 2 * * *", "UTC");
    escaped.cron.span.length = 40;
    let found = ScheduleCompiler::default().schedule(&escaped).expect_err("refused");
    assert_eq!(found[0].span, Span { file: 0, line: 3, column: 20, length: 40 });
}

#[test]
fn dates_that_do_not_exist_never_fire() {
    for cron in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 31W 2 *"] {
        assert_eq!(refused(cron).code, "cron_never_fires", "{cron}");
    }
}

#[test]
fn a_schedule_that_cannot_fire_between_start_and_end_is_refused() {
    let mut yearly = schedule("0 0 1 6 *", "UTC");
    yearly.start = wall("2026-01-01T00:00:00");
    yearly.end = wall("2026-06-01T00:00:00");
    let found = ScheduleCompiler::default().schedule(&yearly).expect_err("refused");
    assert_eq!(found[0].code, "cron_never_fires");
    yearly.end = wall("2026-01-01T00:00:00");
    let found = ScheduleCompiler::default().schedule(&yearly).expect_err("refused");
    assert_eq!(found[0].code, "empty_schedule");
}

#[test]
fn firing_more_often_than_every_ten_seconds_is_refused() {
    for cron in ["* * * * * *", "*/5 * * * * *", "0,9 0 0 * * *", "0,55 * * * * *", "0,55 0,59 * * * *", "@every 9s"] {
        assert_eq!(refused(cron).code, "cron_too_frequent", "{cron}");
    }
    for cron in ["*/10 * * * * *", "0,55 */2 * * * *", "0,55 0,59 3 * * *", "0,50 * * * * *", "@every 10s"] {
        compiled(cron, "UTC");
    }
}

#[test]
fn an_unknown_zone_gets_the_nearest_name() {
    let hint = |zone: &str| {
        let mut found = ScheduleCompiler::default().schedule(&schedule("0 0 * * *", zone)).expect_err(zone);
        assert_eq!((found.len(), found[0].code, found[0].span.line), (1, "unknown_zone", 4), "{zone}");
        found.swap_remove(0).hint.unwrap_or_default()
    };
    assert_eq!(hint("America/New_Yrok"), "did you mean `America/New_York`?");
    assert_eq!(hint("europe/paris"), "did you mean `Europe/Paris`?");
    assert!(hint("Nowhere/Land_Of_Never").contains("IANA"));
}

#[test]
fn steps_that_do_not_divide_their_unit_are_warned_of() {
    for (cron, hint) in [("*/35 * * * *", "@every 35m"), ("0 */23 * * *", "@every 23h")] {
        let schedule = compiled(cron, "UTC");
        let [warning] = schedule.warnings() else { panic!("{cron}: one warning") };
        assert_eq!((warning.code, warning.severity), ("cron_uneven_step", Severity::Warning));
        assert!(warning.hint.as_deref().is_some_and(|given| given.contains(hint)), "{cron}");
    }
    assert!(compiled("*/15 */6 * * *", "UTC").warnings().is_empty());
}

#[test]
fn a_star_with_a_step_beside_another_day_field_is_warned_of() {
    let schedule = compiled("0 16 */2 * sat", "UTC");
    let [warning] = schedule.warnings() else { panic!("one warning") };
    assert_eq!((warning.code, warning.severity), ("cron_day_fields", Severity::Warning));
    assert_eq!((warning.span.column, warning.span.length), (25, 3));
    assert!(warning.hint.as_deref().is_some_and(|hint| hint.contains("day_match: and")));
    assert!(compiled("0 16 */2 * *", "UTC").warnings().is_empty());
}

#[test]
fn a_dag_reports_the_problems_of_all_its_schedules() {
    let found = ScheduleCompiler::default()
        .firings(
            &daybreak_spec::Name::parse("d").expect("a slug"),
            &dag(vec![schedule("61 * * * *", "UTC"), schedule("*/35 * * * *", "UTC"), schedule("0 0 31 2 *", "UTC")]),
        )
        .expect_err("refused");
    let codes: Vec<&str> = found.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, ["bad_cron", "cron_uneven_step", "cron_never_fires"]);
}
