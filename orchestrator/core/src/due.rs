//! Which firings of a DAG are to become runs now. Pure: cursors, business time and what counts as missed are arguments.
//! A firing is missed when it fell due while nobody watched: at or before the horizon. To add a policy for missed
//! firings: an arm in [`due_of`].

use daybreak_spec::{Missed, Overlap, Timestamp};

use crate::{CompiledSchedule, Firings};

/// One turn of the scheduler.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Business time.
    pub now: Timestamp,
    /// Firings up to here fell due while nobody watched.
    pub horizon: Timestamp,
    /// At most so many firings; the rest is for later turns.
    pub limit: usize,
}

/// A firing that is to become a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueFiring {
    /// Nominal instant.
    pub at: Timestamp,
    /// The schedule's place in its DAG.
    pub schedule: usize,
    /// What happens while a run is active.
    pub overlap: Overlap,
}

/// What one turn does for a DAG.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Oldest first; of schedules that coincide, the first declared one first.
    pub firings: Vec<DueFiring>,
    /// Schedules whose cursor moves, and where to: everything up to there has been dealt with.
    pub cursors: Vec<(usize, Timestamp)>,
    /// The limit left firings for another turn.
    pub more: bool,
}

/// Finds the due firings of all schedules of a DAG; `cursors` has one entry for each.
pub fn due(firings: &Firings, cursors: &[Timestamp], turn: Turn) -> Due {
    let mut due = Due::default();
    for ((place, schedule), cursor) in firings.schedules().iter().enumerate().zip(cursors) {
        let found = due_of(schedule, *cursor, turn);
        due.firings.extend(found.into_iter().map(|at| DueFiring { at, schedule: place, overlap: schedule.overlap() }));
    }
    due.firings.sort_by_key(|firing| (firing.at, firing.schedule));
    due.more = due.firings.len() > turn.limit;
    due.firings.truncate(turn.limit);
    for ((place, schedule), cursor) in firings.schedules().iter().enumerate().zip(cursors) {
        let taken = due.firings.iter().rfind(|firing| firing.schedule == place).map(|firing| firing.at);
        // Firings that the policy leaves out are dealt with too.
        let passed = schedule.previous_before(turn.horizon.min(turn.now).plus_micros(1));
        let left_out = passed.filter(|_| schedule.missed() != Missed::All && !due.more);
        if let Some(target) = taken.max(left_out).filter(|target| target > cursor) {
            due.cursors.push((place, target));
        }
    }
    due
}

/// Due firings of one schedule, oldest first; one more than the limit where there are more.
fn due_of(schedule: &CompiledSchedule, cursor: Timestamp, turn: Turn) -> Vec<Timestamp> {
    let Turn { now, horizon, limit } = turn;
    let horizon = horizon.min(now);
    let (mut found, from) = match schedule.missed() {
        Missed::All => (Vec::new(), cursor),
        Missed::None => (Vec::new(), cursor.max(horizon)),
        Missed::Last => {
            let newest = schedule.previous_before(horizon.plus_micros(1)).filter(|newest| *newest > cursor);
            (newest.into_iter().collect(), cursor.max(horizon))
        }
    };
    let mut next = schedule.next_after(from);
    while let Some(at) = next.filter(|at| *at <= now && found.len() <= limit) {
        found.push(at);
        next = schedule.next_after(at);
    }
    found
}

/// Where the cursor of a schedule starts when its DAG is first deployed at business time `now`: firings missed before
/// the deployment count where the policy asks for them, `missed: all` from `start` on only.
pub fn first_cursor(schedule: &CompiledSchedule, now: Timestamp) -> Timestamp {
    let beginning = Timestamp::from_micros(i64::MIN);
    match schedule.missed() {
        Missed::None => now,
        Missed::Last => beginning,
        Missed::All if schedule.starts() => beginning,
        Missed::All => now,
    }
}
