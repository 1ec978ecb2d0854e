//! The lease loop: registers, sends heartbeats, asks for work and hands each task to its attempt. It knows no kinds, and
//! keeps on disk only reports that nobody has taken yet; the server decides, and every word to it carries a fence or the worker's epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use daybreak_artifacts::Artifacts;
use daybreak_failpoints::crossing;
use daybreak_protocol::{Assignment, Cancellations, Error, Heartbeat, Held, Leave, Orchestrator, Poll, Registration};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::Instrument as _;

use crate::held::{HeldTasks, Stop};
use crate::lease::{Lease, MARGIN};
use crate::prepared::Spare;
use crate::project::ProjectCache;
use crate::spool::Spool;
use crate::{Registry, WorkerConfig, attempt};

const LONGEST_POLL_MS: u64 = 20_000;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the lease is looked at.
const LEASE_TICK: Duration = Duration::from_millis(250);
/// Beyond the grace: what ended tasks may take until their reports are in.
const LAST_REPORTS: Duration = Duration::from_secs(10);
/// How long the server may take to hear that it has ended.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Runs tasks for a server.
pub struct Worker {
    pub(crate) config: WorkerConfig,
    pub(crate) orchestrator: Arc<dyn Orchestrator>,
    pub(crate) artifacts: Artifacts,
    pub(crate) registry: Arc<Registry>,
    pub(crate) projects: ProjectCache,
    /// The process that waits for the next heavy task.
    pub(crate) spare: Spare,
    pub(crate) spool: Spool,
    held: HeldTasks,
    light: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
    origin: Instant,
    /// It takes no more work; every heartbeat says so.
    draining: AtomicBool,
    /// A heartbeat is due at once.
    news: Notify,
}

/// The two kinds of slots. Each has its own poll, so that a long wait for one never delays the other.
#[derive(Clone, Copy, Debug)]
enum Class {
    Light,
    Heavy,
}

/// One registration.
struct Session {
    registration: Registration,
    lease: Lease,
}

impl Worker {
    /// Runs tasks until `shutdown` says true or its sender is dropped; then running tasks may go on for
    /// `config.drain`, are handed back after that, and this returns when their ends have been reported.
    ///
    /// # Errors
    /// When the server does not take the worker, for its token or its protocol: trying again cannot help.
    pub async fn run(
        config: WorkerConfig,
        orchestrator: Arc<dyn Orchestrator>,
        artifacts: Artifacts,
        registry: Arc<Registry>,
        mut shutdown: watch::Receiver<bool>,
    ) -> Result<(), Error> {
        let worker = Arc::new(Self {
            light: Arc::new(Semaphore::new(config.light_slots as usize)),
            heavy: Arc::new(Semaphore::new(config.heavy_slots as usize)),
            projects: ProjectCache::default(),
            spare: Spare::default(),
            spool: Spool::open(config.spool.clone()),
            held: HeldTasks::default(),
            origin: Instant::now(),
            draining: AtomicBool::new(false),
            news: Notify::new(),
            config,
            orchestrator,
            artifacts,
            registry,
        });
        let telling = worker.clone();
        tokio::spawn(async move { attempt::tell_left(&telling).await });
        loop {
            let session = tokio::select! {
                session = worker.register() => Arc::new(session?),
                () = told(&mut shutdown) => return Ok(()),
            };
            let mut alive = JoinSet::new();
            alive.spawn(worker.clone().heartbeats(session.clone()));
            alive.spawn(worker.clone().cancellations(session.clone()));
            alive.spawn(worker.clone().guard_lease(session.clone()));
            let mut asking = JoinSet::new();
            asking.spawn(worker.clone().ask_for_work(session.clone(), Class::Light));
            asking.spawn(worker.clone().ask_for_work(session.clone(), Class::Heavy));
            tokio::select! {
                _ = alive.join_next() => {}
                _ = asking.join_next() => {}
                () = told(&mut shutdown) => {
                    worker.draining.store(true, Ordering::Relaxed);
                    worker.news.notify_one();
                    asking.shutdown().await;
                    worker.drain().await;
                    crossing!("cp24.after");
                    alive.shutdown().await;
                    worker.leave(&session).await;
                    return Ok(());
                }
            }
            tracing::warn!("the server has given this worker up: everything it ran is ended, then it registers again");
            worker.held.stop_all(Stop::Revoked);
        }
    }

