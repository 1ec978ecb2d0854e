//! The calendar: when the DAGs of the live version fire in a stretch of business time. Asks `core` alone; makes nothing. To
//! show something more of a firing: a field of the protocol's `Firing`, filled in [`shown`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use daybreak_core::{CompiledSchedule, Walk};
use daybreak_protocol::{ClockChange, Firing, FiringClocks, FiringList, FiringsQuery};
use daybreak_spec::{Name, Timestamp};
use daybreak_store::Pause;

use crate::deployed::{CompiledDag, Deployed};
use crate::{Error, Server};

impl Server {
    /// Firings of a stretch of business time, soonest first.
    ///
    /// # Errors
    /// [`Error::Refused`] for a stretch that is too long; while nothing is deployed, and when the state does not answer.
    pub async fn firings(&self, wanted: &FiringsQuery) -> Result<FiringList, Error> {
        let deployed = self.deployed()?;
        let from = wanted.from.unwrap_or_else(|| self.clock.business_now());
        let to = wanted.to.unwrap_or_else(|| from.plus_micros(FiringsQuery::DEFAULT_RANGE_US));
        // With what was left out filled in; a bound that was given is looked at before.
        if !(0..=FiringsQuery::MAX_RANGE_US).contains(&to.micros.saturating_sub(from.micros)) {
            return Err(Error::Refused(format!("`to` ({to}) is after `from` ({from}), by at most 100 days")));
        }
        let pauses = self.store.pauses(deployed.name()).await?;
        let only = wanted.dag.clone();
        let listing = move || list(&deployed, only.as_ref(), &pauses, (from, to));
        // Thousands of DAGs take a while.
        tokio::task::spawn_blocking(listing).await.map_err(|_| Error::Busy("the server is ending".to_owned()))
    }
}

fn list(
    deployed: &Arc<Deployed>,
    only: Option<&Name>,
    pauses: &BTreeMap<Name, Pause>,
    (from, to): (Timestamp, Timestamp),
) -> FiringList {
    let dags: Vec<(&Name, &CompiledDag)> =
        deployed.dags.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    let mut walks: Vec<Walk<'_>> = dags.iter().map(|(_, dag)| dag.firings.walk(from.plus_micros(-1))).collect();
    let place_of = |place: usize, walk: &Walk<'_>| Some(Reverse((walk.peek().filter(|at| *at < to)?, place)));
    let mut next: BinaryHeap<_> = walks.iter().enumerate().filter_map(|(place, walk)| place_of(place, walk)).collect();
    let mut found = FiringList { clock_changes: clock_changes(&dags, (from, to)), ..FiringList::default() };
    while let Some(Reverse((at, place))) = next.pop() {
        // Never within an instant, so that whoever asks on after the last one misses none.
        let ended = found.firings.last().map(|last| last.at) < Some(at);
        if found.firings.len() >= FiringsQuery::MAX_FIRINGS && ended {
            found.truncated = true;
            break;
        }
        let (name, dag) = dags[place];
        let walk = &mut walks[place];
        if let Some(firing) = walk.next()
            && let Some(schedule) = firing.schedules.first().and_then(|first| dag.firings.schedules().get(*first))
        {
            found.firings.extend(shown((name, pauses.contains_key(name)), schedule, firing.at));
        }
        next.extend(place_of(place, walk));
    }
    found
}

/// None beyond the calendar.
fn shown((dag, paused): (&Name, bool), schedule: &CompiledSchedule, at: Timestamp) -> Option<Firing> {
    let local = schedule.local(at)?;
    let clocks = match (local.after_gap, local.pass) {
        (true, _) => Some(FiringClocks::Gap),
        (false, Some(_)) => Some(FiringClocks::Overlap),
        (false, None) => None,
    };
    Some(Firing {
        dag: dag.clone(),
        at,
        local: local.reading.format("%Y-%m-%dT%H:%M:%S").to_string(),
        timezone: schedule.zone().name().to_owned(),
        offset: offset(local.offset_s),
        clocks,
        paused,
    })
}

/// Those of all zones, in order.
fn clock_changes(dags: &[(&Name, &CompiledDag)], (from, to): (Timestamp, Timestamp)) -> Vec<ClockChange> {
    let mut zones: BTreeMap<&str, &CompiledSchedule> = BTreeMap::new();
    for schedule in dags.iter().flat_map(|(_, dag)| dag.firings.schedules()) {
        zones.entry(schedule.zone().name()).or_insert(schedule);
    }
    let mut changes = Vec::new();
    for (zone, schedule) in zones {
        changes.extend(schedule.clock_changes(from, to).into_iter().map(|change| ClockChange {
            timezone: zone.to_owned(),
            at: change.at,
            before: offset(change.before_s),
            after: offset(change.after_s),
        }));
    }
    changes.sort_by_key(|change| change.at);
    changes
}

/// `+HH:MM` or `-HH:MM`; with seconds where there are some, as in local mean time of long ago.
fn offset(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes, rest) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60, seconds.abs() % 60);
    let rest = if rest == 0 { String::new() } else { format!(":{rest:02}") };
    format!("{sign}{hours:02}:{minutes:02}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_written_as_clocks_are() {
        assert_eq!(
            [0, 3_600, -16_200, 20_700, -17_762].map(offset),
            ["+00:00", "+01:00", "-04:30", "+05:45", "-04:56:02"]
        );
    }
}
