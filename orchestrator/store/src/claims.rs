//! Handing out work. Whoever asks for work waits in the writer; as soon as a commit makes tasks ready, they are claimed
//! inside that same commit. An assignment whose asker has gone is handed back at once. Must never leave a claimed task
//! without somebody who knows of it.

use std::collections::{BTreeMap, VecDeque};

use daybreak_core::{Event, Moment, TaskState, WorkerIdentity, advance};
use daybreak_spec::{Name, Timestamp};
use serde_json::{Map, Value as Json};
use sqlx::Row;
use tokio::sync::oneshot;

use crate::Error;
use crate::changes::{apply, write};
use crate::load::{instant, load, map, name};
use crate::writer::{Command, Job, Tx, Typed};

/// "Give me work."
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who asks.
    pub worker: WorkerIdentity,
    /// Light tasks it can take.
    pub free_light: u32,
    /// Heavy tasks it can take.
    pub free_heavy: u32,
}

/// A task that has just been given to a worker.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimedTask {
    /// The task run's ULID.
    pub task_run_id: String,
    /// The fence it is held under.
    pub fence: i64,
    /// 1-based attempt.
    pub attempt: u32,
    /// The run's ULID.
    pub run_id: String,
    /// The DAG.
    pub dag: Name,
    /// The task.
    pub task: Name,
    /// Its kind.
    pub kind: String,
    /// The project snapshot its run was made from.
    pub version: String,
    /// The folder that the snapshot's relative paths start from.
    pub root: String,
    /// Nominal instant; none for a manual run.
    pub scheduled_for: Option<Timestamp>,
    /// Previous firing.
    pub window_start: Option<Timestamp>,
    /// T.
    pub window_end: Timestamp,
    /// The run's parameters.
    pub params: Map<String, Json>,
    /// Outputs of the tasks it needs and of theirs, by name.
    pub outputs: BTreeMap<Name, Map<String, Json>>,
    /// Longest attempt.
    pub timeout_us: Option<i64>,
}

pub(crate) struct WaitingClaim {
    pub claim: Claim,
    pub reply: oneshot::Sender<Result<Vec<ClaimedTask>, Error>>,
}

/// Everybody who waits for work, oldest first, and what the open transaction has given out.
#[derive(Default)]
pub(crate) struct Waiting {
    claims: VecDeque<WaitingClaim>,
    served: Vec<(WaitingClaim, Result<Vec<ClaimedTask>, Error>)>,
}

impl Waiting {
    pub(crate) fn add(&mut self, claim: WaitingClaim) {
        self.claims.push_back(claim);
    }

    /// Gives ready tasks to those who wait, inside the open transaction.
    pub(crate) async fn serve(&mut self, tx: &mut Tx) -> Result<(), Error> {
        let mut still_waiting = VecDeque::new();
        let mut outcome = Ok(());
        while let Some(waiting) = self.claims.pop_front() {
            if waiting.reply.is_closed() {
                continue;
            }
            match claim(tx, &waiting.claim).await {
                Ok(tasks) if tasks.is_empty() => still_waiting.push_back(waiting),
                Ok(tasks) => self.served.push((waiting, Ok(tasks))),
                Err(Error::ReRegister) => self.served.push((waiting, Err(Error::ReRegister))),
                Err(error) => {
                    still_waiting.push_back(waiting);
                    outcome = Err(error);
                    break;
                }
            }
        }
        still_waiting.append(&mut self.claims);
        self.claims = still_waiting;
        outcome
    }

    /// The transaction is undone: those served wait again.
    pub(crate) fn forget_served(&mut self) {
        for (waiting, _) in self.served.drain(..).rev() {
            self.claims.push_front(waiting);
        }
    }

    /// The transaction is durable: those served get their tasks. Returns what hands back tasks of those who have gone.
    pub(crate) fn deliver(&mut self) -> VecDeque<Box<dyn Job>> {
        let mut undelivered: VecDeque<Box<dyn Job>> = VecDeque::new();
        for (waiting, outcome) in self.served.drain(..) {
            if let Err(Ok(tasks)) = waiting.reply.send(outcome) {
                undelivered.push_back(Box::new(Typed::new(HandBack { tasks }).0));
            }
        }
        undelivered
    }
}

