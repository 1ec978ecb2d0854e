//! The open transaction as commands see it, and what a command is. Must never begin or end a transaction: that is the
//! batch's business.

use std::collections::BTreeSet;

use daybreak_core::Moment;
use daybreak_failpoints::crossing;
use daybreak_spec::Timestamp;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::database::{Connection, Dialect};
use crate::effects::Effects;
use crate::known::Known;
use crate::limits::Counter;
use crate::pending::Pending;
use crate::{Error, Sources};

/// The open transaction.
pub(crate) struct Tx {
    pub connection: Connection,
    /// What is still to be written.
    pub pending: Pending,
    /// Each command's rows are written before the next command runs, so that a fault is its own.
    pub one_by_one: bool,
    /// What was pending could not be written, whichever command's it was.
    pub spoilt: bool,
    pub sources: Sources,
    pub effects: Effects,
    /// Runs that were read or written before.
    pub known: Known,
    /// DAGs whose next queued run may start at the end of this transaction.
    pub followed: BTreeSet<(String, String)>,
    /// Counters of limits that tasks of this transaction may have made room in.
    pub freed: BTreeSet<Counter>,
    /// The epoch of the leadership, once this transaction has read (and locked) it.
    pub epoch: Option<i64>,
    /// The database's own time at the beginning, where leases go by it.
    pub database_time: Option<Timestamp>,
}

impl Tx {
    /// Real time as leases, deadlines and waits go by it.
    pub(crate) fn now(&self) -> Timestamp {
        self.database_time.unwrap_or_else(|| self.sources.now())
    }

    pub(crate) fn moment(&self) -> Moment {
        Moment { now: self.now(), uniform: self.sources.uniform() }
    }

    /// Whether other servers may write to the same database.
    pub(crate) fn is_shared(&self) -> bool {
        self.connection.dialect() == Dialect::Postgres
    }

    /// Another server changed what this one had read.
    pub(crate) fn contended(&self) -> Error {
        Error::Contended { database: self.connection.name().to_owned() }
    }

    /// Forgets what the last transaction left here.
    pub(crate) fn start_over(&mut self) {
        self.effects = Effects::default();
        self.pending = Pending::default();
        self.spoilt = false;
        self.followed.clear();
        self.freed.clear();
        self.epoch = None;
        self.connection.written = false;
    }
}

/// One write: runs inside the transaction, possibly again should a neighbour's fault undo it. One that refuses after it has
/// written costs its neighbours a second run, so it should look before it writes.
pub(crate) trait Command: Send + Sync + 'static {
    type Reply: Send + 'static;
    fn run(&self, tx: &mut Tx) -> impl Future<Output = Result<Self::Reply, Error>> + Send;

    /// The run it is about, if it is about one and that is known: batches of several servers take runs in one order.
    fn run_id<'a>(&'a self, _known: &'a Known) -> Option<&'a str> {
        None
    }
}

/// A command with somebody who waits for its outcome.
pub(crate) trait Job: Send {
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> BoxFuture<'a, Done>;
    fn run_id<'a>(&'a self, known: &'a Known) -> Option<&'a str>;
    fn finish(self: Box<Self>, durable: Result<(), Error>);
}

/// How a command's statements ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Well,
    Refused,
    /// The database refused a statement.
    Fault,
    /// Another server got in the way: the transaction has to be run again.
    Again,
    /// The connection is gone, and the transaction with it.
    Gone,
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
            let mut outcome = self.command.run(tx).await;
            if tx.one_by_one
                && outcome.is_ok()
                && let Err(error) = tx.flush().await
            {
                outcome = Err(error);
            }
            let done = match &outcome {
                Ok(_) => Done::Well,
                Err(Error::Contended { .. }) => Done::Again,
                Err(Error::Away { .. }) => Done::Gone,
                Err(error) if error.is_database_fault() => Done::Fault,
                Err(_) => Done::Refused,
            };
            self.outcome = Some(outcome);
            done
        })
    }

    fn run_id<'a>(&'a self, known: &'a Known) -> Option<&'a str> {
        self.command.run_id(known)
    }

    fn finish(self: Box<Self>, durable: Result<(), Error>) {
        let answer = match (self.outcome, durable) {
            (Some(Ok(reply)), Ok(())) => Ok(reply),
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (None, Ok(())) => Err(Error::Closed),
        };
        crossing!("cp11.after");
        // Whoever asked may have gone; what was written stands.
        let _ = self.reply.send(answer);
    }
}
