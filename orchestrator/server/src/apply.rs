//! The one path every event takes: a worker's call becomes an event of `daybreak_core`, its decision becomes rows in one
//! transaction, and only then is anybody answered. Must never decide what follows from an event. To add an event: a
//! method here, a command in `daybreak-store`, an arm in `core::advance`.

use std::path::PathBuf;
use std::time::Duration;

use daybreak_core::{AttemptEnd, Failure, Takes, WorkerIdentity, too_large};
use daybreak_protocol::{
    AssignedItem, Assignment, Error, Leave, MintPublication, Outcome, Poll, Register, Registration, Report, accepted,
};
use daybreak_store::{Claim, ClaimedTask, NewWorker, ReportedEnd};

use crate::Server;
use crate::error::of_store;
use crate::sweeper::micros;

/// Longest time a poll is held, and shortest: an answer takes a commit.
const LONGEST_POLL_MS: u64 = 20_000;
const SHORTEST_POLL_MS: u64 = 100;

/// Pause before a poll is answered while the server drains, so that nobody spins.
pub(crate) const DRAINING_PAUSE: Duration = Duration::from_millis(500);

impl Server {
    /// Takes up a worker. `server_id`: the process whose end is its end, none for a process of its own.
    pub(crate) async fn apply_register(
        &self,
        request: Register,
        server_id: Option<String>,
    ) -> Result<Registration, Error> {
        if let Err(why) = accepted(request.protocol, &request.version) {
            tracing::warn!(worker = request.label, "a worker was refused: {why}");
            return Err(Error::OtherProtocol(why));
        }
        let worker = NewWorker {
            label: request.label,
            version: request.version,
            host: request.host,
            takes: Takes { queues: request.queues.map(|queues| queues.into_iter().collect()), labels: request.labels },
            slots: (request.light_slots, request.heavy_slots),
            server_id,
            lease_us: micros(self.timings.lease),
        };
        let WorkerIdentity { id, epoch } = self.store.register(worker).await.map_err(of_store)?;
        let milliseconds = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Ok(Registration {
            worker_id: id,
            epoch,
            lease_ms: milliseconds(self.timings.lease),
            heartbeat_ms: milliseconds(self.timings.heartbeat),
        })
    }

    /// Lets a worker go that has ended.
    pub(crate) async fn apply_leave(&self, leave: Leave) -> Result<(), Error> {
        let worker = WorkerIdentity { id: leave.worker_id, epoch: leave.epoch };
        self.store.leave(worker).await.map_err(of_store)
    }

    /// Holds the poll until the commit that makes work for it, or until its time is over.
    pub(crate) async fn apply_poll(&self, poll: Poll) -> Result<Vec<Assignment>, Error> {
        let wait = Duration::from_millis(poll.wait_ms.clamp(SHORTEST_POLL_MS, LONGEST_POLL_MS));
        let mut draining = self.draining.subscribe();
        if *draining.borrow() {
            tokio::time::sleep(wait.min(DRAINING_PAUSE)).await;
            return Ok(Vec::new());
        }
        let claim = Claim {
            worker: WorkerIdentity { id: poll.worker_id, epoch: poll.epoch },
            free_light: poll.free_light,
            free_heavy: poll.free_heavy,
        };
        tokio::select! {
            // What was given in the same instant is taken rather than handed back.
            biased;
            claimed = self.store.claim(claim) => {
                let claimed = claimed.map_err(of_store)?;
                Ok(claimed.into_iter().map(|task| self.assignment(task)).collect())
            }
            _ = draining.wait_for(|draining| *draining) => Ok(Vec::new()),
            () = tokio::time::sleep(wait) => Ok(Vec::new()),
        }
    }

    fn assignment(&self, task: ClaimedTask) -> Assignment {
        let token = self.tokens.mint(&task.task_run_id, task.fence);
        Assignment {
            task_run_id: task.task_run_id,
            fence: task.fence,
            attempt: task.attempt,
            run_id: task.run_id,
            dag: task.dag,
            task: task.task,
            kind: task.kind,
            project_hash: task.version,
            project_root: PathBuf::from(task.root),
            scheduled_for: task.scheduled_for,
            window_start: task.window_start,
            window_end: task.window_end,
            params: task.params,
            outputs: task.outputs,
            without_outputs: task.without_outputs,
            item: task.item.map(|(value, index)| AssignedItem { value, index }),
            timeout_ms: task.timeout_us.map(|timeout| timeout.unsigned_abs().div_ceil(1_000)),
            token,
            waiting_since: task.waiting_since,
        }
    }

    /// Ends an attempt. A success that cannot be committed for what it says becomes a failure of the task.
    pub(crate) async fn apply_report(&self, report: Report) -> Result<(), Error> {
        let Report { task_run_id, fence, outcome, busy_us, start_us } = report;
        let times = (signed(busy_us), signed(start_us));
        let end = match outcome {
            Outcome::Deferred(wait) => self.waiting_end(&task_run_id, *wait).await?,
            ended => reported_end(ended),
        };
        let succeeded = matches!(end, ReportedEnd::Succeeded(_) | ReportedEnd::MadeRun { .. });
        match self.store.report(task_run_id.clone(), fence, end, times).await {
            Err(daybreak_store::Error::Refused(why)) if succeeded => {
                let reason = format!("its result was refused: {why}");
                self.store.report(task_run_id, fence, lasting_failure("bad_result", reason), times).await
            }
            outcome => outcome,
        }
        .map_err(of_store)
    }

    /// Mints a publication number under the fence.
    pub(crate) async fn apply_mint(&self, request: MintPublication) -> Result<i64, Error> {
        self.store.mint_publication(request).await.map_err(of_store)
    }
}

fn reported_end(outcome: Outcome) -> ReportedEnd {
    match outcome {
        Outcome::Succeeded(result) => {
            if let Some(why) = too_large(&result.outputs) {
                return lasting_failure("bad_result", format!("its outputs {why}"));
            }
            ReportedEnd::Succeeded(result)
        }
        Outcome::Failed { reason, cause, retry } => {
            ReportedEnd::Other(AttemptEnd::Failed { failure: Failure { cause, reason }, retry })
        }
        Outcome::Cancelled => ReportedEnd::Other(AttemptEnd::Cancelled),
        Outcome::HandedBack => ReportedEnd::Other(AttemptEnd::HandedBack),
        Outcome::Deferred(wait) => ReportedEnd::Other(AttemptEnd::Deferred(*wait)),
    }
}

pub(crate) fn lasting_failure(cause: &str, reason: String) -> ReportedEnd {
    let failure = Failure { cause: cause.to_owned(), reason };
    ReportedEnd::Other(AttemptEnd::Failed { failure, retry: false })
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}