async fn claim(tx: &mut Tx, claim: &Claim) -> Result<Vec<ClaimedTask>, Error> {
    let known: Option<i64> =
        sqlx::query_scalar("SELECT epoch FROM worker WHERE worker_id = $1 AND epoch = $2 AND lease_until_us > $3")
            .bind(&claim.worker.id)
            .bind(claim.worker.epoch)
            .bind(tx.sources.now().micros)
            .fetch_optional(&mut tx.connection)
            .await?;
    if known.is_none() {
        return Err(Error::ReRegister);
    }
    let mut claimed = Vec::new();
    for (heavy, free) in [(0_i64, claim.free_light), (1, claim.free_heavy)] {
        if free == 0 {
            continue;
        }
        let ready = sqlx::query(
            "SELECT task_run_id, run_id, task, kind FROM task_run \
             WHERE state = 'ready' AND heavy = $1 ORDER BY priority, task_run_id LIMIT $2",
        )
        .bind(heavy)
        .bind(i64::from(free))
        .fetch_all(&mut tx.connection)
        .await?;
        for row in ready {
            let (task_run_id, run_id): (String, String) = (row.try_get("task_run_id")?, row.try_get("run_id")?);
            let task = name(row.try_get("task")?)?;
            let kind = row.try_get("kind")?;
            match claim_one(tx, &claim.worker, Ready { task_run_id, run_id, task, kind }).await {
                Ok(task) => claimed.push(task),
                Err(error) if error.is_database_fault() => return Err(error),
                // One row that does not read must not keep the others from being run.
                Err(error) => tracing::error!(%error, "a ready task cannot be handed out"),
            }
        }
    }
    Ok(claimed)
}

struct Ready {
    task_run_id: String,
    run_id: String,
    task: Name,
    kind: String,
}

async fn claim_one(tx: &mut Tx, worker: &WorkerIdentity, ready: Ready) -> Result<ClaimedTask, Error> {
    let Ready { task_run_id, run_id, task, kind } = ready;
    let run = load(tx, &run_id).await?;
    let moment = Moment { now: tx.sources.now(), uniform: tx.sources.uniform() };
    let event = Event::Claim { task: task.clone(), worker: worker.clone() };
    let changes = advance(&run.snapshot, &event, moment)?;
    write(tx, &run, &changes, moment.now).await?;
    let claimed = &changes.tasks[0].after;
    let (fence, attempt) = (claimed.fence, claimed.attempt);
    let row = sqlx::query(
        "SELECT run.version, run.scheduled_for_us, run.window_start_us, run.window_end_us, run.params, \
         project_version.root FROM run JOIN project_version ON project_version.project = run.project \
         AND project_version.version = run.version WHERE run.run_id = $1",
    )
    .bind(&run_id)
    .fetch_one(&mut tx.connection)
    .await?;
    let ancestors = run.snapshot.ancestors(task.as_str());
    let outputs = ancestors
        .into_iter()
        .filter_map(|ancestor| match &run.snapshot.tasks[ancestor].progress.state {
            TaskState::Succeeded { outputs } => Some((ancestor.clone(), outputs.clone())),
            _ => None,
        })
        .collect();
    Ok(ClaimedTask {
        task_run_id,
        fence,
        attempt,
        dag: name(&run.dag)?,
        timeout_us: run.snapshot.tasks[&task].timeout_us,
        run_id,
        task,
        kind,
        version: row.try_get("version")?,
        root: row.try_get("root")?,
        scheduled_for: instant(&row, "scheduled_for_us")?,
        window_start: instant(&row, "window_start_us")?,
        window_end: Timestamp::from_micros(row.try_get("window_end_us")?),
        params: map("parameters", row.try_get("params")?)?,
        outputs,
    })
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
                Ok(_) | Err(Error::Stale) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
