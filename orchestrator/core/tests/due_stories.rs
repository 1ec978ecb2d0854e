//! Which firings become runs. To add a case: a test whose name states it.

use daybreak_core::{Advance, Due, Firings, ScheduleCompiler, Turn, due, first_cursor, taken_over};
use daybreak_spec::{Dag, Missed, Name, Overlap, Timestamp};
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
    ScheduleCompiler::default().firings(&Name::parse("nightly").expect("a slug"), &dag).expect("it compiles")
}

fn instants(due: &daybreak_core::Due) -> Vec<String> {
    due.firings.iter().map(|firing| firing.at.to_string()).collect()
}

fn advance(to: &str, left_out: u64) -> Advance {
    Advance { schedule: 0, to: at(to), left_out }
}

const NIGHTS: [&str; 3] = ["2013-03-09T07:30:00Z", "2013-03-10T07:00:00Z", "2013-03-11T06:30:00Z"];

#[test]
fn missed_all_runs_every_night_from_its_start_across_the_missing_hour() {
    let firings = firings(&[Missed::All], Some("2013-03-09T00:00:00"));
    let now = at("2013-03-11T12:00:00Z");
    let cursor = first_cursor(&firings.schedules()[0], now);
    let found = due(&firings, &[cursor], Turn { now, horizon: now, limit: 100, count: 100 });
    assert_eq!(instants(&found), NIGHTS);
    assert_eq!((found.cursors, found.more), (vec![advance(NIGHTS[2], 0)], false));
}

#[test]
fn a_turn_is_bounded_and_the_next_one_goes_on() {
    let firings = firings(&[Missed::All], Some("2013-03-09T00:00:00"));
    let now = at("2013-03-11T12:00:00Z");
    let turn = Turn { now, horizon: now, limit: 2, count: 100 };
    let first = due(&firings, &[first_cursor(&firings.schedules()[0], now)], turn);
    assert_eq!((instants(&first), first.more), (NIGHTS[..2].iter().map(ToString::to_string).collect(), true));
    let second = due(&firings, &[first.cursors[0].to], turn);
    assert_eq!((instants(&second), second.more), (vec![NIGHTS[2].to_owned()], false));
}

#[test]
fn missed_none_leaves_out_what_fell_due_unwatched_and_runs_what_falls_due_later() {
    let firings = firings(&[Missed::None], None);
    let (now, horizon) = (at("2013-03-11T12:00:00Z"), at("2013-03-10T12:00:00Z"));
    let found = due(&firings, &[at("2013-03-01T00:00:00Z")], Turn { now, horizon, limit: 100, count: 100 });
    assert_eq!(instants(&found), [NIGHTS[2]]);
    let unwatched = due(&firings, &[at("2013-03-01T00:00:00Z")], Turn { now, horizon: now, limit: 100, count: 100 });
    assert_eq!((instants(&unwatched).len(), unwatched.cursors), (0, vec![advance(NIGHTS[2], 11)]));
}

#[test]
fn missed_last_runs_the_newest_missed_firing_only() {
    let firings = firings(&[Missed::Last], None);
    let (now, horizon) = (at("2013-03-11T12:00:00Z"), at("2013-03-10T12:00:00Z"));
    let cursor = first_cursor(&firings.schedules()[0], now);
    let found = due(&firings, &[cursor], Turn { now, horizon, limit: 100, count: 100 });
    assert_eq!(instants(&found), NIGHTS[1..]);
    let again = due(&firings, &[found.cursors[0].to], Turn { now, horizon, limit: 100, count: 100 });
    assert_eq!(again, daybreak_core::Due::default());
}

#[test]
fn several_schedules_are_dealt_with_in_order_of_time() {
    let firings = firings(&[Missed::All, Missed::All], Some("2013-03-10T00:00:00"));
    let now = at("2013-03-11T12:00:00Z");
    let cursor = first_cursor(&firings.schedules()[0], now);
    let found = due(&firings, &[cursor, at(NIGHTS[1])], Turn { now, horizon: now, limit: 100, count: 100 });
    let order: Vec<_> = found.firings.iter().map(|firing| (firing.at, firing.schedule)).collect();
    assert_eq!(order, [(at(NIGHTS[1]), 0), (at(NIGHTS[2]), 0), (at(NIGHTS[2]), 1)]);
}

