//! Where ready tasks are found: the places at which workers may find some, each with the rank from which on there may be
//! any. What has been given out is not passed again, which matters while somebody's long transaction keeps PostgreSQL from
//! clearing it away. What other servers make ready is found when everything is looked through anew: every second, or
//! seldom enough to take half a percent of the time. Must never hide a task for longer than that.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use daybreak_core::Takes;
use daybreak_spec::{Name, Placement};

use crate::Error;
use crate::database::{Row, query};
use crate::effects::ReadyTask;
use crate::load::name;
use crate::tx::Tx;

/// Looking through everything takes one part of so many of the time.
const SHARE: u32 = 200;

/// The ready tasks of one class (light or heavy).
#[derive(Default)]
pub(crate) struct Shelf {
    /// By placement, from where on there may be some; none: there are none.
    places: BTreeMap<Arc<Placement>, Option<Mark>>,
    looked_through: bool,
    /// Not to be looked through before.
    not_before: Option<Instant>,
}

/// A place in the order in which ready tasks go.
type Mark = (i64, String);

/// A ready task as its row says; the oldest rank is the least.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    rank_us: i64,
    task_run_id: String,
    pub run_id: String,
    pub task: Name,
    /// Of the run.
    pub revision: i64,
    pub ready_at_us: Option<i64>,
}

impl Shelf {
    /// Whether a look may find something for a worker.
    pub(crate) fn may_hold(&self, takes: &Takes) -> bool {
        self.is_due() || self.places.iter().any(|(placement, mark)| mark.is_some() && takes.takes(placement))
    }

    /// Others may have made tasks ready.
    pub(crate) fn look_through(&mut self) {
        self.looked_through = false;
    }

    /// This one is ready.
    pub(crate) fn put(&mut self, ready: &ReadyTask) {
        let mark = (ready.rank_us, String::new());
        match self.places.get_mut(&ready.placement) {
            Some(Some(first)) if *first <= mark => {}
            Some(place) => *place = Some(mark),
            None => drop(self.places.insert(ready.placement.clone(), Some(mark))),
        }
    }

    /// The first ready tasks that a worker takes, at most so many, whichever other servers are not taking just now.
    pub(crate) async fn first(
        &mut self,
        tx: &mut Tx,
        (heavy, most): (bool, u32),
        takes: &Takes,
    ) -> Result<Vec<Found>, Error> {
        let begun = self.is_due().then(Instant::now);
        if begun.is_some() {
            let placements = placements(tx, heavy).await?;
            self.places = placements.map(|placement| (placement, Some((i64::MIN, String::new())))).collect();
        }
        let mut found: Vec<(Found, Arc<Placement>)> = Vec::new();
        for (placement, place) in self.places.iter_mut().filter(|(placement, _)| takes.takes(placement)) {
            let Some(mark) = place else { continue };
            let rows = first_from(tx, (heavy, most), placement, mark).await?;
            if rows.len() < most as usize {
                *place = None;
            }
            found.extend(rows.into_iter().map(|row| (row, placement.clone())));
        }
        if let Some(begun) = begun {
            self.looked_through = true;
            self.not_before = Some(Instant::now() + begun.elapsed() * SHARE);
        }
        found.sort();
        for (left, placement) in found.split_off(found.len().min(most as usize)).into_iter().rev() {
            self.places.insert(placement, Some((left.rank_us, left.task_run_id)));
        }
        for (taken, placement) in &found {
            if let Some(Some(mark)) = self.places.get_mut(placement) {
                let taken = (taken.rank_us, taken.task_run_id.clone());
                *mark = taken.max(std::mem::take(mark));
            }
        }
        Ok(found.into_iter().map(|(found, _)| found).collect())
    }

    fn is_due(&self) -> bool {
        !self.looked_through && self.not_before.is_none_or(|not_before| Instant::now() >= not_before)
    }
}

/// Where ready tasks of a class are to run. Reads one row for each place, however many tasks wait there.
pub(crate) const PLACEMENTS: &str = "WITH RECURSIVE found (placement) AS (SELECT (SELECT placement FROM task_run \
     WHERE state = 'ready' AND blocked_on IS NULL AND heavy = $1 ORDER BY placement LIMIT 1) UNION ALL \
     SELECT (SELECT placement FROM task_run WHERE state = 'ready' AND blocked_on IS NULL AND heavy = $1 \
     AND task_run.placement > found.placement ORDER BY placement LIMIT 1) FROM found \
     WHERE found.placement IS NOT NULL) SELECT placement FROM found WHERE placement IS NOT NULL";

async fn placements(tx: &mut Tx, heavy: bool) -> Result<impl Iterator<Item = Arc<Placement>>, Error> {
    let texts: Vec<String> = query(PLACEMENTS).bind(i64::from(heavy)).fetch_values(tx.direct().await?).await?;
    Ok(texts.into_iter().filter_map(|text| Placement::parse(&text)).map(Arc::new))
}

/// The first ones of a place from a mark on.
async fn first_from(
    tx: &mut Tx,
    (heavy, most): (bool, u32),
    placement: &Placement,
    (rank_us, task_run_id): &Mark,
) -> Result<Vec<Found>, Error> {
    let rows = query(
        "SELECT task_run.rank_us, task_run.task_run_id, task_run.run_id, task_run.task, task_run.ready_at_us, run.revision \
         FROM task_run JOIN run ON run.run_id = task_run.run_id \
         WHERE task_run.state = 'ready' AND task_run.blocked_on IS NULL AND heavy = $1 AND placement = $2 \
         AND (rank_us, task_run_id) >= ($3, $4) \
         ORDER BY rank_us, task_run_id LIMIT $5 FOR UPDATE OF task_run SKIP LOCKED",
    )
    .bind(i64::from(heavy))
    .bind(placement.to_string())
    .bind(*rank_us)
    .bind(task_run_id)
    .bind(i64::from(most))
    .fetch_all(tx.direct().await?)
    .await?;
    let found = |row: &Row| {
        Ok(Found {
            rank_us: row.try_get("rank_us")?,
            task_run_id: row.try_get("task_run_id")?,
            run_id: row.try_get("run_id")?,
            task: name(row.try_get("task")?)?,
            revision: row.try_get("revision")?,
            ready_at_us: row.try_get("ready_at_us")?,
        })
    };
    rows.iter().map(found).collect()
}
