//! The store itself: opening the database, and one method per write. Reads are in `reads/`. To add a write: a `Command`
//! in the file of its subject, a method here.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use daybreak_core::{Resumption, TaskStatus, WorkerIdentity};
use daybreak_failpoints::crossing;
use daybreak_protocol::{MintPublication, TokenView, Triggered};
use daybreak_spec::Timestamp;
use futures::TryFutureExt;
use futures::future::join_all;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::attempts::{Mint, Report};
use crate::batch::Batches;
use crate::by_hand::Rerun;
use crate::claims::{Waiting, WaitingClaim};
use crate::clock::SetClock;
use crate::database::{Connection, Dialect, Pool, query};
use crate::effects::Effects;
use crate::error::why_not_opened;
use crate::known::Known;
use crate::leadership::{Lead, Renew, Resign};
use crate::measures::Measures;
use crate::migrations::bring_up;
use crate::pauses::{LiftPause, SetPause};
use crate::pending::Pending;
use crate::runs::Cancel;
use crate::sub_runs::SettleSubRun;
use crate::tokens::TokensUsed;
use crate::tx::{Command, Tx, Typed};
use crate::waits::ResumeTask;
use crate::workers::{Beat, Leave, Revoke, SpareWorkers, TakeOver};
use crate::writer::{Message, Writer};
use crate::{
    Again, Caller, Claim, ClaimedTask, Database, DecideTask, Deployment, Effect, Error, Fire, Fired, HeldByWorker,
    Made, MarkTask, MetWait, NewRun, NewToken, NewWorker, PauseChange, ReportedEnd, RevokeToken, RunAgain, Sources,
    SubRunSettled, TriggerRun,
};

/// Effects that a subscriber may fall behind by before it has to read the truth instead.
const EFFECTS: usize = 4096;

/// How often a database that is away is tried when the store opens, and how often a line says what is waited for.
const BETWEEN_TRIES: Duration = Duration::from_millis(500);
const TRIES_PER_LINE: u32 = 8;

/// Whose clock leases, deadlines and waits go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseClock {
    /// The one in [`Sources`]: there is one process, or a test drives the time.
    Process,
    /// PostgreSQL's own, read as each transaction begins: servers on several hosts need not agree on the time. A database
    /// without a clock of its own goes by the process's.
    Database,
}

/// How to open the store.
pub struct Options {
    /// Which database, and where.
    pub database: Database,
    /// Time, chance and identities.
    pub sources: Sources,
    /// Whose clock leases go by.
    pub lease_clock: LeaseClock,
    /// Called when a commit could not be made durable. Has to end the process: what the database says after an fsync
    /// error cannot be trusted.
    pub on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
}

