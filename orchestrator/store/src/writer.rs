//! The one task that writes. Commands queue; each commit takes what queued while the previous one was made durable, at
//! most [`MAX_BATCH`], and never waits for more. A command that fails leaves its neighbours alone; nobody is answered
//! before the commit; a commit that fails for a fault of the disk ends the process, because what follows an fsync error
//! cannot be trusted. Must never hold the transaction open across anything but SQL.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::claims::{Waiting, WaitingClaim};
use crate::effects::Effects;
use crate::{Effect, Error, Sources};

const MAX_BATCH: usize = 256;

/// Quiet time after which the log is folded into the database file, and how long at least between two foldings.
const QUIET: Duration = Duration::from_millis(250);
const BETWEEN_CHECKPOINTS: Duration = Duration::from_secs(5);

/// The open transaction, as commands see it.
pub(crate) struct Tx {
    pub connection: SqliteConnection,
    pub sources: Sources,
    pub effects: Effects,
}

/// One write: runs inside the transaction, possibly again should a neighbour's fault undo it.
pub(crate) trait Command: Send + Sync + 'static {
    type Reply: Send + 'static;
    fn run(&self, tx: &mut Tx) -> impl Future<Output = Result<Self::Reply, Error>> + Send;
}

/// What reaches the writer.
pub(crate) enum Message {
    Command(Box<dyn Job>),
    Claim(WaitingClaim),
    Close(oneshot::Sender<()>),
}

/// A command with somebody who waits for its outcome.
pub(crate) trait Job: Send {
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Done>;
    fn finish(self: Box<Self>, durable: Result<(), Error>);
}

/// How a command's statements ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Well,
    Refused,
    Fault,
}

pub(crate) struct Typed<C: Command> {
    command: C,
    outcome: Option<Result<C::Reply, Error>>,
    reply: oneshot::Sender<Result<C::Reply, Error>>,
}

impl<C: Command> Typed<C> {
    pub(crate) fn new(command: C) -> (Self, oneshot::Receiver<Result<C::Reply, Error>>) {
        let (reply, receiver) = oneshot::channel();
        (Self { command, outcome: None, reply }, receiver)
    }
}

impl<C: Command> Job for Typed<C> {
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Done> {
        Box::pin(async move {
            let outcome = self.command.run(tx).await;
            let done = match &outcome {
                Ok(_) => Done::Well,
                Err(error) if error.is_database_fault() => Done::Fault,
                Err(_) => Done::Refused,
            };
            self.outcome = Some(outcome);
            done
        })
    }

    fn finish(self: Box<Self>, durable: Result<(), Error>) {
        let answer = match (self.outcome, durable) {
            (Some(Ok(reply)), Ok(())) => Ok(reply),
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(Error::Closed),
        };
        // Whoever asked may have gone; what was written stands.
        let _ = self.reply.send(answer);
    }
}

pub(crate) struct Writer {
    pub tx: Tx,
    pub receiver: mpsc::UnboundedReceiver<Message>,
    pub effects: broadcast::Sender<Effect>,
    pub on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
    pub waiting: Waiting,
}

impl Writer {
    /// Serves until the store is closed or dropped.
    pub(crate) async fn run(mut self) {
        let mut backlog: VecDeque<Box<dyn Job>> = VecDeque::new();
        let mut folded = Instant::now();
        loop {
            let mut intake = Intake { jobs: backlog.drain(..).collect(), claimants: false, closing: None };
            if intake.jobs.is_empty() {
                match self.next_message(&mut folded).await {
                    Some(message) => intake.take(message, &mut self.waiting),
                    None => return self.close().await,
                }
            }
            while intake.jobs.len() < MAX_BATCH && intake.closing.is_none() {
                let Ok(message) = self.receiver.try_recv() else { break };
                intake.take(message, &mut self.waiting);
            }
            let Intake { jobs, claimants, closing } = intake;
            backlog = self.commit(jobs, claimants).await;
            if let Some(closed) = closing {
                self.close().await;
                let _ = closed.send(());
                return;
            }
        }
    }

    /// Waits for a message, folding the log in first when things are quiet. `None`: the store was dropped.
    async fn next_message(&mut self, folded: &mut Instant) -> Option<Message> {
        if folded.elapsed() >= BETWEEN_CHECKPOINTS {
            match tokio::time::timeout(QUIET, self.receiver.recv()).await {
                Ok(message) => return message,
                Err(_) => self.checkpoint().await,
            }
            *folded = Instant::now();
        }
        self.receiver.recv().await
    }

