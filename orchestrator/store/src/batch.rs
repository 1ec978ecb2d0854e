//! Committing a batch of commands in one transaction. A command that refuses leaves its neighbours alone: if it had
//! written nothing there is nothing to undo, otherwise the transaction is undone and the others run again. Nobody is
//! answered before the commit. On SQLite a commit that fails for a fault of the disk ends the process, because what follows
//! an fsync error cannot be trusted. On PostgreSQL the connection may be lost at any moment: it is made anew, and a row
//! that each commit marks tells whether the last one was made. Must never hold the transaction open across anything but
//! SQL.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use daybreak_failpoints::crossing;
use tracing::Instrument as _;

use crate::changes::start_queued;
use crate::claims::Waiting;
use crate::database::{Database, query};
use crate::known::Known;
use crate::limits::let_in;
use crate::load::hold_known;
use crate::measures::Measures;
use crate::tx::{Done, Job, Tx};
use crate::{Effect, Error};

/// How often a transaction is tried that other servers or a lost connection got in the way of.
const MAX_TRIES: u32 = 6;

/// Longest pause before the first repetition; each next one may be twice as long.
const PAUSE: Duration = Duration::from_millis(20);

/// A shared database that takes longer for one batch is as good as gone.
const LONGEST_BATCH: Duration = Duration::from_secs(30);

/// How long the outcome of an interrupted commit is asked for, and how often.
const SETTLING_TRIES: u32 = 60;
const SETTLING_PAUSE: Duration = Duration::from_millis(500);

pub(crate) struct Batches {
    pub tx: Tx,
    pub waiting: Waiting,
    pub database: Database,
    /// Whether leases go by the database's clock.
    pub with_time: bool,
    pub on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
    pub measures: Measures,
    /// This writer's row in `commit_mark`, and the number of its last commit.
    pub writer_id: String,
    pub number: i64,
    /// The connection is gone.
    pub broken: bool,
}

/// A command of a batch.
pub(crate) struct Entry {
    pub job: Box<dyn Job>,
    /// Its outcome stands, whatever becomes of the others.
    settled: bool,
}

impl Entry {
    pub(crate) fn new(job: Box<dyn Job>) -> Self {
        Self { job, settled: false }
    }
}

/// Why a transaction has to be undone.
enum Undone {
    /// This command refused after it had written, or met a fault.
    By(usize),
    /// What they wrote together met a fault: whose it was shows when they are run one by one.
    Together,
    /// What follows from the commands (queued runs, handing out work) met a fault.
    Afterwards(Error),
    /// Other servers or the connection got in the way: the same may do the next time.
    Passing(Error),
    /// The connection was lost while the commit was under way.
    Unknown(String),
    /// It cannot be written.
    Unwritten(Unwritten),
}

/// Why a batch was not committed.
pub(crate) enum Unwritten {
    Refused(Error),
    NotDurable(String),
}

impl Batches {
    /// Runs and commits a batch, and serves those who wait for work. What the commit made true.
    pub(crate) async fn write(&mut self, jobs: &mut [Entry], claimants: bool) -> Result<Vec<Effect>, Unwritten> {
        if self.tx.is_shared() {
            // Servers take runs in one order, so that they do not wait for each other in a circle.
            let known = &self.tx.known;
            jobs.sort_by_cached_key(|entry| {
                let run_id = entry.job.run_id(known).map(str::to_owned);
                (run_id.is_none(), run_id)
            });
        }
        let span = tracing::info_span!("commit", commands = jobs.len());
        self.write_in(jobs, claimants).instrument(span).await
    }