/// A handle on the state; clones share the writer.
#[derive(Clone)]
pub struct Store {
    writer: mpsc::UnboundedSender<Message>,
    effects: broadcast::Sender<Effect>,
    pub(crate) readers: Pool,
    sources: Sources,
    away: watch::Receiver<Option<String>>,
    shared: bool,
    /// Leases go by the database's clock.
    pub(crate) with_time: bool,
    measures: Measures,
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings its schema up to date. One that does not answer is
    /// waited for.
    ///
    /// # Errors
    /// [`Error::Open`] says what is wrong with the file and what to do.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let Options { database, sources, lease_clock, on_fatal } = options;
        let writer_id = sources.id();
        let connection = connect(&database, &sources, &writer_id).await?;
        let readers = database.readers().await?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let (effects, _) = broadcast::channel(EFFECTS);
        let (away, known_away) = watch::channel(None);
        let tx = Tx {
            connection,
            pending: Pending::default(),
            one_by_one: false,
            spoilt: false,
            sources: sources.clone(),
            effects: Effects::default(),
            known: Known::default(),
            freed: BTreeSet::new(),
            followed: BTreeSet::new(),
            epoch: None,
            database_time: None,
        };
        let (shared, measures) = (database.dialect() == Dialect::Postgres, Measures::default());
        let with_time = lease_clock == LeaseClock::Database;
        let batches = Batches {
            tx,
            waiting: Waiting::default(),
            database,
            with_time,
            on_fatal,
            measures: measures.clone(),
            writer_id,
            number: 0,
            broken: false,
        };
        tokio::spawn(Writer { batches, receiver, effects: effects.clone(), away }.run());
        Ok(Self { writer: sender, effects, readers, sources, away: known_away, shared, with_time, measures })
    }

    /// Whether other servers may work on the same database.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Why the database cannot be used at the moment, if the last attempt to write failed for that.
    pub fn away(&self) -> Option<String> {
        self.away.borrow().clone()
    }

    /// Commits everything accepted so far, folds the log in and closes the file.
    pub async fn close(&self) {
        let (closed, done) = oneshot::channel();
        self.readers.close().await;
        if self.writer.send(Message::Close(closed)).is_ok() {
            let _ = done.await;
        }
    }

    /// What commits make true, from now on.
    pub fn effects(&self) -> broadcast::Receiver<Effect> {
        self.effects.subscribe()
    }

    /// What is counted of commits.
    pub fn measures(&self) -> &Measures {
        &self.measures
    }

    /// Real time as rows have it.
    pub fn now(&self) -> Timestamp {
        self.sources.now()
    }

    pub(crate) async fn write<C: Command>(&self, command: C) -> Result<C::Reply, Error> {
        let (job, reply) = Typed::new(command);
        self.writer.send(Message::Command(Box::new(job))).map_err(|_| Error::Closed)?;
        reply.unwrap_or_else(|_| Err(Error::Closed)).await
    }

    /// Makes a project current.
    pub async fn deploy(&self, deployment: Deployment) -> Result<(), Error> {
        self.write(deployment).await
    }

    /// Makes and starts a run by hand.
    pub async fn make_run(&self, run: NewRun) -> Result<String, Error> {
        self.write(run).await
    }

    /// Makes and starts a run that somebody has asked for; once, where the request has a key.
    pub async fn trigger(&self, trigger: TriggerRun) -> Result<Made<Triggered>, Error> {
        self.write(trigger).await
    }

    /// Makes the runs of due firings and moves the cursors of their schedules, each DAG's together. What is given in one
    /// call is in the writer's hands at once, so that commits take many DAGs. The answers are in order.
    ///
    /// # Errors
    /// [`Error::Conflict`] when a cursor or the leadership moved meanwhile, or the DAG was paused.
    pub async fn fire(&self, fires: Vec<Fire>) -> Vec<Result<Fired, Error>> {
        join_all(fires.into_iter().map(|fire| self.write(fire))).await
    }

    /// Lets a DAG fire nothing; a pause that stands keeps its beginning and takes the new note.
    pub async fn pause(&self, change: PauseChange) -> Result<(), Error> {
        self.write(SetPause(change)).await
    }

    /// Lets a DAG fire again.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not paused.
    pub async fn resume(&self, change: PauseChange) -> Result<(), Error> {
        self.write(LiftPause(change)).await
    }

    /// Asks for a run's end.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has ended or is being cancelled already.
    pub async fn cancel(&self, run_id: String, reason: String, caller: Caller) -> Result<(), Error> {
        self.write(Cancel { run_id, reason, caller }).await
    }

    /// Has tasks of a run run again, with all that needs them, as the run's own version declares them.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown run or task; [`Error::Refused`] says why it does not apply and what to do.
    pub async fn rerun(&self, run_id: String, again: Again, caller: Caller) -> Result<RunAgain, Error> {
        self.write(Rerun { run_id, again, caller }).await
    }

    /// Says how a task that has not ended ends; an attempt that is going on ends with it. What it was before.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown run or task; [`Error::Refused`] when it has ended.
    pub async fn mark(&self, mark: MarkTask) -> Result<TaskStatus, Error> {
        self.write(mark).await
    }

    /// Decides on a task that waits for approval.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown run or task; [`Error::NotNow`] when it does not wait for a decision, or waits
    /// again since.
    pub async fn decide(&self, decision: DecideTask) -> Result<(), Error> {
        self.write(decision).await
    }

    /// Tells tasks that what they wait for has come about; how many waited for it still. What is given in one call is in
    /// the writer's hands at once.
    ///
    /// # Errors
    /// The first one met; the others are told all the same.
    pub async fn resume_waits(&self, met: Vec<(MetWait, Resumption)>) -> Result<u64, Error> {
        let told = join_all(met.into_iter().map(|(met, resumption)| self.write(ResumeTask { met, resumption }))).await;
        told.into_iter().try_fold(0, |count, told| Ok(count + u64::from(told?)))
    }

    /// Does what is to be done about a run that a task has made; safe to ask for at any moment.
    pub async fn settle_sub_run(&self, run_id: String) -> Result<SubRunSettled, Error> {
        self.write(SettleSubRun(run_id)).await
    }

    /// Takes up a worker.
    pub async fn register(&self, worker: NewWorker) -> Result<WorkerIdentity, Error> {
        self.write(worker).await
    }

    /// Renews a lease; what the rows give the worker. `draining`: it takes no more work.
    pub async fn beat(
        &self,
        worker: WorkerIdentity,
        lease_us: i64,
        draining: bool,
    ) -> Result<Vec<HeldByWorker>, Error> {
        self.write(Beat { worker: worker.clone(), lease_us, draining }).await?;
        self.held_by(&worker).await
    }

    /// Gives workers of other processes that run something a whole lease, after a time in which nobody could hear them.
    pub async fn spare_workers(&self, lease_us: i64) -> Result<u32, Error> {
        self.write(SpareWorkers { lease_us }).await
    }

    /// Lets a worker go that has ended.
    pub async fn leave(&self, worker: WorkerIdentity) -> Result<(), Error> {
        self.write(Leave(worker)).await
    }

    /// Takes a task back from a worker that does not know of it.
    pub async fn revoke(&self, task_run_id: String, fence: i64) -> Result<(), Error> {
        self.write(Revoke { task_run_id, fence }).await
    }

    /// Waits for work. Drop the future to stop waiting: what was given meanwhile is handed back.
    ///
    /// # Errors
    /// [`Error::ReRegister`] when the worker's lease is over.
    pub async fn claim(&self, claim: Claim) -> Result<Vec<ClaimedTask>, Error> {
        let (reply, claimed) = oneshot::channel();
        self.writer.send(Message::Claim(WaitingClaim::new(claim, reply))).map_err(|_| Error::Closed)?;
        claimed.await.map_err(|_| Error::Closed)?
    }

    /// Ends an attempt. `busy` and `start`: microseconds in the task's own code, and from spawn to its first instruction.
    ///
    /// # Errors
    /// [`Error::Stale`] for a fence that is not the current one; the same report again is a success.
    pub async fn report(
        &self,
        task_run_id: String,
        fence: i64,
        end: ReportedEnd,
        (busy_us, start_us): (i64, i64),
    ) -> Result<(), Error> {
        crossing!("cp10.before");
        let (job, reply) = Typed::new(Report { task_run_id, fence, end, busy_us, start_us });
        self.writer.send(Message::Command(Box::new(job))).map_err(|_| Error::Closed)?;
        crossing!("cp10.after");
        reply.unwrap_or_else(|_| Err(Error::Closed)).await
    }

    /// Mints the next publication number of a view.
    pub async fn mint_publication(&self, request: MintPublication) -> Result<i64, Error> {
        self.write(Mint(request)).await
    }

    /// Takes over from earlier server processes; the number of tasks that were running under them.
    pub async fn take_over(&self, server_id: String) -> Result<u32, Error> {
        self.write(TakeOver { server_id }).await
    }

    /// Takes the leadership if it is to be had; its new epoch. A file's one process always has it.
    pub async fn lead(&self, holder: String) -> Result<Option<i64>, Error> {
        self.write(Lead { holder }).await
    }

    /// Renews the leadership. `false`: somebody else has taken it.
    pub async fn renew_leadership(&self, holder: String, epoch: i64) -> Result<bool, Error> {
        self.write(Renew { holder, epoch }).await
    }

    /// Gives the leadership away, so that the next server has it at once. `false`: somebody else had taken it.
    pub async fn resign(&self, holder: String, epoch: i64) -> Result<bool, Error> {
        self.write(Resign { holder, epoch }).await
    }

    /// Makes a token.
    ///
    /// # Errors
    /// [`Error::Refused`] when one that is good has the name, or too many are good.
    pub async fn create_token(&self, token: NewToken) -> Result<TokenView, Error> {
        self.write(token).await
    }

    /// Takes a token back.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] when it was taken back before.
    pub async fn revoke_token(&self, revoke: RevokeToken) -> Result<TokenView, Error> {
        self.write(revoke).await
    }

    /// Keeps when tokens were used last.
    pub async fn tokens_used(&self, used: Vec<(String, Timestamp)>) -> Result<(), Error> {
        self.write(TokensUsed(used)).await
    }

    /// Sets simulated business time. It never goes back.
    pub async fn set_clock(&self, at: Timestamp) -> Result<Timestamp, Error> {
        self.write(SetClock(at)).await
    }
}

