//! Which firings of a DAG are to become runs now, and where cursors stand after a deployment. Pure: cursors, business
//! time and what counts as missed are arguments. A firing is missed when the moment of its start passed while nobody
//! watched: at or before the horizon. To add a policy for missed firings: an arm in [`begin`].

use daybreak_spec::{Missed, Overlap, Timestamp};

use crate::{CompiledSchedule, Firings};

/// Before every firing.
const BEGINNING: Timestamp = Timestamp::from_micros(i64::MIN);

/// One turn of the scheduler.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Business time.
    pub now: Timestamp,
    /// Firings started up to here fell due while nobody watched.
    pub horizon: Timestamp,
    /// At most so many firings; the rest is for later turns.
    pub limit: usize,
    /// At most so many firings that a policy leaves out are counted.
    pub count: u64,
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

/// A schedule whose cursor moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The schedule's place in its DAG.
    pub schedule: usize,
    /// Everything up to here has been dealt with.
    pub to: Timestamp,
    /// Firings on the way that its policy left out; no more are counted than the turn allows.
    pub left_out: u64,
}

/// What one turn does for a DAG.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Oldest first; of schedules that coincide, the first declared one first.
    pub firings: Vec<DueFiring>,
    /// Cursors that move.
    pub cursors: Vec<Advance>,
    /// The limit left firings for another turn.
    pub more: bool,
}

/// Finds the due firings of all schedules of a DAG; `cursors` has one entry for each.
pub fn due(firings: &Firings, cursors: &[Timestamp], turn: Turn) -> Due {
    let mut due = Due::default();
    let horizon = turn.horizon.min(turn.now);
    for ((place, schedule), cursor) in firings.schedules().iter().enumerate().zip(cursors) {
        let begin = begin(schedule, *cursor, newest_missed(schedule, horizon));
        let found = started(schedule, begin, turn);
        due.firings.extend(found.into_iter().map(|at| DueFiring { at, schedule: place, overlap: schedule.overlap() }));
    }
    due.firings.sort_by_key(|firing| (firing.at, firing.schedule));
    due.more = due.firings.len() > turn.limit;
    due.firings.truncate(turn.limit);
    for ((place, schedule), cursor) in firings.schedules().iter().enumerate().zip(cursors) {
        let taken: Vec<Timestamp> =
            due.firings.iter().filter(|firing| firing.schedule == place).map(|firing| firing.at).collect();
        // Firings that the policy leaves out are dealt with too.
        let passed = newest_missed(schedule, horizon).filter(|_| schedule.missed() != Missed::All && !due.more);
        if let Some(to) = taken.last().copied().max(passed).filter(|to| to > cursor) {
            let left_out = left_out(schedule, (*cursor, to), taken.len() as u64, turn.count);
            due.cursors.push(Advance { schedule: place, to, left_out });
        }
    }
    due
}

/// The newest firing that was started, or would have been, at or before the horizon.
fn newest_missed(schedule: &CompiledSchedule, horizon: Timestamp) -> Option<Timestamp> {
    let newest = schedule.previous_before(horizon.plus_micros(1))?;
    // A firing starts before the next one, so that only the newest may still be to come.
    if schedule.starts_at(newest) <= horizon { Some(newest) } else { schedule.previous_before(newest) }
}

/// After which instant firings become runs.
fn begin(schedule: &CompiledSchedule, cursor: Timestamp, newest: Option<Timestamp>) -> Timestamp {
    let Some(newest) = newest.filter(|newest| *newest > cursor) else { return cursor };
    match (schedule.missed(), schedule.missed_cap()) {
        (Missed::None, _) => newest,
        (Missed::Last, _) => newest.plus_micros(-1),
        (Missed::All, None) => cursor,
        (Missed::All, Some(cap)) => {
            let mut oldest = newest;
            for _ in 1..cap {
                match schedule.previous_before(oldest).filter(|previous| *previous > cursor) {
                    Some(previous) => oldest = previous,
                    None => return cursor,
                }
            }
            oldest.plus_micros(-1)
        }
    }
}

/// Firings after `begin` whose start has come, oldest first; one more than the limit where there are more.
fn started(schedule: &CompiledSchedule, begin: Timestamp, turn: Turn) -> Vec<Timestamp> {
    let mut found = Vec::new();
    let mut next = schedule.next_after(begin);
    while let Some(at) = next.filter(|at| *at <= turn.now && found.len() <= turn.limit) {
        if schedule.starts_at(at) > turn.now {
            break;
        }
        found.push(at);
        next = schedule.next_after(at);
    }
    found
}

/// Firings between two cursors that were not taken. Without a `start`, nothing before the first deployment was promised.
fn left_out(schedule: &CompiledSchedule, (cursor, to): (Timestamp, Timestamp), taken: u64, count: u64) -> u64 {
    if (cursor == BEGINNING && !schedule.starts())
        || (schedule.missed() == Missed::All && schedule.missed_cap().is_none())
    {
        return 0;
    }
    let mut passed = 0;
    let mut next = schedule.next_after(cursor);
    while let Some(at) = next.filter(|at| *at <= to && passed < count.saturating_add(taken)) {
        passed += 1;
        next = schedule.next_after(at);
    }
    passed.saturating_sub(taken)
}

/// Where the cursor of a schedule starts when its DAG is first deployed at business time `now`: firings missed before
/// the deployment count where the policy asks for them, `missed: all` from `start` on only.
pub fn first_cursor(schedule: &CompiledSchedule, now: Timestamp) -> Timestamp {
    match schedule.missed() {
        Missed::None => now,
        Missed::Last => BEGINNING,
        Missed::All if schedule.starts() => BEGINNING,
        Missed::All => now,
    }
}

/// Where the cursors of a DAG stand when it is deployed again at business time `now`; `old` is what was declared before,
/// with its cursors. A schedule of the same instants goes on where it stood, also at another place of the list. One that
/// was changed fires for what the old one had not dealt with yet, but never again for what lies behind `now`. One that no
/// turn has looked at yet begins as if it were new: what it promises may have changed with it.
pub fn taken_over(old: &Firings, cursors: &[Timestamp], new: &Firings, now: Timestamp) -> Vec<Timestamp> {
    let (old, new) = (old.schedules(), new.schedules());
    let mut free: Vec<bool> = old.iter().zip(cursors).map(|_| true).collect();
    let mut found: Vec<Option<Timestamp>> = new.iter().map(|_| None).collect();
    for (place, schedule) in new.iter().enumerate() {
        let same = |at: &usize| free.get(*at).is_some_and(|free| *free) && old[*at].same_instants(schedule);
        if let Some(at) = std::iter::once(place).chain(0..old.len()).find(same) {
            free[at] = false;
            let untouched = cursors[at] == BEGINNING;
            found[place] = Some(if untouched { first_cursor(schedule, now) } else { cursors[at] });
        }
    }
    let changed = |place: usize| {
        let cursor = *cursors.get(place).filter(|cursor| free[place] && **cursor != BEGINNING)?;
        let behind = old[place].next_after(cursor).map_or(now, |next| now.min(next.plus_micros(-1)));
        Some(cursor.max(behind))
    };
    let mut stand = Vec::new();
    for (place, schedule) in new.iter().enumerate() {
        let known = found[place].or_else(|| changed(place));
        stand.push(known.unwrap_or_else(|| first_cursor(schedule, now)));
    }
    stand
}