    async fn register(&self) -> Result<Session, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = Lease::now(self.origin);
            let request = self.config.registration();
            match self.orchestrator.register(request).await {
                Ok(registration) => {
                    let lease = Lease::new(Duration::from_millis(registration.lease_ms), self.origin, sent);
                    return Ok(Session { registration, lease });
                }
                Err(error @ (Error::OtherProtocol(_) | Error::Refused(_) | Error::Invalid { .. })) => {
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!(%error, "the worker could not register: trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Says "I live, and hold these" until the server no longer knows this worker.
    async fn heartbeats(self: Arc<Self>, session: Arc<Session>) {
        let every = Duration::from_millis(session.registration.heartbeat_ms.max(1));
        loop {
            let sent = Lease::now(self.origin);
            let beat = Heartbeat {
                worker_id: session.registration.worker_id.clone(),
                epoch: session.registration.epoch,
                held: self.held.list(),
                draining: self.draining.load(Ordering::Relaxed),
            };
            // A beat that takes longer than its interval is lost; the next one may get through.
            match timeout(every, self.orchestrator.heartbeat(beat)).await {
                Ok(Ok(reply)) => {
                    session.lease.renew(sent);
                    reply.cancel.iter().for_each(|held| self.held.stop(held, Stop::Cancelled));
                    reply.revoked.iter().for_each(|held| self.held.stop(held, Stop::Revoked));
                }
                Ok(Err(Error::ReRegister)) => return,
                // Its token is good no more, or never will be again: registering tells.
                Ok(Err(Error::Refused(_) | Error::OtherProtocol(_))) => return,
                Ok(Err(error)) => tracing::warn!(%error, "a heartbeat was not taken"),
                Err(_) => tracing::warn!("a heartbeat was not answered in time"),
            }
            let rest = every.saturating_sub(Lease::now(self.origin).saturating_sub(sent));
            // Nothing to say early: the next one is in time.
            let _ = timeout(rest, self.news.notified()).await;
        }
    }

    /// Waits for cancellations, so that none has to wait for the next heartbeat. Never ends by itself: whether the
    /// server still knows this worker is for the heartbeats to find out.
    async fn cancellations(self: Arc<Self>, session: Arc<Session>) {
        let Registration { worker_id, epoch, .. } = session.registration.clone();
        let (mut known, mut pause) = (Vec::new(), FIRST_PAUSE);
        loop {
            let (worker_id, known_now) = (worker_id.clone(), known.clone());
            let request = Cancellations { worker_id, epoch, known: known_now, wait_ms: LONGEST_POLL_MS };
            match self.orchestrator.cancellations(request).await {
                Ok(cancelled) => {
                    cancelled.iter().for_each(|held| self.held.stop(held, Stop::Cancelled));
                    (known, pause) = (cancelled, FIRST_PAUSE);
                }
                Err(error) => {
                    tracing::debug!(%error, "cancellations come with the heartbeats for a while");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Once the lease is over somebody else may run what is held here. What acts on the world outside is ended then;
    /// the rest may finish, and the fence decides.
    async fn guard_lease(self: Arc<Self>, session: Arc<Session>) {
        loop {
            sleep(LEASE_TICK).await;
            if session.lease.left().is_zero() {
                self.held.stop_acting_outside();
            }
        }
    }

    /// Asks for tasks of one class whenever a slot is free, until the server no longer knows this worker.
    async fn ask_for_work(self: Arc<Self>, session: Arc<Session>, class: Class) {
        let slots = match class {
            Class::Light => &self.light,
            Class::Heavy => &self.heavy,
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let first = slots.clone().acquire_owned().await.expect("the slots are never closed");
            while session.lease.left() < MARGIN {
                sleep(LEASE_TICK).await;
            }
            // Only this loop takes slots of its class, so what is free now stays free.
            let free = 1 + u32::try_from(slots.available_permits()).unwrap_or(0);
            match self.orchestrator.poll(session.poll(class, free)).await {
                Ok(assignments) => {
                    pause = FIRST_PAUSE;
                    let mut permits = std::iter::once(first);
                    for assignment in assignments {
                        let permit = permits.next().or_else(|| slots.clone().try_acquire_owned().ok());
                        self.begin(assignment, permit);
                    }
                }
                Err(Error::ReRegister) => return,
                Err(error) => {
                    tracing::warn!(%error, "no work could be asked for: trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Starts an attempt. Without a slot (the server gave more than was asked for) it is handed back by not holding it.
    fn begin(self: &Arc<Self>, mut assignment: Assignment, permit: Option<OwnedSemaphorePermit>) {
        crossing!("cp04.before");
        if let Some(root) = &self.config.project_root {
            assignment.project_root.clone_from(root);
        }
        let Some(permit) = permit else {
            tracing::warn!(task.name = %assignment.task, "the server gave more tasks than there are slots");
            return;
        };
        let acts_outside = self.registry.get(&assignment.kind).is_some_and(|kind| kind.definition().side_effects);
        let held = Held { task_run_id: assignment.task_run_id.clone(), fence: assignment.fence };
        let (worker, hold) = (self.clone(), self.held.take(held, acts_outside));
        let span = tracing::info_span!(
            "attempt",
            run.id = assignment.run_id,
            dag.name = %assignment.dag,
            task.name = %assignment.task,
            task.kind = assignment.kind,
            attempt = assignment.attempt,
        );
        let running = async move { attempt::run(&worker, assignment, hold, permit).await };
        tokio::spawn(running.instrument(span));
    }

    /// Says that it is gone; a server that does not hear it finds out when the lease is over.
    async fn leave(&self, session: &Session) {
        if !self.held.list().is_empty() {
            // What is kept on the disk may still count.
            return;
        }
        let Registration { worker_id, epoch, .. } = session.registration.clone();
        match timeout(LAST_WORD, self.orchestrator.leave(Leave { worker_id, epoch })).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the server was not told that this worker has ended"),
            Err(_) => tracing::warn!("the server was not told in time that this worker has ended"),
        }
    }

    /// Lets running tasks finish for a while, then ends them and hands them back.
    async fn drain(&self) {
        crossing!("cp24.before");
        self.spare.clear();
        if timeout(self.config.drain, self.held.none_runs()).await.is_err() {
            self.held.stop_all(Stop::Draining);
            let patience = self.config.limits.grace + LAST_REPORTS;
            if timeout(patience, self.held.none_runs()).await.is_err() {
                tracing::warn!("tasks are still ending while the worker leaves: their shims see to them");
                return;
            }
        }
        if timeout(LAST_REPORTS, self.held.none_left()).await.is_err() {
            tracing::warn!("the server is away: what is on the disk is told when this worker starts again");
        }
    }
}

impl Session {
    fn poll(&self, class: Class, free: u32) -> Poll {
        let (free_light, free_heavy) = match class {
            Class::Light => (free, 0),
            Class::Heavy => (0, free),
        };
        let Registration { worker_id, epoch, .. } = self.registration.clone();
        Poll { worker_id, epoch, free_light, free_heavy, wait_ms: LONGEST_POLL_MS }
    }
}

/// Waits for the word to stop.
async fn told(shutdown: &mut watch::Receiver<bool>) {
    // A dropped sender means that nobody can say it any more: the binary is leaving.
    let _ = shutdown.wait_for(|stop| *stop).await;
}
