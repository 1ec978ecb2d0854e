//! The store itself: opening the database, and one method per write. Reads are in `reads/`. To add a write: a `Command`
//! in the file of its subject, a method here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use daybreak_core::WorkerIdentity;
use daybreak_protocol::MintPublication;
use daybreak_spec::Timestamp;
use futures::TryFutureExt;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::attempts::{Mint, Report};
use crate::claims::{Waiting, WaitingClaim};
use crate::clock::SetClock;
use crate::effects::Effects;
use crate::error::why_not_opened;
use crate::runs::Cancel;
use crate::workers::{Beat, Lead, Revoke, TakeOver};
use crate::writer::{Command, Message, Tx, Typed, Writer};
use crate::{
    Claim, ClaimedTask, Deployment, Effect, Error, Fire, Fired, HeldByWorker, NewRun, NewWorker, ReportedEnd, Sources,
    Sweep, Swept,
};

/// SQLite 3.7.0 to 3.51.2 can corrupt a database when its log is reset (<https://www.sqlite.org/wal.html#walreset>).
const OLDEST_SQLITE: [u32; 3] = [3, 51, 3];

const READERS: u32 = 4;

/// Effects that a subscriber may fall behind by before it has to read the truth instead.
const EFFECTS: usize = 4096;

/// How to open the store.
pub struct Options {
    /// The database file.
    pub path: PathBuf,
    /// Time, chance and identities.
    pub sources: Sources,
    /// Called when a commit could not be made durable. Has to end the process: what the database says after an fsync
    /// error cannot be trusted.
    pub on_fatal: Arc<dyn Fn(&str) + Send + Sync>,
}

/// A handle on the state; clones share the writer.
#[derive(Clone)]
pub struct Store {
    writer: mpsc::UnboundedSender<Message>,
    effects: broadcast::Sender<Effect>,
    pub(crate) readers: SqlitePool,
    sources: Sources,
}

impl Store {
    /// Opens the database, makes it if it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Open`] says what is wrong with the file and what to do.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let Options { path, sources, on_fatal } = options;
        let opening = |detail: String| Error::Open { path: path.clone(), detail };
        let connect = connect_options(&path);
        let mut connection = connect.connect().await.map_err(|error| opening(why_not_opened(&error)))?;
        require_version(&mut connection).await.map_err(opening)?;
        migrate(&mut connection).await.map_err(opening)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(connect.pragma("query_only", "1"))
            .await
            .map_err(|error| opening(error.to_string()))?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let (effects, _) = broadcast::channel(EFFECTS);
        let tx = Tx { connection, sources: sources.clone(), effects: Effects::default() };
        let writer = Writer { tx, receiver, effects: effects.clone(), on_fatal, waiting: Waiting::default() };
        tokio::spawn(writer.run());
        Ok(Self { writer: sender, effects, readers, sources })
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

    /// Real time as rows have it.
    pub fn now(&self) -> Timestamp {
        self.sources.now()
    }

    async fn write<C: Command>(&self, command: C) -> Result<C::Reply, Error> {
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

    /// Makes the runs of due firings and moves the schedule's cursor, together.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the cursor or the leadership moved meanwhile.
    pub async fn fire(&self, fire: Fire) -> Result<Fired, Error> {
        self.write(fire).await
    }

    /// Asks for a run's end.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has ended or is being cancelled already.
    pub async fn cancel(&self, run_id: String, reason: String) -> Result<(), Error> {
        self.write(Cancel { run_id, reason }).await
    }

    /// Takes up a worker.
    pub async fn register(&self, worker: NewWorker) -> Result<WorkerIdentity, Error> {
        self.write(worker).await
    }

    /// Renews a lease; what the rows give the worker.
    pub async fn beat(&self, worker: WorkerIdentity, lease_us: i64) -> Result<Vec<HeldByWorker>, Error> {
        self.write(Beat { worker, lease_us }).await
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
        self.writer.send(Message::Claim(WaitingClaim { claim, reply })).map_err(|_| Error::Closed)?;
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
        self.write(Report { task_run_id, fence, end, busy_us, start_us }).await
    }

    /// Mints the next publication number of a view.
    pub async fn mint_publication(&self, request: MintPublication) -> Result<i64, Error> {
        self.write(Mint(request)).await
    }

    /// Takes over from earlier server processes; the number of tasks that were running under them.
    pub async fn take_over(&self, server_id: String) -> Result<u32, Error> {
        self.write(TakeOver { server_id }).await
    }

    /// Takes the leadership; its new epoch.
    pub async fn lead(&self, holder: String) -> Result<i64, Error> {
        self.write(Lead { holder }).await
    }

    /// Deals with what real time has brought about.
    pub async fn sweep(&self, sweep: Sweep) -> Result<Swept, Error> {
        self.write(sweep).await
    }

    /// Sets simulated business time. It never goes back.
    pub async fn set_clock(&self, at: Timestamp) -> Result<Timestamp, Error> {
        self.write(SetClock(at)).await
    }
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("journal_size_limit", "67108864")
        .pragma("wal_autocheckpoint", "4000")
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

async fn require_version(connection: &mut SqliteConnection) -> Result<(), String> {
    let version: String =
        sqlx::query_scalar("SELECT sqlite_version()").fetch_one(connection).await.map_err(|error| error.to_string())?;
    let parts: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if parts.as_slice() >= OLDEST_SQLITE.as_slice() {
        return Ok(());
    }
    Err(format!("SQLite {version} can lose data (WAL reset); build with the bundled 3.51.3 or newer"))
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), String> {
    match crate::migrations::migrator().run_direct(None, connection, false).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(version)) => Err(format!(
            "its schema (version {version}) is newer than this binary knows; run the newer binary, or restore a backup"
        )),
        Err(MigrateError::VersionMismatch(version)) => {
            Err(format!("migration {version} differs from the one that was applied; restore a backup"))
        }
        Err(error) => Err(error.to_string()),
    }
}