    async fn write_in(&mut self, jobs: &mut [Entry], claimants: bool) -> Result<Vec<Effect>, Unwritten> {
        let (mut afterwards, mut tries, begun) = (true, 0, Instant::now());
        self.tx.one_by_one = false;
        loop {
            let undone = match self.attempt(jobs, (claimants, afterwards)).await {
                Ok(()) => {
                    self.tx.known.settle();
                    self.measures.committed(&self.tx.effects, jobs.len(), begun.elapsed());
                    return Ok(std::mem::take(&mut self.tx.effects.list));
                }
                Err(undone) => undone,
            };
            if !matches!(undone, Undone::Unknown(_)) {
                self.undo().await;
            }
            match undone {
                Undone::By(index) => jobs[index].settled = true,
                Undone::Together => self.tx.one_by_one = true,
                Undone::Afterwards(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "work could not be handed out");
                    afterwards = false;
                }
                Undone::Passing(error) => {
                    tries += 1;
                    // A locked file has been waited for already.
                    if tries == MAX_TRIES || !self.tx.is_shared() {
                        return Err(Unwritten::Refused(error));
                    }
                    self.pause(tries).await;
                }
                Undone::Unknown(detail) => {
                    tries += 1;
                    if self.settle_interrupted().await? {
                        tracing::warn!(detail, "the connection was lost during a commit, which had been made");
                        let mut effects = std::mem::take(&mut self.tx.effects.list);
                        effects.push(Effect::Elsewhere);
                        return Ok(effects);
                    }
                    if tries == MAX_TRIES {
                        return Err(Unwritten::Refused(self.tx.contended()));
                    }
                }
                Undone::Unwritten(unwritten) => {
                    if let Unwritten::NotDurable(detail) = &unwritten {
                        (self.on_fatal)(detail);
                    }
                    return Err(unwritten);
                }
            }
        }
    }

    /// One try at the transaction, bounded in time where it goes over a network.
    async fn attempt(&mut self, jobs: &mut [Entry], what: (bool, bool)) -> Result<(), Undone> {
        if !self.tx.is_shared() {
            self.run(jobs, what).await?;
            return self.commit().await;
        }
        match tokio::time::timeout(LONGEST_BATCH, self.run(jobs, what)).await {
            Ok(outcome) => outcome?,
            Err(_) => {
                return Err(self.passing(self.away("it takes too long")));
            }
        }
        match tokio::time::timeout(LONGEST_BATCH, self.commit()).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.broken = true;
                Err(Undone::Unknown("it takes too long".to_owned()))
            }
        }
    }

    async fn run(&mut self, jobs: &mut [Entry], (claimants, afterwards): (bool, bool)) -> Result<(), Undone> {
        self.begin().await?;
        if self.tx.is_shared() {
            let run_ids = run_ids(jobs, &self.tx.known);
            let held = hold_known(&mut self.tx, run_ids).await;
            held.map_err(|error| {
                if error.passes() { self.passing(error) } else { Undone::Unwritten(Unwritten::Refused(error)) }
            })?;
        }
        let mut written = false;
        for (index, entry) in jobs.iter_mut().enumerate().filter(|(_, entry)| !entry.settled) {
            self.tx.connection.written = false;
            let done = entry.job.run(&mut self.tx).await;
            if self.tx.spoilt && !matches!(done, Done::Again | Done::Gone) {
                return Err(if self.tx.one_by_one { Undone::By(index) } else { Undone::Together });
            }
            match done {
                Done::Well => written |= self.tx.connection.written,
                Done::Refused if !self.tx.connection.written => {}
                Done::Refused | Done::Fault => return Err(Undone::By(index)),
                Done::Again => return Err(Undone::Passing(self.tx.contended())),
                Done::Gone => return Err(self.passing(self.away("the connection was lost"))),
            }
        }
        self.tx.connection.written = written;
        let mut outcome = Ok(());
        if afterwards {
            outcome = start_queued(&mut self.tx).await;
            if outcome.is_ok() {
                outcome = let_in(&mut self.tx).await;
            }
            if outcome.is_ok() && (claimants || !self.tx.effects.ready.is_empty()) {
                outcome = self.waiting.serve(&mut self.tx).await;
            }
        }
        if outcome.is_ok() && self.tx.spoilt {
            outcome = Err(Error::Conflict { what: "a row".to_owned() });
        }
        if outcome.is_ok() {
            outcome = self.tx.flush().await;
        }
        match outcome {
            Ok(()) => Ok(()),
            Err(error) if error.passes() => Err(self.passing(error)),
            Err(_) if !self.tx.one_by_one => Err(Undone::Together),
            Err(error) => Err(Undone::Afterwards(error)),
        }
    }

    async fn begin(&mut self) -> Result<(), Undone> {
        if self.broken {
            self.tx.connection = self.database.connect().await.map_err(Undone::Passing)?;
            self.tx.known.forget_all();
            self.broken = false;
        }
        self.tx.start_over();
        match self.tx.connection.begin(self.with_time).await {
            Ok(time) => {
                self.tx.database_time = time;
                Ok(())
            }
            Err(error) if error.passes() => Err(self.passing(error)),
            Err(error) => Err(Undone::Unwritten(Unwritten::Refused(error))),
        }
    }

    async fn commit(&mut self) -> Result<(), Undone> {
        let shared = self.tx.is_shared();
        if shared && !self.tx.connection.written {
            // Nothing was written: nothing has to be made durable. Revisions that were raised are as before.
            self.tx.known.release();
            let ended = self.tx.connection.script("ROLLBACK").await;
            return ended.map_err(|error| self.passing(error));
        }
        let number = self.number + 1;
        let mark = format!("UPDATE commit_mark SET number = {number} WHERE writer_id = '{}'", self.writer_id);
        crossing!("cp02.before");
        let committed = self.tx.connection.commit(&mark).await;
        crossing!("cp02.after");
        match committed {
            Ok(()) => {
                self.number = number;
                Ok(())
            }
            Err(Error::Full) => Err(Undone::Unwritten(Unwritten::Refused(Error::Full))),
            Err(Error::Away { detail, .. }) => {
                self.broken = true;
                Err(Undone::Unknown(detail))
            }
            Err(error @ Error::Contended { .. }) => Err(Undone::Passing(error)),
            Err(Error::Database(source)) if shared => {
                Err(Undone::Unwritten(Unwritten::Refused(Error::Database(source))))
            }
            Err(Error::Database(source)) => Err(Undone::Unwritten(Unwritten::NotDurable(source.to_string()))),
            Err(other) => Err(Undone::Unwritten(Unwritten::NotDurable(other.to_string()))),
        }
    }

    fn passing(&mut self, error: Error) -> Undone {
        self.broken |= self.tx.is_shared() && matches!(error, Error::Away { .. });
        Undone::Passing(error)
    }

    fn away(&self, detail: &str) -> Error {
        Error::Away { database: self.database.name(), detail: detail.to_owned() }
    }

    async fn undo(&mut self) {
        self.waiting.forget_served();
        self.tx.known.undo();
        // The engine may have rolled back by itself already; a connection that cannot is not to be used again.
        if !self.broken && self.tx.connection.script("ROLLBACK").await.is_err() {
            self.broken = self.tx.is_shared();
        }
    }

    async fn pause(&self, tries: u32) {
        let longest = PAUSE * 2_u32.pow(tries - 1);
        tokio::time::sleep(longest.mul_f64(self.tx.sources.uniform())).await;
    }

    /// Whether the commit that was interrupted was made: then what it gave out stands, otherwise it is undone.
    async fn settle_interrupted(&mut self) -> Result<bool, Unwritten> {
        let made = self.was_committed().await;
        if matches!(made, Ok(true)) {
            self.tx.known.forget_all();
            return Ok(true);
        }
        self.undo().await;
        made.map_err(|error| {
            // Its number may have been used: the next commit must not be taken for it.
            self.number += 1;
            Unwritten::Refused(error)
        })
    }

    /// Whether the commit that was interrupted was made. The row is locked: a commit still under way is waited for.
    async fn was_committed(&mut self) -> Result<bool, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.read_mark().await {
                Ok(number) => {
                    let made = number == self.number + 1;
                    self.number = number;
                    return Ok(made);
                }
                Err(error) if error.passes() && tries < SETTLING_TRIES => tokio::time::sleep(SETTLING_PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }

    async fn read_mark(&mut self) -> Result<i64, Error> {
        let mut connection = self.database.connect().await?;
        let number = query("SELECT number FROM commit_mark WHERE writer_id = $1 FOR UPDATE")
            .bind(&self.writer_id)
            .fetch_scalar(&mut connection)
            .await?;
        self.tx.connection = connection;
        self.broken = false;
        Ok(number)
    }

    /// Folds SQLite's log into the file.
    pub(crate) async fn checkpoint(&mut self) {
        if let Err(error) = self.tx.connection.script("PRAGMA wal_checkpoint(TRUNCATE)").await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the write-ahead log could not be folded in");
        }
    }

    pub(crate) async fn close(mut self) {
        crossing!("cp23.before");
        if !self.tx.is_shared() {
            self.checkpoint().await;
        }
        crossing!("cp23.after");
        if let Err(error) = self.tx.connection.close().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the state database did not close cleanly");
        }
    }
}

/// The runs that the commands are about, as far as that is known.
fn run_ids(jobs: &[Entry], known: &Known) -> BTreeSet<String> {
    let jobs = jobs.iter().filter(|entry| !entry.settled);
    jobs.filter_map(|entry| entry.job.run_id(known).map(str::to_owned)).collect()
}

impl Unwritten {
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Refused(Error::Full) => Error::Full,
            Self::Refused(Error::Away { database, detail }) => {
                Error::Away { database: database.clone(), detail: detail.clone() }
            }
            Self::Refused(Error::Contended { database }) => Error::Contended { database: database.clone() },
            Self::Refused(error) => Error::NotDurable(error.to_string()),
            Self::NotDurable(detail) => Error::NotDurable(detail.clone()),
        }
    }

    /// Why the database cannot be used, if that is why.
    pub(crate) fn away(&self) -> Option<String> {
        match self {
            Self::Refused(error @ Error::Away { .. }) => Some(error.to_string()),
            Self::Refused(_) | Self::NotDurable(_) => None,
        }
    }
}
