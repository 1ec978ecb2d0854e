//! The firings of a DAG one after the other, as runs would be made of them: instants that coincide are one firing, each
//! with its window. Keeps one instant per schedule. To add something shown of a firing: a field of [`Firing`].

use daybreak_spec::Timestamp;

use super::Firings;

/// One firing of a DAG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// Nominal instant, the end of its window.
    pub at: Timestamp,
    /// Previous firing of the DAG; none for the first one of all.
    pub window_start: Option<Timestamp>,
    /// When it is started: the nominal instant, or later by the jitter.
    pub starts_at: Timestamp,
    /// The schedules that fire, in order of declaration; the first one makes the run.
    pub schedules: Vec<usize>,
}

/// Firings, soonest first.
#[derive(Clone, Debug)]
pub struct Walk<'a> {
    firings: &'a Firings,
    next: Vec<Option<Timestamp>>,
    previous: Option<Timestamp>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(firings: &'a Firings, after: Timestamp) -> Self {
        let next = firings.schedules().iter().map(|schedule| schedule.next_after(after)).collect();
        Self { firings, next, previous: firings.previous_before(after.plus_micros(1)) }
    }

    /// The instant of the next firing.
    pub fn peek(&self) -> Option<Timestamp> {
        self.next.iter().copied().flatten().min()
    }
}

impl Iterator for Walk<'_> {
    type Item = Firing;

    fn next(&mut self) -> Option<Firing> {
        let at = self.peek()?;
        let mut schedules = Vec::new();
        let mut starts_at = Timestamp::from_micros(i64::MAX);
        for (place, (schedule, next)) in self.firings.schedules().iter().zip(&mut self.next).enumerate() {
            if *next == Some(at) {
                schedules.push(place);
                starts_at = starts_at.min(schedule.starts_at(at));
                *next = schedule.next_after(at);
            }
        }
        Some(Firing { at, window_start: self.previous.replace(at), starts_at, schedules })
    }
}
