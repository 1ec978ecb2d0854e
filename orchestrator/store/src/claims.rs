//! Handing out work. Whoever asks for work waits in the writer; as soon as a commit makes tasks ready, they are claimed
//! inside that same commit. Once somebody has looked and taken all that was ready, only what commits make ready from then
//! on has to be known, until some of it finds no taker (on a shared database until the next look, for other servers make
//! tasks ready too). An assignment whose asker has gone is handed back at once. Must never leave a claimed task without somebody who knows of it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use daybreak_core::{Event, Takes, WorkerIdentity, advance};
use daybreak_spec::{Name, Placement, Timestamp};
use tokio::sync::oneshot;

use crate::Error;
use crate::changes::{apply, write_claim};
use crate::claimed::{Claim, ClaimedTask, handed_out};
use crate::database::query;
use crate::effects::ReadyTask;
use crate::known::KnownWorker;
use crate::limits::take;
use crate::load::{LoadedRun, count, json, load, name};
use crate::tx::{Command, Job, Tx, Typed};

pub(crate) struct WaitingClaim {
    claim: Claim,
    reply: oneshot::Sender<Result<Vec<ClaimedTask>, Error>>,
    /// What is known of the worker, once it is known to have a lease.
    vetted: Option<KnownWorker>,
}

impl WaitingClaim {
    pub(crate) fn new(claim: Claim, reply: oneshot::Sender<Result<Vec<ClaimedTask>, Error>>) -> Self {
        Self { claim, reply, vetted: None }
    }
}

/// Everybody who waits for work, oldest first, and what the open transaction has given out.
#[derive(Default)]
pub(crate) struct Waiting {
    claims: VecDeque<WaitingClaim>,
    served: Vec<(WaitingClaim, Result<Vec<ClaimedTask>, Error>)>,
    seen: Seen,
}

/// What workers take of which everything that is ready has been given out, as far as this writer knows.
#[derive(Default)]
struct Seen {
    light: HashSet<Arc<Takes>>,
    heavy: HashSet<Arc<Takes>>,
}

/// What differs between workers is kept of so many.
const MOST_SEEN: usize = 1_000;

impl Seen {
    fn all_of(&self, claim: &Claim, worker: &KnownWorker) -> bool {
        (claim.free_light == 0 || self.light.contains(&worker.takes))
            && (claim.free_heavy == 0 || self.heavy.contains(&worker.takes))
    }

    fn of_class(&mut self, heavy: bool) -> &mut HashSet<Arc<Takes>> {
        if heavy { &mut self.heavy } else { &mut self.light }
    }

    /// A look for these found all that is ready, or may have left some.
    fn looked(&mut self, heavy: bool, takes: &Arc<Takes>, all: bool) {
        let seen = self.of_class(heavy);
        if all && seen.len() < MOST_SEEN {
            seen.insert(takes.clone());
        } else {
            seen.remove(takes);
        }
    }

    /// This one is ready and found no taker.
    fn left(&mut self, ready: &ReadyTask) {
        self.of_class(ready.heavy).retain(|takes| !takes.takes(&ready.placement));
    }
}

impl Waiting {
    /// Takes up a claim. Returns whether anything is to be looked up for it now.
    pub(crate) fn add(&mut self, mut claim: WaitingClaim, tx: &Tx) -> bool {
        self.claims.retain(|waiting| !waiting.reply.is_closed());
        let known = tx.known.worker(&claim.claim.worker);
        claim.vetted = known.filter(|worker| worker.until > tx.now()).cloned();
        let look = claim.vetted.as_ref().is_none_or(|worker| !self.seen.all_of(&claim.claim, worker));
        self.claims.push_back(claim);
        look
    }

    /// Tasks may be ready that this writer does not know of.
    pub(crate) fn look_again(&mut self) {
        self.seen = Seen::default();
    }

