//! Handing out work. Whoever asks for work waits in the writer; as soon as a commit makes tasks ready, they are claimed
//! inside that same commit. What is ready beyond that is found in the database (`ready.rs`). An assignment whose asker has
//! gone is handed back at once. Must never leave a claimed task without somebody who knows of it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use daybreak_core::{Event, WorkerIdentity, advance};
use daybreak_failpoints::crossing;
use daybreak_spec::{Name, Timestamp};
use tokio::sync::oneshot;

use crate::Error;
use crate::changes::{apply, write_claim};
use crate::claimed::{Claim, ClaimedTask, handed_out};
use crate::database::query;
use crate::effects::ReadyTask;
use crate::known::KnownWorker;
use crate::limits::take;
use crate::load::{LoadedRun, count, json, load, name};
use crate::ready::Shelf;
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
    light: Shelf,
    heavy: Shelf,
}

impl Waiting {
    /// Takes up a claim. Returns whether anything is to be looked up for it now.
    pub(crate) fn add(&mut self, mut claim: WaitingClaim, tx: &Tx) -> bool {
        self.claims.retain(|waiting| !waiting.reply.is_closed());
        let known = tx.known.worker(&claim.claim.worker);
        claim.vetted = known.filter(|worker| worker.until > tx.now()).cloned();
        let look = claim.vetted.as_ref().is_none_or(|worker| self.may_find(&claim.claim, worker));
        self.claims.push_back(claim);
        look
    }

    /// Tasks may be ready that this writer does not know of.
    pub(crate) fn look_again(&mut self) {
        self.light.look_through();
        self.heavy.look_through();
    }

    fn may_find(&self, claim: &Claim, worker: &KnownWorker) -> bool {
        (claim.free_light > 0 && self.light.may_hold(&worker.takes))
            || (claim.free_heavy > 0 && self.heavy.may_hold(&worker.takes))
    }

    fn put(&mut self, ready: &ReadyTask) {
        if ready.heavy { self.heavy.put(ready) } else { self.light.put(ready) }
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
        fresh.iter().for_each(|left| self.put(left));
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
        let may_find = waiting.vetted.as_ref().is_none_or(|worker| self.may_find(&waiting.claim, worker));
        if !may_find && fresh.is_empty() {
            return Ok(Vec::new());
        }
        let worker = require_lease(tx, &waiting.claim.worker).await?;
        waiting.vetted = Some(worker.clone());
        if !may_find {
            return claim_fresh(tx, &waiting.claim, &worker, fresh).await;
        }
        fresh.iter().for_each(|ready| self.put(ready));
        let claimed = self.look(tx, &waiting.claim, &worker).await?;
        drop_claimed(fresh, &claimed);
        Ok(claimed)
    }

    /// Takes from everything that is ready and that the worker takes, in order.
    async fn look(&mut self, tx: &mut Tx, claim: &Claim, worker: &KnownWorker) -> Result<Vec<ClaimedTask>, Error> {
        let mut claimed = Vec::new();
        for (heavy, free, slots) in
            [(false, claim.free_light, worker.slots.0), (true, claim.free_heavy, worker.slots.1)]
        {
            let most = free.min(slots);
            if most == 0 {
                continue;
            }
            let shelf = if heavy { &mut self.heavy } else { &mut self.light };
            for found in shelf.first(tx, (heavy, most), &worker.takes).await? {
                if tx.known.revision(&found.run_id).is_some_and(|known| known != found.revision) {
                    tx.known.forget(&found.run_id);
                }
                if let Taking::Given(task) = claim_one(tx, &claim.worker, &found.run_id, &found.task).await? {
                    let now_us = tx.now().micros;
                    tx.effects.waited_us.push(now_us - found.ready_at_us.unwrap_or(now_us));
                    claimed.push(*task);
                }
            }
        }
        Ok(claimed)
    }

    /// The transaction is undone: those served wait again, and what was looked at may be ready after all.
    pub(crate) fn forget_served(&mut self) {
        for (waiting, _) in self.served.drain(..).rev() {
            self.claims.push_front(waiting);
        }
        (self.light, self.heavy) = Default::default();
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

/// What was looked up may have been made ready by this transaction.
fn drop_claimed(fresh: &mut VecDeque<ReadyTask>, claimed: &[ClaimedTask]) {
    if fresh.is_empty() || claimed.is_empty() {
        return;
    }
    let claimed: HashSet<_> = claimed.iter().map(|task| (&task.run_id, &task.task)).collect();
    fresh.retain(|ready| !claimed.contains(&(&ready.run_id, &ready.task)));
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