#[test]
fn a_clock_that_has_not_reached_the_next_firing_makes_nothing_due() {
    let firings = firings(&[Missed::All], None);
    let now = at("2013-03-10T06:59:59Z");
    let found = due(&firings, &[at(NIGHTS[0])], Turn { now, horizon: now, limit: 100, count: 100 });
    assert_eq!(found, daybreak_core::Due::default());
}

fn compiled(schedules: serde_json::Value) -> Firings {
    let retry = json!({ "attempts": 1, "backoff": { "first": "1s", "factor": 1.0, "max": "1s", "jitter": "none" } });
    let dag = json!({ "schedules": schedules, "retry": retry, "params": {}, "tasks": {} });
    let dag: Dag = serde_json::from_value(dag).expect("a DAG");
    ScheduleCompiler::default().firings(&Name::parse("nightly").expect("a slug"), &dag).expect("it compiles")
}

fn daily(cron: &str, zone: &str, more: serde_json::Value) -> serde_json::Value {
    let mut schedule = json!({
        "cron": cron, "timezone": zone, "start": null, "end": null, "missed": "none", "overlap": "queue",
    });
    let more = more.as_object().expect("a map").clone();
    schedule.as_object_mut().expect("a map").extend(more);
    schedule
}

#[test]
fn a_cap_keeps_the_newest_missed_firings_and_counts_the_others() {
    let capped = compiled(json!([daily("0 0 * * *", "UTC", json!({ "missed": "all", "missed_cap": 3 }))]));
    let (cursor, now) = (at("2026-01-01T00:00:00Z"), at("2026-01-11T12:00:00Z"));
    let turn = Turn { now, horizon: now, limit: 2, count: 100 };
    let first = due(&capped, &[cursor], turn);
    assert_eq!(instants(&first), ["2026-01-09T00:00:00Z", "2026-01-10T00:00:00Z"]);
    assert_eq!((first.cursors[0].left_out, first.more), (7, true));
    let second = due(&capped, &[first.cursors[0].to], turn);
    assert_eq!(instants(&second), ["2026-01-11T00:00:00Z"]);
    assert_eq!((second.cursors[0].left_out, second.more), (0, false));
    let watched = due(&capped, &[cursor], Turn { horizon: cursor, limit: 100, ..turn });
    assert_eq!(watched.firings.len(), 10, "what falls due while somebody watches is never left out");
}

