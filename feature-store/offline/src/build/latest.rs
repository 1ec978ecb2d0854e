//! `latest` views: per key the newest row known before T, whatever its age, and the event time it carries, from which
//! its ttl runs when it is read. With `ignore_nulls` an older value that is within the ttl at T stands in for a null, and
//! the row then carries the event time of the oldest value in it, so that nothing outlives its ttl. Never looks at
//! windows.

use crate::columns::Values;
use crate::point_in_time::{AsOf, Boundary, Found, Knowledge, Nulls, Rules};
use crate::states::States;

/// What an instant's build holds, but for the key columns.
pub(crate) struct Latest {
    /// Ranks of the keys that have a row, ascending.
    pub keys: Vec<u32>,
    /// One column per feature.
    pub features: Vec<Values>,
    /// Event time per row.
    pub events: Vec<i64>,
}

/// The newest rows of all keys at one instant.
pub(crate) fn latest(as_of: &AsOf, states: &States, at: i64, ttl: Option<i64>, nulls: Nulls) -> Latest {
    let rules = Rules { boundary: Boundary::Exclusive, knowledge: Knowledge::Required, ttl: None };
    let fresh = Rules { ttl, ..rules };
    let events = &as_of.rows().events;
    let mut keys = Vec::new();
    let mut newest = Vec::new();
    for key in 0..as_of.keys() {
        if let Found::Row(state) = as_of.newest(Some(key), at, &rules, |state| states.holds(state, at)) {
            keys.push(key);
            newest.push(state as u32);
        }
    }
    let mut times: Vec<i64> = newest.iter().map(|&state| events[state as usize]).collect();
    let mut features = Vec::with_capacity(states.values.len());
    for values in &states.values {
        if nulls == Nulls::Answer {
            features.push(values.gather(&newest));
            continue;
        }
        let mut chosen = newest.clone();
        for (row, &key) in keys.iter().enumerate() {
            let counts = |state: usize| states.holds(state, at) && !values.is_null(state);
            if !values.is_null(newest[row] as usize) {
                continue;
            }
            if let Found::Row(state) = as_of.newest(Some(key), at, &fresh, counts) {
                chosen[row] = state as u32;
                times[row] = times[row].min(events[state]);
            }
        }
        features.push(values.gather(&chosen));
    }
    Latest { keys, features, events: times }
}