    /// Commits one batch and answers it. Returns what has to be put right next (work handed to somebody who had gone).
    async fn commit(&mut self, jobs: Vec<Box<dyn Job>>, claimants: bool) -> VecDeque<Box<dyn Job>> {
        let mut jobs: Vec<Entry> = jobs.into_iter().map(|job| Entry { job, faulty: false }).collect();
        match self.write(&mut jobs, claimants).await {
            Ok(()) => {
                for effect in std::mem::take(&mut self.tx.effects).list {
                    let _ = self.effects.send(effect);
                }
                let undelivered = self.waiting.deliver();
                jobs.into_iter().for_each(|entry| entry.job.finish(Ok(())));
                undelivered
            }
            Err(unwritten) => {
                self.roll_back().await;
                self.waiting.forget_served();
                if let Unwritten::NotDurable(detail) = &unwritten {
                    (self.on_fatal)(detail);
                }
                jobs.into_iter().for_each(|entry| entry.job.finish(Err(unwritten.error())));
                VecDeque::new()
            }
        }
    }

    /// Runs and commits one batch. A fault of the engine may have undone the transaction as a whole, so the others are
    /// run again without the command that met it.
    async fn write(&mut self, jobs: &mut [Entry], claimants: bool) -> Result<(), Unwritten> {
        let mut may_serve = true;
        loop {
            self.tx.effects = Effects::default();
            self.execute("BEGIN IMMEDIATE").await.map_err(Unwritten::Refused)?;
            if let Some(faulty) = self.run_all(jobs).await.map_err(Unwritten::Refused)? {
                jobs[faulty].faulty = true;
                self.roll_back().await;
                continue;
            }
            let serves = may_serve && (claimants || self.tx.effects.ready);
            if serves && let Err(error) = self.waiting.serve(&mut self.tx).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "work could not be handed out");
                self.waiting.forget_served();
                may_serve = false;
                self.roll_back().await;
                continue;
            }
            return match self.execute("COMMIT").await {
                Ok(()) => Ok(()),
                Err(Error::Full) => Err(Unwritten::Full),
                Err(Error::Database(source)) => Err(Unwritten::NotDurable(source.to_string())),
                Err(other) => Err(Unwritten::NotDurable(other.to_string())),
            };
        }
    }

    /// Runs the jobs that have not met a fault; the index of the one that meets one now. Each is fenced off by a
    /// savepoint, unless it is alone.
    async fn run_all(&mut self, jobs: &mut [Entry]) -> Result<Option<usize>, Error> {
        let alone = jobs.len() == 1;
        for (index, entry) in jobs.iter_mut().enumerate() {
            if entry.faulty {
                continue;
            }
            let (effects, ready) = (self.tx.effects.list.len(), self.tx.effects.ready);
            if !alone {
                self.execute("SAVEPOINT command").await?;
            }
            let done = entry.job.run(&mut self.tx).await;
            if done == Done::Fault {
                return Ok(Some(index));
            }
            if done == Done::Refused {
                self.tx.effects.list.truncate(effects);
                self.tx.effects.ready = ready;
            }
            match (done, alone) {
                (Done::Well | Done::Fault, true) => {}
                (Done::Well | Done::Fault, false) => self.execute("RELEASE command").await?,
                (Done::Refused, true) => {
                    self.execute("ROLLBACK").await?;
                    self.execute("BEGIN IMMEDIATE").await?;
                }
                (Done::Refused, false) => {
                    self.execute("ROLLBACK TO command").await?;
                    self.execute("RELEASE command").await?;
                }
            }
        }
        Ok(None)
    }

    async fn execute(&mut self, statement: &'static str) -> Result<(), Error> {
        sqlx::query(statement).execute(&mut self.tx.connection).await?;
        Ok(())
    }

    async fn roll_back(&mut self) {
        // The engine may have rolled back by itself already.
        let _ = sqlx::query("ROLLBACK").execute(&mut self.tx.connection).await;
    }

    async fn checkpoint(&mut self) {
        if let Err(error) = self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the write-ahead log could not be folded in");
        }
    }

    async fn close(mut self) {
        self.checkpoint().await;
        if let Err(error) = self.tx.connection.close().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the state database did not close cleanly");
        }
    }
}

/// What one turn takes up.
struct Intake {
    jobs: Vec<Box<dyn Job>>,
    claimants: bool,
    closing: Option<oneshot::Sender<()>>,
}

impl Intake {
    fn take(&mut self, message: Message, waiting: &mut Waiting) {
        match message {
            Message::Command(job) => self.jobs.push(job),
            Message::Claim(claim) => {
                waiting.add(claim);
                self.claimants = true;
            }
            Message::Close(closed) => self.closing = Some(closed),
        }
    }
}

struct Entry {
    job: Box<dyn Job>,
    faulty: bool,
}

/// Why a batch was not committed.
enum Unwritten {
    Refused(Error),
    Full,
    NotDurable(String),
}

impl Unwritten {
    fn error(&self) -> Error {
        match self {
            Self::Refused(Error::Full) | Self::Full => Error::Full,
            Self::Refused(error) => Error::NotDurable(error.to_string()),
            Self::NotDurable(detail) => Error::NotDurable(detail.clone()),
        }
    }
}