    /// Gives ready tasks to those who wait, inside the open transaction.
    pub(crate) async fn serve(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let mut fresh = std::mem::take(&mut tx.effects.ready);
        fresh.sort_by_key(|ready| ready.rank_us);
        let mut fresh = VecDeque::from(fresh);
        let mut still_waiting = VecDeque::new();
        let mut outcome = Ok(());
        while let Some(mut waiting) = self.claims.pop_front() {
            if waiting.reply.is_closed() {
                continue;
            }
            match self.give(tx, &mut waiting, &mut fresh).await {
                Ok(tasks) if tasks.is_empty() => still_waiting.push_back(waiting),
                Ok(tasks) => {
                    crossing!("cp03.before");
                    self.served.push((waiting, Ok(tasks)));
                }
                Err(Error::ReRegister) => self.served.push((waiting, Err(Error::ReRegister))),
                Err(error) => {
                    still_waiting.push_back(waiting);
                    outcome = Err(error);
                    break;
                }
            }
        }
        fresh.iter().for_each(|left| self.seen.left(left));
        still_waiting.append(&mut self.claims);
        self.claims = still_waiting;
        outcome
    }

    async fn give(
        &mut self,
        tx: &mut Tx,
        waiting: &mut WaitingClaim,
        fresh: &mut VecDeque<ReadyTask>,
    ) -> Result<Vec<ClaimedTask>, Error> {
        let seen_all = waiting.vetted.as_ref().is_some_and(|worker| self.seen.all_of(&waiting.claim, worker));
        if seen_all && fresh.is_empty() {
            return Ok(Vec::new());
        }
        let worker = require_lease(tx, &waiting.claim.worker).await?;
        waiting.vetted = Some(worker.clone());
        if seen_all {
            claim_fresh(tx, &waiting.claim, &worker, fresh).await
        } else {
            look(tx, &waiting.claim, &worker, &mut self.seen).await
        }
    }

    /// The transaction is undone: those served wait again, and what was looked at may be ready after all.
    pub(crate) fn forget_served(&mut self) {
        for (waiting, _) in self.served.drain(..).rev() {
            self.claims.push_front(waiting);
        }
        self.look_again();
    }

    /// The transaction is durable: those served get their tasks. Returns what hands back tasks of those who have gone.
    pub(crate) fn deliver(&mut self) -> VecDeque<Box<dyn Job>> {
        let mut undelivered: VecDeque<Box<dyn Job>> = VecDeque::new();
        for (waiting, outcome) in self.served.drain(..) {
            crossing!("cp03.after");
            if let Err(Ok(tasks)) = waiting.reply.send(outcome) {
                undelivered.push_back(Box::new(Typed::new(HandBack { tasks }).0));
            }
        }
        undelivered
    }
}

/// Takes from everything that is ready and that the worker takes, in order. Rows that another server is taking are passed
/// over.
async fn look(tx: &mut Tx, claim: &Claim, worker: &KnownWorker, seen: &mut Seen) -> Result<Vec<ClaimedTask>, Error> {
    let mut claimed = Vec::new();
    for (heavy, free, slots) in [(false, claim.free_light, worker.slots.0), (true, claim.free_heavy, worker.slots.1)] {
        if free == 0 {
            continue;
        }
        let (found, mut all) = ready_for(tx, heavy, free.min(slots), worker).await?;
        for Found { run_id, task, revision, ready_at_us, .. } in found {
            if tx.known.revision(&run_id).is_some_and(|known| known != revision) {
                tx.known.forget(&run_id);
            }
            match claim_one(tx, &claim.worker, &run_id, &task).await? {
                Taking::Given(task) => {
                    let now_us = tx.now().micros;
                    tx.effects.waited_us.push(now_us - ready_at_us.unwrap_or(now_us));
                    claimed.push(*task);
                }
                Taking::SetAside => {}
                Taking::NotToBeHad => all = false,
            }
        }
        seen.looked(heavy, &worker.takes, all);
    }
    Ok(claimed)
}

/// A ready task as its row says; the oldest rank is the least.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    rank_us: i64,
    task_run_id: String,
    run_id: String,
    task: Name,
    revision: i64,
    ready_at_us: Option<i64>,
}