#[test]
fn only_so_many_left_out_firings_are_counted_as_the_turn_allows() {
    let minutely = compiled(json!([daily("* * * * *", "UTC", json!({}))]));
    let (cursor, now) = (at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z"));
    let found = due(&minutely, &[cursor], Turn { now, horizon: now, limit: 64, count: 1_000 });
    assert_eq!(found.cursors, [Advance { schedule: 0, to: now, left_out: 1_000 }]);
}

#[test]
fn jitter_delays_the_start_and_decides_what_was_missed() {
    let jittered = compiled(json!([daily("0 0 * * *", "UTC", json!({ "jitter": "6h" }))]));
    let schedule = &jittered.schedules()[0];
    let nominal = at("2026-01-02T00:00:00Z");
    let start = schedule.starts_at(nominal);
    assert!(start > nominal);
    let at_moment = |now: Timestamp, horizon: Timestamp| {
        instants(&due(&jittered, &[at("2026-01-01T00:00:00Z")], Turn { now, horizon, limit: 9, count: 9 }))
    };
    let before = start.plus_micros(-1);
    assert_eq!(at_moment(before, nominal), Vec::<String>::new());
    assert_eq!(at_moment(start, before), ["2026-01-02T00:00:00Z"], "its start was still to come when somebody looked");
    assert_eq!(at_moment(start, start), Vec::<String>::new(), "its start passed unwatched");
}

#[test]
fn a_changed_expression_or_zone_never_fires_again_for_what_lies_behind() {
    let old = compiled(json!([daily("0 2 * * *", "America/New_York", json!({}))]));
    let now = at("2026-06-10T20:00:00Z");
    let stands = [at("2026-06-10T06:00:00Z")];
    for (cron, zone) in
        [("0 10 * * *", "America/New_York"), ("0 2 * * *", "America/Los_Angeles"), ("*/5 * * * *", "UTC")]
    {
        for missed in ["none", "last", "all"] {
            let policy = json!({ "missed": missed, "start": "2026-01-01T00:00:00" });
            let new = compiled(json!([daily(cron, zone, policy)]));
            let cursors = taken_over(&old, &stands, &new, now);
            assert_eq!(cursors, [now], "{cron} in {zone}");
            let turn = Turn { now, horizon: stands[0], limit: 64, count: 64 };
            assert_eq!(due(&new, &cursors, turn), Due::default());
        }
    }
}

#[test]
fn a_schedule_changed_in_the_middle_of_a_catch_up_goes_on_with_the_next_night() {
    let all = json!({ "missed": "all", "start": "2026-01-01T00:00:00" });
    let old = compiled(json!([daily("30 2 * * *", "UTC", all.clone())]));
    let new = compiled(json!([daily("0 3 * * *", "UTC", all)]));
    let now = at("2026-02-01T00:00:00Z");
    let cursors = taken_over(&old, &[at("2026-01-10T02:30:00Z")], &new, now);
    let found = due(&new, &cursors, Turn { now, horizon: now, limit: 2, count: 9 });
    assert_eq!(instants(&found), ["2026-01-11T03:00:00Z", "2026-01-12T03:00:00Z"], "the tenth has run");
}

#[test]
fn schedules_that_change_places_or_policies_go_on_where_they_stood() {
    let one = daily("0 2 * * *", "UTC", json!({}));
    let two = daily("0 14 * * *", "UTC", json!({}));
    let old = compiled(json!([one, two]));
    let now = at("2026-06-10T20:00:00Z");
    let stands = [at("2026-06-10T02:00:00Z"), at("2026-06-09T14:00:00Z")];
    let swapped =
        compiled(json!([daily("0 14 * * *", "UTC", json!({ "overlap": "skip", "end": "2027-01-01T00:00:00" })), one]));
    assert_eq!(taken_over(&old, &stands, &swapped, now), [stands[1], stands[0]]);
    let third = daily("0 20 * * *", "UTC", json!({}));
    let inserted = compiled(json!([third, one, two]));
    assert_eq!(taken_over(&old, &stands, &inserted, now), [now, stands[0], stands[1]]);
}

#[test]
fn a_schedule_that_no_turn_has_looked_at_does_not_begin_at_the_beginning_of_time_once_it_is_to_miss_nothing() {
    let now = at("2026-06-10T20:00:00Z");
    let last = compiled(json!([daily("0 2 * * *", "UTC", json!({ "missed": "last" }))]));
    let stood = [first_cursor(&last.schedules()[0], now)];
    for cron in ["0 2 * * *", "0 3 * * *"] {
        let all = compiled(json!([daily(cron, "UTC", json!({ "missed": "all" }))]));
        assert_eq!(taken_over(&last, &stood, &all, now), [now], "{cron}");
    }
    assert_eq!(taken_over(&last, &stood, &last, now), stood, "the newest missed one still runs");
}

#[test]
fn a_clock_that_was_put_back_fires_nothing_twice() {
    let hourly = compiled(json!([daily("0 * * * *", "UTC", json!({ "missed": "all" }))]));
    let cursor = at("2026-01-01T12:00:00Z");
    let turn = |now: &str| Turn { now: at(now), horizon: at(now), limit: 9, count: 9 };
    assert_eq!(due(&hourly, &[cursor], turn("2026-01-01T09:30:00Z")), Due::default());
    assert_eq!(taken_over(&hourly, &[cursor], &hourly, at("2026-01-01T09:30:00Z")), [cursor]);
    let other = compiled(json!([daily("30 * * * *", "UTC", json!({}))]));
    assert_eq!(taken_over(&hourly, &[cursor], &other, at("2026-01-01T09:30:00Z")), [cursor]);
    assert_eq!(instants(&due(&hourly, &[cursor], turn("2026-01-01T13:30:00Z"))), ["2026-01-01T13:00:00Z"]);
}

#[test]
fn a_schedule_without_a_start_that_was_never_dealt_with_has_a_next_firing() {
    let last = compiled(json!([daily("0 12 * * *", "UTC", json!({ "missed": "last" }))]));
    let now = at("2026-01-01T18:00:00Z");
    let cursor = first_cursor(&last.schedules()[0], now);
    assert!(last.schedules()[0].next_after(cursor).is_some_and(|next| next < now), "the scheduler looks at it");
    let found = due(&last, &[cursor], Turn { now, horizon: now, limit: 9, count: 9 });
    assert_eq!((instants(&found), found.cursors[0].left_out), (vec!["2026-01-01T12:00:00Z".to_owned()], 0));
}
