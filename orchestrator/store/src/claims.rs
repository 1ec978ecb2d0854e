//! Handing out work. Whoever asks for work waits in the writer; as soon as a commit makes tasks ready, they are claimed
//! inside that same commit. Once somebody has looked and taken all that was ready, only what commits make ready from then
//! on has to be known, until some of it finds no taker (on a shared database until the next look, for other servers make
//! tasks ready too). An assignment whose asker has gone is handed back at once. Must never leave a claimed task without somebody who knows of it.

use std::collections::VecDeque;

use daybreak_core::{Event, WorkerIdentity, advance};
use daybreak_spec::{Name, Timestamp};
use tokio::sync::oneshot;

use crate::Error;
use crate::changes::{apply, write_claim};
use crate::claimed::{Claim, ClaimedTask, handed_out};
use crate::database::query;
use crate::effects::ReadyTask;
use crate::limits::take;
use crate::load::{LoadedRun, load, name};
use crate::tx::{Command, Job, Tx, Typed};

pub(crate) struct WaitingClaim {
    claim: Claim,
    reply: oneshot::Sender<Result<Vec<ClaimedTask>, Error>>,
    /// The worker is known to have a lease.
    vetted: bool,
}

impl WaitingClaim {
    pub(crate) fn new(claim: Claim, reply: oneshot::Sender<Result<Vec<ClaimedTask>, Error>>) -> Self {
        Self { claim, reply, vetted: false }
    }
}

/// Everybody who waits for work, oldest first, and what the open transaction has given out.
#[derive(Default)]
pub(crate) struct Waiting {
    claims: VecDeque<WaitingClaim>,
    served: Vec<(WaitingClaim, Result<Vec<ClaimedTask>, Error>)>,
    seen: Seen,
}

/// Whether everything that is ready has been given out, as far as this writer knows.
#[derive(Clone, Copy, Default)]
struct Seen {
    light: bool,
    heavy: bool,
}

impl Seen {
    fn all_of(self, claim: &Claim) -> bool {
        (self.light || claim.free_light == 0) && (self.heavy || claim.free_heavy == 0)
    }

    fn set(&mut self, heavy: bool, all: bool) {
        *(if heavy { &mut self.heavy } else { &mut self.light }) = all;
    }
}

impl Waiting {
    /// Takes up a claim. Returns whether anything is to be looked up for it now.
    pub(crate) fn add(&mut self, mut claim: WaitingClaim, tx: &Tx) -> bool {
        self.claims.retain(|waiting| !waiting.reply.is_closed());
        claim.vetted = tx.known.lease(&claim.claim.worker).is_some_and(|until| until > tx.now());
        let look = !claim.vetted || !self.seen.all_of(&claim.claim);
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
            let claimed = if !waiting.vetted || !self.seen.all_of(&waiting.claim) {
                look(tx, &waiting.claim, &mut self.seen).await
            } else {
                claim_fresh(tx, &waiting.claim, &mut fresh).await
            };
            waiting.vetted = true;
            match claimed {
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
        fresh.iter().for_each(|left| self.seen.set(left.heavy, false));
        still_waiting.append(&mut self.claims);
        self.claims = still_waiting;
        outcome
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

/// Takes from everything that is ready, in order. Rows that another server is taking are passed over.
async fn look(tx: &mut Tx, claim: &Claim, seen: &mut Seen) -> Result<Vec<ClaimedTask>, Error> {
    require_lease(tx, &claim.worker).await?;
    let mut claimed = Vec::new();
    for (heavy, free) in [(0_i64, claim.free_light), (1, claim.free_heavy)] {
        if free == 0 {
            continue;
        }
        let rows = query(
            "SELECT task_run.run_id, task_run.task, task_run.ready_at_us, run.revision FROM task_run JOIN run ON run.run_id = task_run.run_id \
             WHERE task_run.state = 'ready' AND task_run.blocked_on IS NULL AND heavy = $1 \
             ORDER BY rank_us, task_run_id LIMIT $2 \
             FOR UPDATE OF task_run SKIP LOCKED",
        )
        .bind(heavy)
        .bind(i64::from(free))
        .fetch_all(tx.direct().await?)
        .await?;
        let mut all = rows.len() < free as usize;
        for row in rows {
            let (run_id, task): (String, _) = (row.try_get("run_id")?, name(row.try_get("task")?)?);
            let revision: i64 = row.try_get("revision")?;
            if tx.known.revision(&run_id).is_some_and(|known| known != revision) {
                tx.known.forget(&run_id);
            }
            match claim_one(tx, &claim.worker, &run_id, &task).await? {
                Taking::Given(task) => {
                    let since: Option<i64> = row.try_get("ready_at_us")?;
                    tx.effects.waited_us.push(tx.now().micros - since.unwrap_or(tx.now().micros));
                    claimed.push(*task);
                }
                Taking::SetAside => {}
                Taking::NotToBeHad => all = false,
            }
        }
        seen.set(heavy != 0, all);
    }
    Ok(claimed)
}

/// Takes from what this transaction made ready. What is not taken stays in `fresh`.
async fn claim_fresh(tx: &mut Tx, claim: &Claim, fresh: &mut VecDeque<ReadyTask>) -> Result<Vec<ClaimedTask>, Error> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    require_lease(tx, &claim.worker).await?;
    let (mut light, mut heavy) = (claim.free_light, claim.free_heavy);
    let (mut claimed, mut left) = (Vec::new(), VecDeque::new());
    while let Some(ready) = fresh.pop_front() {
        let free = if ready.heavy { &mut heavy } else { &mut light };
        let taking = match *free {
            0 => Taking::NotToBeHad,
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

/// Whether the worker may be given tasks: what the writer knows of its lease is enough while it runs, for nobody ends a
/// lease before its time.
async fn require_lease(tx: &mut Tx, worker: &WorkerIdentity) -> Result<(), Error> {
    let now = tx.now();
    if tx.known.lease(worker).is_some_and(|until| until > now) {
        return Ok(());
    }
    let until: Option<i64> = query("SELECT lease_until_us FROM worker WHERE worker_id = $1 AND epoch = $2")
        .bind(&worker.id)
        .bind(worker.epoch)
        .fetch_value(&mut tx.connection)
        .await?;
    match until.map(Timestamp::from_micros) {
        Some(until) if until > now => {
            tx.known.keep_lease(worker, until);
            Ok(())
        }
        _ => Err(Error::ReRegister),
    }
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
