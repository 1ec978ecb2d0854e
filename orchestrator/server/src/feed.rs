//! Changes of runs and tasks as a feed: while somebody follows, the truth is looked at twice a second, and what differs from
//! the look before goes into a ring of bounded length, numbered. Every follower has a place in it and reads at its own
//! pace; one that falls behind the ring, or comes with a place of another process, is told to read the truth (`reset`).
//! So no write is made for followers, a slow one holds no memory, and it does not matter which server made a change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use daybreak_core::{RunStatus, TaskStatus};
use daybreak_protocol::Change;
use daybreak_spec::Name;
use daybreak_store::Store;
use tokio::sync::{Notify, watch};
use ulid::Ulid;

use crate::{Error, Server};

/// Between two looks at the truth.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// A look costs at most this part of the time: after a long one there is a long rest.
const REST_PER_LOOK: u32 = 10;

/// How many looks go on after the last follower has gone, so that one whose connection broke goes on where it was.
const LOOKS_ALONE: u32 = 120;

/// Servers' clocks differ by less.
const CLOCKS_DIFFER_MS: u64 = 10_000;

/// Changes that are kept.
const KEPT: usize = 8_192;

/// Events of one follower's turn.
const PER_TURN: usize = 256;

/// Where a follower is: `<feed>-<number>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    feed: String,
    number: u64,
}

impl Place {
    /// From an event's id. `None`: it is none.
    pub(crate) fn parse(id: &str) -> Option<Self> {
        let (feed, number) = id.rsplit_once('-')?;
        Some(Self { feed: feed.to_owned(), number: number.parse().ok()? })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.feed, self.number)
    }
}

/// What a follower reads next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// Changes, each with the place after it; where to read on.
    Changes(Vec<(Place, Change)>, Place),
    /// The place is not in the ring any more: read the truth, and go on from there.
    Reset(Place),
    /// Nobody looks yet.
    Nothing,
}

/// The changes that are kept.
#[derive(Default)]
struct Ring {
    /// Names this run of looks; empty while nobody looks.
    feed: String,
    /// Number of the first one kept.
    first: u64,
    changes: VecDeque<Change>,
}

impl Ring {
    fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    fn push(&mut self, changes: Vec<Change>) {
        self.changes.extend(changes);
        while self.changes.len() > KEPT {
            self.changes.pop_front();
            self.first += 1;
        }
    }

    fn read(&self, from: Option<&Place>) -> Read {
        if self.feed.is_empty() {
            return Read::Nothing;
        }
        let at = |number: u64| Place { feed: self.feed.clone(), number };
        let known = from.filter(|place| place.feed == self.feed && (self.first..=self.end()).contains(&place.number));
        let Some(place) = known else { return Read::Reset(at(self.end())) };
        let skipped = usize::try_from(place.number - self.first).unwrap_or(usize::MAX);
        let found = (place.number + 1..).zip(self.changes.iter().skip(skipped)).take(PER_TURN);
        let found: Vec<_> = found.map(|(number, change)| (at(number), change.clone())).collect();
        let next = found.last().map_or_else(|| place.clone(), |(place, _)| place.clone());
        Read::Changes(found, next)
    }
}

/// The ring, and those who follow.
pub(crate) struct Feed {
    ring: Mutex<Ring>,
    moved: watch::Sender<()>,
    followers: AtomicUsize,
    wanted: Notify,
}

impl Default for Feed {
    fn default() -> Self {
        let moved = watch::channel(()).0;
        Self { ring: Mutex::default(), moved, followers: AtomicUsize::new(0), wanted: Notify::new() }
    }
}

/// Somebody who follows; dropped when they go.
pub(crate) struct Follower {
    feed: Arc<Feed>,
    moved: watch::Receiver<()>,
    place: Option<Place>,
}

impl Feed {
    /// Follows from a place, or from the truth as it is when the first `reset` comes.
    pub(crate) fn follow(self: &Arc<Self>, place: Option<Place>) -> Follower {
        self.followers.fetch_add(1, Ordering::SeqCst);
        self.wanted.notify_one();
        Follower { feed: self.clone(), moved: self.moved.subscribe(), place }
    }