/// The first ready tasks of a class that a worker takes, and whether there are no others. Reads those and one row for each
/// placement that ready tasks have, however many tasks wait for other workers.
async fn ready_for(tx: &mut Tx, heavy: bool, most: u32, worker: &KnownWorker) -> Result<(Vec<Found>, bool), Error> {
    let placements: Vec<String> = query(
        "WITH RECURSIVE found (placement) AS (SELECT (SELECT placement FROM task_run WHERE state = 'ready' \
         AND blocked_on IS NULL AND heavy = $1 ORDER BY placement LIMIT 1) UNION ALL \
         SELECT (SELECT placement FROM task_run WHERE state = 'ready' AND blocked_on IS NULL AND heavy = $1 \
         AND task_run.placement > found.placement ORDER BY placement LIMIT 1) FROM found \
         WHERE found.placement IS NOT NULL) SELECT placement FROM found WHERE placement IS NOT NULL",
    )
    .bind(i64::from(heavy))
    .fetch_values(tx.direct().await?)
    .await?;
    let (mut found, mut all) = (Vec::new(), true);
    for text in placements {
        if !Placement::parse(&text).is_some_and(|placement| worker.takes.takes(&placement)) {
            continue;
        }
        let rows = query(
            "SELECT task_run.rank_us, task_run.task_run_id, task_run.run_id, task_run.task, \
             task_run.ready_at_us, run.revision \
             FROM task_run JOIN run ON run.run_id = task_run.run_id \
             WHERE task_run.state = 'ready' AND task_run.blocked_on IS NULL AND heavy = $1 AND placement = $2 \
             ORDER BY rank_us, task_run_id LIMIT $3 FOR UPDATE OF task_run SKIP LOCKED",
        )
        .bind(i64::from(heavy))
        .bind(&text)
        .bind(i64::from(most))
        .fetch_all(tx.direct().await?)
        .await?;
        all &= rows.len() < most as usize;
        for row in rows {
            found.push(Found {
                rank_us: row.try_get("rank_us")?,
                task_run_id: row.try_get("task_run_id")?,
                run_id: row.try_get("run_id")?,
                task: name(row.try_get("task")?)?,
                revision: row.try_get("revision")?,
                ready_at_us: row.try_get("ready_at_us")?,
            });
        }
    }
    found.sort();
    all &= found.len() <= most as usize;
    found.truncate(most as usize);
    Ok((found, all))
}

/// Takes from what this transaction made ready. What is not taken stays in `fresh`.
async fn claim_fresh(
    tx: &mut Tx,
    claim: &Claim,
    worker: &KnownWorker,
    fresh: &mut VecDeque<ReadyTask>,
) -> Result<Vec<ClaimedTask>, Error> {
    let (mut light, mut heavy) = (claim.free_light.min(worker.slots.0), claim.free_heavy.min(worker.slots.1));
    let (mut claimed, mut left) = (Vec::new(), VecDeque::new());
    while let Some(ready) = fresh.pop_front() {
        let free = if ready.heavy { &mut heavy } else { &mut light };
        let taking = match *free {
            0 => Taking::NotToBeHad,
            _ if !worker.takes.takes(&ready.placement) => Taking::NotToBeHad,
            _ => claim_one(tx, &claim.worker, &ready.run_id, &ready.task).await?,
        };
        match taking {
            Taking::Given(task) => {
                *free -= 1;
                tx.effects.waited_us.push(tx.now().micros - ready.since.micros);
                claimed.push(*task);
            }
            Taking::SetAside => {}
            Taking::NotToBeHad => left.push_back(ready),
        }
    }
    *fresh = left;
    Ok(claimed)
}

