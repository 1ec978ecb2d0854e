//! What the scheduler keeps between turns: one line per DAG and a queue of when each starts next. All of it can be read
//! again. Must never write. To keep something more per DAG: a field of [`Line`], its reading in [`Lines::load`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use daybreak_core::Firings;
use daybreak_spec::{Name, Timestamp};
use daybreak_store::Pause;

use crate::deployed::Deployed;

/// Lines of all DAGs that have a schedule.
pub(crate) struct Lines {
    /// By name.
    lines: Vec<Line>,
    /// When lines start next; a line that is paused or waits for room is not in it.
    queue: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Lines that are due and have as many unended runs as they may.
    crowded: Vec<usize>,
    pub loaded: bool,
    /// From when on DAGs are watched that were not known before.
    watched_since: Timestamp,
    /// Business time at which the last turn ended.
    pub last_turn: Timestamp,
}

/// One DAG.
pub(crate) struct Line {
    pub dag: Name,
    /// Firings started up to here are missed ones.
    pub horizon: Timestamp,
    pub cursors: Box<[Timestamp]>,
    paused: bool,
    /// Its entry in the queue; another one is an old one.
    queued: Option<Timestamp>,
}

impl Lines {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            lines: Vec::new(),
            queue: BinaryHeap::new(),
            crowded: Vec::new(),
            loaded: false,
            watched_since: now,
            last_turn: now,
        }
    }

    /// A project has been deployed at `now`: what fell due before is missed by DAGs that are new.
    pub(crate) fn start_over(&mut self, now: Timestamp) {
        self.loaded = false;
        self.watched_since = now;
    }

    /// Another server led meanwhile: the cursors are where it left them.
    pub(crate) fn read_again(&mut self) {
        self.loaded = false;
    }

    /// Nobody watched until now.
    pub(crate) fn were_unwatched(&mut self, now: Timestamp) {
        self.lines.iter_mut().for_each(|line| line.horizon = now);
    }

    /// Takes up what is deployed and what the rows say. Lines that were there keep their horizon.
    pub(crate) fn load(
        &mut self,
        deployed: &Deployed,
        stored: &BTreeMap<(Name, u32), Timestamp>,
        pauses: &BTreeMap<Name, Pause>,
    ) {
        let horizons: BTreeMap<Name, Timestamp> = self.lines.drain(..).map(|line| (line.dag, line.horizon)).collect();
        (self.queue, self.crowded) = (BinaryHeap::new(), Vec::new());
        for (name, dag) in deployed.dags.iter().filter(|(_, dag)| !dag.firings.is_empty()) {
            let places = (0_u32..).zip(dag.firings.schedules());
            let cursors = places.filter_map(|(place, _)| stored.get(&(name.clone(), place)).copied()).collect();
            let horizon = horizons.get(name).copied().unwrap_or(self.watched_since);
            let paused = pauses.contains_key(name);
            self.lines.push(Line { dag: name.clone(), horizon, cursors, paused, queued: None });
            self.put_back(self.lines.len() - 1, &dag.firings);
        }
        self.loaded = true;
    }

    /// Takes at most `most` lines that start at or before `now`, soonest first.
    pub(crate) fn take_due(&mut self, now: Timestamp, most: usize) -> Vec<usize> {
        let mut due = Vec::new();
        while due.len() < most
            && let Some(Reverse((at, place))) = self.queue.peek().copied().filter(|Reverse((at, _))| *at <= now)
        {
            self.queue.pop();
            let line = &mut self.lines[place];
            if line.queued == Some(at) {
                line.queued = None;
                due.push(place);
            }
        }
        due
    }

    /// When the next line starts.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    pub(crate) fn line(&self, place: usize) -> &Line {
        &self.lines[place]
    }

    pub(crate) fn line_mut(&mut self, place: usize) -> &mut Line {
        &mut self.lines[place]
    }

    /// Queues a line by its next start.
    pub(crate) fn put_back(&mut self, place: usize, firings: &Firings) {
        let line = &mut self.lines[place];
        line.queued = line.next_start(firings).filter(|_| !line.paused);
        if let Some(next) = line.queued {
            self.queue.push(Reverse((next, place)));
        }
    }

    /// Sets a due line aside until one of its runs has ended.
    pub(crate) fn set_aside(&mut self, place: usize) {
        self.crowded.push(place);
    }

    /// Whether some line waits for room.
    pub(crate) fn are_crowded(&self) -> bool {
        !self.crowded.is_empty()
    }

    /// Queues the lines again that may have room now.
    pub(crate) fn let_in(&mut self, deployed: &Deployed, has_room: impl Fn(&Name) -> bool) {
        for place in std::mem::take(&mut self.crowded) {
            let name = self.lines[place].dag.clone();
            match deployed.dags.get(&name) {
                Some(dag) if has_room(&name) => self.put_back(place, &dag.firings),
                _ => self.crowded.push(place),
            }
        }
    }

    /// Follows the pauses that the rows hold. What a resumed DAG did not start meanwhile is missed.
    pub(crate) fn follow(&mut self, deployed: &Deployed, pauses: &BTreeMap<Name, Pause>, now: Timestamp) {
        for place in 0..self.lines.len() {
            let paused = pauses.contains_key(&self.lines[place].dag);
            if paused == self.lines[place].paused {
                continue;
            }
            self.lines[place].paused = paused;
            self.lines[place].queued = None;
            if !paused && let Some(dag) = deployed.dags.get(&self.lines[place].dag) {
                self.lines[place].horizon = now;
                self.put_back(place, &dag.firings);
            }
        }
    }
}

impl Line {
    /// When the earliest firing that has not been dealt with starts.
    fn next_start(&self, firings: &Firings) -> Option<Timestamp> {
        let schedules = firings.schedules().iter().zip(&self.cursors);
        let next = schedules.filter_map(|(schedule, cursor)| Some(schedule.starts_at(schedule.next_after(*cursor)?)));
        next.min()
    }
}
