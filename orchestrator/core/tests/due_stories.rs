//! Which firings become runs. To add a case: a test whose name states it.

use daybreak_core::{Firings, Turn, due, first_cursor};
use daybreak_spec::{Dag, Missed, Overlap, Timestamp};
use serde_json::json;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

fn firings(missed: &[Missed], start: Option<&str>) -> Firings {
    let schedules: Vec<_> = missed
        .iter()
        .map(|missed| {
            json!({
                "cron": "30 2 * * *", "timezone": "America/New_York", "start": start, "end": null,
                "missed": missed, "overlap": Overlap::Queue,
            })
        })
        .collect();
    let retry = json!({ "attempts": 1, "backoff": { "first": "1s", "factor": 1.0, "max": "1s", "jitter": "none" } });
    let dag = json!({ "schedules": schedules, "retry": retry, "params": {}, "tasks": {} });
    let dag: Dag = serde_json::from_value(dag).expect("a DAG");
    Firings::compile(&dag).expect("it compiles")
}

fn instants(due: &daybreak_core::Due) -> Vec<String> {
    due.firings.iter().map(|firing| firing.at.to_string()).collect()
}

const NIGHTS: [&str; 3] = ["2013-03-09T07:30:00Z", "2013-03-10T07:00:00Z", "2013-03-11T06:30:00Z"];

#[test]
fn missed_all_runs_every_night_from_its_start_across_the_missing_hour() {
    let firings = firings(&[Missed::All], Some("2013-03-09T00:00:00"));
    let now = at("2013-03-11T12:00:00Z");
    let cursor = first_cursor(&firings.schedules()[0], now);
    let found = due(&firings, &[cursor], Turn { now, horizon: now, limit: 100 });
    assert_eq!(instants(&found), NIGHTS);
    assert_eq!((found.cursors, found.more), (vec![(0, at(NIGHTS[2]))], false));
}

#[test]
fn a_turn_is_bounded_and_the_next_one_goes_on() {
    let firings = firings(&[Missed::All], Some("2013-03-09T00:00:00"));
    let now = at("2013-03-11T12:00:00Z");
    let turn = Turn { now, horizon: now, limit: 2 };
    let first = due(&firings, &[first_cursor(&firings.schedules()[0], now)], turn);
    assert_eq!((instants(&first), first.more), (NIGHTS[..2].iter().map(ToString::to_string).collect(), true));
    let second = due(&firings, &[first.cursors[0].1], turn);
    assert_eq!((instants(&second), second.more), (vec![NIGHTS[2].to_owned()], false));
}

#[test]
fn missed_none_leaves_out_what_fell_due_unwatched_and_runs_what_falls_due_later() {
    let firings = firings(&[Missed::None], None);
    let (now, horizon) = (at("2013-03-11T12:00:00Z"), at("2013-03-10T12:00:00Z"));
    let found = due(&firings, &[at("2013-03-01T00:00:00Z")], Turn { now, horizon, limit: 100 });
    assert_eq!(instants(&found), [NIGHTS[2]]);
    let unwatched = due(&firings, &[at("2013-03-01T00:00:00Z")], Turn { now, horizon: now, limit: 100 });
    assert_eq!((instants(&unwatched).len(), unwatched.cursors), (0, vec![(0, at(NIGHTS[2]))]));
}

#[test]
fn missed_last_runs_the_newest_missed_firing_only() {
    let firings = firings(&[Missed::Last], None);
    let (now, horizon) = (at("2013-03-11T12:00:00Z"), at("2013-03-10T12:00:00Z"));
    let cursor = first_cursor(&firings.schedules()[0], now);
    let found = due(&firings, &[cursor], Turn { now, horizon, limit: 100 });
    assert_eq!(instants(&found), NIGHTS[1..]);
    let again = due(&firings, &[found.cursors[0].1], Turn { now, horizon, limit: 100 });
    assert_eq!(again, daybreak_core::Due::default());
}

#[test]
fn several_schedules_are_dealt_with_in_order_of_time() {
    let firings = firings(&[Missed::All, Missed::All], Some("2013-03-10T00:00:00"));
    let now = at("2013-03-11T12:00:00Z");
    let cursor = first_cursor(&firings.schedules()[0], now);
    let found = due(&firings, &[cursor, at(NIGHTS[1])], Turn { now, horizon: now, limit: 100 });
    let order: Vec<_> = found.firings.iter().map(|firing| (firing.at, firing.schedule)).collect();
    assert_eq!(order, [(at(NIGHTS[1]), 0), (at(NIGHTS[2]), 0), (at(NIGHTS[2]), 1)]);
}

#[test]
fn a_clock_that_has_not_reached_the_next_firing_makes_nothing_due() {
    let firings = firings(&[Missed::All], None);
    let now = at("2013-03-10T06:59:59Z");
    let found = due(&firings, &[at(NIGHTS[0])], Turn { now, horizon: now, limit: 100 });
    assert_eq!(found, daybreak_core::Due::default());
}