/// A worker that may be given tasks: what the writer knows of its lease is enough while it runs, for nobody ends a
/// lease before its time.
async fn require_lease(tx: &mut Tx, worker: &WorkerIdentity) -> Result<KnownWorker, Error> {
    let now = tx.now();
    if let Some(known) = tx.known.worker(worker).filter(|known| known.until > now) {
        return Ok(known.clone());
    }
    let row =
        query("SELECT lease_until_us, takes, light_slots, heavy_slots FROM worker WHERE worker_id = $1 AND epoch = $2")
            .bind(&worker.id)
            .bind(worker.epoch)
            .fetch_optional(&mut tx.connection)
            .await?
            .ok_or(Error::ReRegister)?;
    let until = Timestamp::from_micros(row.try_get("lease_until_us")?);
    if until <= now {
        return Err(Error::ReRegister);
    }
    let takes: Option<&str> = row.try_get("takes")?;
    let takes = takes.map(|text| json("what a worker takes", text)).transpose()?.unwrap_or_default();
    let slots = (count(&row, "light_slots")?, count(&row, "heavy_slots")?);
    let known = KnownWorker { until, takes: Arc::new(takes), slots };
    tx.known.keep_worker(worker, known.clone());
    Ok(known)
}

/// What came of taking a ready task.
enum Taking {
    Given(Box<ClaimedTask>),
    /// A limit has no room for it.
    SetAside,
    /// It is not ready, or does not read, which must not keep the others from being run.
    NotToBeHad,
}

async fn claim_one(tx: &mut Tx, worker: &WorkerIdentity, run_id: &str, task: &Name) -> Result<Taking, Error> {
    match try_claim(tx, worker, run_id, task).await {
        Ok(taking) => Ok(taking),
        Err(error) if error.is_database_fault() => Err(error),
        Err(error) => {
            tracing::error!(run.id = run_id, task.name = %task, %error, "a ready task cannot be handed out");
            Ok(Taking::NotToBeHad)
        }
    }
}

/// Needs no hold on the run: the row of the task is enough, and whoever else changes it finds it changed.
async fn try_claim(tx: &mut Tx, worker: &WorkerIdentity, run_id: &str, task: &Name) -> Result<Taking, Error> {
    let event = Event::Claim { task: task.clone(), worker: worker.clone() };
    let mut run = match tx.known.take(run_id) {
        Some(run) => run,
        None => load(tx, run_id).await?,
    };
    let mut decided = advance(&run.snapshot, &event, tx.moment());
    if decided.is_err() && run.remembered && tx.is_shared() {
        run = load(tx, run_id).await?;
        decided = advance(&run.snapshot, &event, tx.moment());
    }
    let taking = match decided {
        Ok(_) if !has_slots(tx, &run, task).await? => Taking::SetAside,
        Ok(changes) => {
            let (dag, root) = (name(&run.dag)?, root(tx, &run).await?);
            write_claim(tx, &mut run, &changes);
            Taking::Given(Box::new(handed_out(&run, task, (dag, root))))
        }
        Err(_) => Taking::NotToBeHad,
    };
    tx.known.note(run_id);
    tx.known.keep(run);
    Ok(taking)
}

async fn has_slots(tx: &mut Tx, run: &LoadedRun, task: &Name) -> Result<bool, Error> {
    match run.tasks.get(task).filter(|task| !task.limits.is_empty()) {
        Some(limited) => take(tx, &run.project, limited).await,
        None => Ok(true),
    }
}

/// The folder of the run's snapshot.
async fn root(tx: &mut Tx, run: &LoadedRun) -> Result<String, Error> {
    let key = (run.project.clone(), run.version.clone());
    if let Some(root) = tx.known.root(&key) {
        return Ok(root.clone());
    }
    let root: Option<String> = query("SELECT root FROM project_version WHERE project = $1 AND version = $2")
        .bind(&run.project)
        .bind(&run.version)
        .fetch_value(&mut tx.connection)
        .await?;
    let root = root.ok_or_else(|| Error::corrupt("run")(format!("its snapshot {} is not known", run.version)))?;
    tx.known.keep_root(key, root.clone());
    Ok(root)
}

/// Takes back tasks that never reached their worker.
struct HandBack {
    tasks: Vec<ClaimedTask>,
}

impl Command for HandBack {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        for task in &self.tasks {
            let event = Event::Interrupted { task: task.task.clone(), fence: task.fence };
            match apply(tx, &task.run_id, &event).await {
                Ok(()) | Err(Error::Stale) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