/// A connection for the writer, its schema up to date, waiting for a database that does not answer.
async fn connect(database: &Database, sources: &Sources, writer_id: &str) -> Result<Connection, Error> {
    let mut tries = 0;
    loop {
        match try_connect(database, sources, writer_id).await {
            Ok(connection) => return Ok(connection),
            Err(error) if error.passes() => {
                if tries % TRIES_PER_LINE == 0 {
                    tracing::warn!(error = &error as &dyn std::error::Error, "waiting for {}", database.name());
                }
                tries += 1;
                tokio::time::sleep(BETWEEN_TRIES).await;
            }
            Err(Error::Database(source)) => return Err(database.does_not_open(why_not_opened(&source))),
            Err(error) => return Err(error),
        }
    }
}

async fn try_connect(database: &Database, sources: &Sources, writer_id: &str) -> Result<Connection, Error> {
    let mut connection = database.connect().await?;
    bring_up(&mut connection, database, sources.now()).await?;
    if connection.dialect() == Dialect::Postgres {
        query("INSERT INTO commit_mark (writer_id, project, number, begun_at_us) VALUES ($1, '*', 0, $2)")
            .bind(writer_id)
            .bind(sources.now().micros)
            .execute(&mut connection)
            .await?;
    }
    Ok(connection)
}