    fn ring(&self) -> std::sync::MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, feed: String) {
        *self.ring() = Ring { feed, ..Ring::default() };
        self.moved.send_replace(());
    }

    fn push(&self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.ring().push(changes);
            self.moved.send_replace(());
        }
    }
}

impl Follower {
    /// What comes next, as soon as there is something.
    pub(crate) async fn next(&mut self) -> Read {
        loop {
            self.moved.borrow_and_update();
            let read = self.feed.ring().read(self.place.as_ref());
            match &read {
                Read::Changes(found, next) if !found.is_empty() => {
                    self.place = Some(next.clone());
                    return read;
                }
                Read::Reset(place) => {
                    self.place = Some(place.clone());
                    return read;
                }
                Read::Changes(..) | Read::Nothing => {}
            }
            if self.moved.changed().await.is_err() {
                return Read::Nothing;
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.feed.followers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A run as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    dag: Name,
    state: RunStatus,
    tasks: BTreeMap<Name, (TaskStatus, u32)>,
}

/// What was seen at the last look.
#[derive(Default)]
struct Looked {
    active: BTreeMap<String, Seen>,
    /// The newest run that is known, and all that were made shortly before it.
    newest: Option<Ulid>,
    made: BTreeSet<String>,
}

impl Looked {
    /// Looks at the truth. What differs from the look before.
    async fn look(&mut self, store: &Store, project: &Name) -> Result<Vec<Change>, Error> {
        let made = self.made_lately(store, project).await?;
        let mut active: BTreeMap<String, Seen> = BTreeMap::new();
        for row in store.active_tasks(project).await? {
            let seen = Seen { dag: row.dag, state: row.run_state, tasks: BTreeMap::new() };
            let seen = active.entry(row.run_id).or_insert(seen);
            seen.tasks.extend(row.task.map(|(task, state, attempt)| (task, (state, attempt))));
        }
        let gone = self.active.keys().filter(|run_id| !active.contains_key(*run_id)).cloned();
        let unseen = made.difference(&self.made).filter(|run_id| !active.contains_key(*run_id)).cloned();
        let mut ended = BTreeMap::new();
        for run_id in gone.chain(unseen) {
            let run = store.run(&run_id).await?;
            let tasks = run.tasks.into_iter().map(|task| (task.name, (task.state, task.attempt))).collect();
            ended.insert(run_id, Seen { dag: run.summary.dag, state: run.summary.state, tasks });
        }
        let mut changes = Vec::new();
        for (run_id, seen) in ended.iter().chain(&active) {
            differences(run_id, self.active.get(run_id), seen, &mut changes);
        }
        self.newest = made.last().and_then(|run_id| Ulid::from_string(run_id).ok()).max(self.newest);
        self.made = made;
        self.active = active;
        Ok(changes)
    }

    /// Runs that were made since shortly before the newest one that is known: a server whose clock is behind makes older ids.
    async fn made_lately(&self, store: &Store, project: &Name) -> Result<BTreeSet<String>, Error> {
        let since = self.newest.map_or(0, |newest| newest.timestamp_ms().saturating_sub(CLOCKS_DIFFER_MS));
        let (mut made, mut from) = (BTreeSet::new(), Ulid::from_parts(since, 0).to_string());
        loop {
            let page = store.made_after(project, &from).await?;
            let Some(last) = page.last().cloned() else { return Ok(made) };
            made.extend(page);
            from = last;
        }
    }
}

/// Tasks before their run, so that whoever sees a run's end has seen its tasks'.
fn differences(run_id: &str, before: Option<&Seen>, now: &Seen, changes: &mut Vec<Change>) {
    let (run_id, dag) = (run_id.to_owned(), now.dag.clone());
    for (task, (state, attempt)) in &now.tasks {
        if before.and_then(|before| before.tasks.get(task)) != Some(&(*state, *attempt)) {
            let (run_id, dag, task) = (run_id.clone(), dag.clone(), task.clone());
            changes.push(Change::Task { run_id, dag, task, state: *state, attempt: *attempt });
        }
    }
    if before.map(|before| before.state) != Some(now.state) {
        changes.push(Change::Run { run_id, dag, state: now.state });
    }
}

impl Server {
    /// Looks at the truth while somebody follows, until `shutdown` turns true.
    pub(crate) async fn run_feed(&self, mut shutdown: watch::Receiver<bool>) {
        let mut number = 0;
        loop {
            tokio::select! {
                _ = shutdown.wait_for(|stopped| *stopped) => return,
                () = self.feed.wanted.notified() => {}
            }
            number += 1;
            tokio::select! {
                _ = shutdown.wait_for(|stopped| *stopped) => return,
                () = self.look_while_followed(format!("{}.{number}", self.server_id)) => {}
            }
        }
    }

    async fn look_while_followed(&self, feed: String) {
        let (mut looked, mut project, mut alone) = (Looked::default(), None, 0);
        while alone < LOOKS_ALONE {
            let begun = tokio::time::Instant::now();
            match self.look(&mut looked, &mut project, &feed).await {
                Ok(changes) => self.feed.push(changes),
                Err(error) => tracing::warn!(%error, "what goes on could not be looked at"),
            }
            tokio::time::sleep(BETWEEN_LOOKS.max(begun.elapsed() * REST_PER_LOOK)).await;
            alone = if self.feed.followers.load(Ordering::SeqCst) == 0 { alone + 1 } else { 0 };
        }
        // Who comes with a place of this feed has missed something.
        self.feed.begin(String::new());
    }

    async fn look(&self, looked: &mut Looked, project: &mut Option<Name>, feed: &str) -> Result<Vec<Change>, Error> {
        let current = self.deployed()?.name().clone();
        let first = project.as_ref() != Some(&current);
        if first {
            let newest = self.store.newest_run_of_all(&current).await?;
            let newest = newest.and_then(|run_id| Ulid::from_string(&run_id).ok());
            *looked = Looked { newest, ..Looked::default() };
        }
        let changes = looked.look(&self.store, &current).await?;
        if !first {
            return Ok(changes);
        }
        // What the first look has seen is the truth that followers are told to read.
        *project = Some(current);
        self.feed.begin(feed.to_owned());
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: usize) -> Change {
        let dag = Name::parse("nightly").expect("a name");
        Change::Run { run_id: number.to_string(), dag, state: RunStatus::Running }
    }

    fn place(number: u64) -> Place {
        Place { feed: "a".to_owned(), number }
    }

    #[test]
    fn a_follower_reads_on_where_it_was_and_is_told_when_it_cannot() {
        let mut ring = Ring { feed: "a".to_owned(), ..Ring::default() };
        assert_eq!(ring.read(None), Read::Reset(place(0)));
        ring.push((0..3).map(change).collect());
        let found = |numbers: std::ops::Range<u64>| -> Vec<_> {
            numbers.map(|number| (place(number + 1), change(usize::try_from(number).expect("small")))).collect()
        };
        assert_eq!(ring.read(Some(&place(1))), Read::Changes(found(1..3), place(3)));
        assert_eq!(ring.read(Some(&place(3))), Read::Changes(Vec::new(), place(3)));
        assert_eq!(ring.read(Some(&place(4))), Read::Reset(place(3)), "a place that never was");
        let other = Place { feed: "b".to_owned(), number: 1 };
        assert_eq!(ring.read(Some(&other)), Read::Reset(place(3)), "of another process");
        ring.push((3..KEPT + 2).map(change).collect());
        assert_eq!(ring.changes.len(), KEPT);
        assert_eq!(ring.read(Some(&place(1))), Read::Reset(place(KEPT as u64 + 2)), "fallen behind");
        let Read::Changes(turn, next) = ring.read(Some(&place(2))) else { panic!("it is kept") };
        assert_eq!((turn.len(), next), (PER_TURN, place(2 + PER_TURN as u64)));
    }

    #[test]
    fn a_place_reads_as_it_is_written() {
        let place = Place { feed: "01ARZ3NDEKTSV4RRFFQ69G5FAV.2".to_owned(), number: 17 };
        assert_eq!(Place::parse(&place.to_string()), Some(place));
        for id in ["", "17", "a-", "a-x", "a--", "a-99999999999999999999"] {
            assert_eq!(Place::parse(id), None, "{id}");
        }
    }
}
