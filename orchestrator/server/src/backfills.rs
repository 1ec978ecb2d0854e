//! Backfills: asking for them, and the reconciler that makes their runs. A turn looks at each backfill that goes on, finds
//! its next windows and hands them to the store, which decides and writes; it is safe to run at any moment and twice. Runs
//! are made from the version that is live at that moment, as those of schedules are. Woken by runs that end and by a timer.
//! Must never look at a run's tasks.

use std::sync::Arc;
use std::time::Duration;

use daybreak_core::{Firings, RunStatus};
use daybreak_protocol::{
    BackfillChangeRequest, BackfillList, BackfillPlan, BackfillRequest, BackfillState, BackfillView, BackfillsQuery,
};
use daybreak_spec::Timestamp;
use daybreak_store::{BackfillChange, BackfillStep, GoingOn, Made, NewBackfill, Once, RunTemplate, Window, wants};
use tokio::sync::watch;

use crate::deployed::CompiledDag;
use crate::http::Asked;
use crate::origin::Origin;
use crate::requests::UnderWay;
use crate::scheduler::run_ended;
use crate::{Error, Schedules, Server};

/// Windows of one backfill in one transaction.
const MAX_PER_STEP: usize = 64;

/// Windows that one backfill may have.
const MAX_WINDOWS: u64 = 100_000;

/// The loop looks at least this often: also for backfills that another server was asked for.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What a turn over one backfill leaves.
#[derive(PartialEq, Eq)]
enum Rest {
    /// More can be done at once.
    More,
    /// Something has to happen first.
    Nothing,
}

impl Server {
    /// Makes the runs of backfills until shut down.
    pub(crate) async fn run_backfills(&self, mut shutdown: watch::Receiver<bool>) {
        let mut effects = self.store.effects();
        loop {
            let (more, some) = match self.backfill_turn().await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "backfills wait: a turn failed");
                    (false, false)
                }
            };
            let wait = if more { Duration::ZERO } else { LONGEST_WAIT };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake_backfills.notified() => {}
                () = run_ended(&mut effects), if some => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Whether more can be done at once, and whether any backfill goes on.
    async fn backfill_turn(&self) -> Result<(bool, bool), Error> {
        if self.schedules == Schedules::Resting || !self.leads() {
            return Ok((false, false));
        }
        let Ok(deployed) = self.deployed() else { return Ok((false, false)) };
        let going_on = self.store.backfills_going_on(deployed.name()).await?;
        let some = !going_on.is_empty();
        let mut more = false;
        for backfill in going_on {
            let id = backfill.id.clone();
            match deployed.dags.get(&backfill.dag) {
                Some(dag) => more |= self.step(backfill, dag).await? == Rest::More,
                None => {
                    let note = format!("DAG `{}` is declared no more: declare it again, then resume", backfill.dag);
                    self.let_be(id, BackfillState::Paused, Some(note)).await?;
                }
            }
        }
        Ok((more, some))
    }

    async fn step(&self, backfill: GoingOn, dag: &CompiledDag) -> Result<Rest, Error> {
        let room = backfill.parallel.saturating_sub(backfill.active);
        let windows = next_windows(&dag.firings, &backfill);
        if windows.is_empty() {
            if backfill.active == 0 {
                self.let_be(backfill.id, BackfillState::Finished, None).await?;
            }
            return Ok(Rest::Nothing);
        }
        if room == 0 {
            return Ok(Rest::Nothing);
        }
        let step = BackfillStep {
            template: template(dag, &backfill),
            backfill_id: backfill.id,
            cursor: backfill.cursor,
            windows,
            reprocess: backfill.reprocess,
            parallel: backfill.parallel,
            epoch: self.epoch(),
        };
        match self.store.step_backfill(step).await {
            // Windows that needed no run leave room for others.
            Ok(made) => Ok(if made < room { Rest::More } else { Rest::Nothing }),
            // It was paused meanwhile, or another server leads.
            Err(daybreak_store::Error::Conflict { .. }) => Ok(Rest::Nothing),
            Err(error) => Err(error.into()),
        }
    }

    async fn let_be(&self, backfill_id: String, to: BackfillState, note: Option<String>) -> Result<(), Error> {
        tracing::info!(backfill.id = backfill_id, "a backfill is {to}");
        match self.store.change_backfill(BackfillChange { backfill_id, to, note, caller: None }).await {
            Ok(()) | Err(daybreak_store::Error::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins a backfill; once, where `key` is given: then what was begun before is shown as it stands now.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown DAG, [`Error::Values`] for parameters that it does not take, [`Error::Refused`]
    /// for a range without windows, with too many, or that ends in the future.
    pub(crate) async fn backfill_by(
        &self,
        request: BackfillRequest,
        from: &Origin,
        key: Option<String>,
    ) -> Result<Asked<BackfillView>, Error> {
        let caller = from.caller(None);
        let under_way = key.as_ref().map(|key| UnderWay::begin(self, &caller, key));
        if matches!(under_way, Some(None)) {
            return Ok(Asked::InFlight);
        }
        let said = serde_json::to_string(&request).expect("a request always writes");
        let once = key.map(|key| Once::new(&key, &["backfill", &said]));
        let deployed = self.deployed()?;
        let dag = deployed.dag(request.dag.as_str())?;
        let range = self.range(&request)?;
        let windows = in_range(&dag.firings, range).count() as u64;
        self.require_windows(&request, windows, range)?;
        let new = NewBackfill {
            project: deployed.name().clone(),
            dag: request.dag,
            from: range.0,
            to: range.1,
            reprocess: request.reprocess,
            backwards: request.backwards,
            parallel: request.parallel.unwrap_or(BackfillRequest::PARALLEL),
            priority: request.priority.unwrap_or(BackfillRequest::PRIORITY),
            // Refused now rather than at its first run.
            params: dag.params(request.params.clone()).map(|_| request.params)?,
            windows,
            caller,
            note: request.note,
            once,
        };
        Ok(match self.store.make_backfill(new).await? {
            Made::Now(id) => {
                self.wake_backfills.notify_one();
                Asked::Made(self.store.backfill(&id).await?)
            }
            Made::Before(id) => Asked::Before(self.store.backfill(&id).await?),
            Made::OtherRequest => Asked::OtherRequest,
        })
    }

    /// What a backfill would do.
    ///
    /// # Errors
    /// As for making it.
    pub async fn plan_backfill(&self, request: BackfillRequest) -> Result<BackfillPlan, Error> {
        let deployed = self.deployed()?;
        let dag = deployed.dag(request.dag.as_str())?;
        let range = self.range(&request)?;
        dag.params(request.params.clone())?;
        let stand = self.store.newest_of_windows((deployed.name(), &request.dag), range).await?;
        let mut plan = BackfillPlan::default();
        for at in in_range(&dag.firings, range) {
            let newest = stand.get(&at).copied();
            plan.windows += 1;
            match newest {
                None | Some(RunStatus::Skipped) => plan.missing += 1,
                Some(RunStatus::Failed | RunStatus::Cancelled) => plan.failed += 1,
                Some(RunStatus::Succeeded) => plan.succeeded += 1,
                Some(RunStatus::Queued | RunStatus::Running) => plan.going_on += 1,
            }
            if wants(request.reprocess, newest) {
                plan.to_run += 1;
                plan.first = plan.first.or(Some(at));
                plan.last = Some(at);
            }
        }
        self.require_windows(&request, plan.windows, range)?;
        if request.backwards {
            (plan.first, plan.last) = (plan.last, plan.first);
        }
        Ok(plan)
    }

    fn range(&self, request: &BackfillRequest) -> Result<(Timestamp, Timestamp), Error> {
        let now = self.clock.business_now();
        let to = request.to.unwrap_or(now);
        if to > now {
            return Err(Error::Refused(format!("the range ends at {to}, which lies in the future: it is {now}")));
        }
        if to <= request.from {
            return Err(Error::Refused(format!("the range ends at {to}, not after its begin at {}", request.from)));
        }
        Ok((request.from, to))
    }

    fn require_windows(
        &self,
        request: &BackfillRequest,
        windows: u64,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        if windows == 0 {
            let dag = &request.dag;
            let detail = format!("DAG `{dag}` has no firing from {from} to {to}; `daybreak schedule {dag}` lists them");
            return Err(Error::Refused(detail));
        }
        if windows > MAX_WINDOWS {
            let detail = format!("the range has more than {MAX_WINDOWS} firings; ask for a shorter one");
            return Err(Error::Refused(detail));
        }
        Ok(())
    }

    /// Pauses, resumes or cancels a backfill.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] where that cannot follow what it does now.
    pub async fn change_backfill(
        &self,
        id: &str,
        to: BackfillState,
        request: BackfillChangeRequest,
        from: &Origin,
    ) -> Result<BackfillView, Error> {
        let caller = Some(from.caller(None));
        let change = BackfillChange { backfill_id: id.to_owned(), to, note: request.note, caller };
        self.store.change_backfill(change).await?;
        self.wake_backfills.notify_one();
        Ok(self.store.backfill(id).await?)
    }

    /// One backfill.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn one_backfill(&self, id: &str) -> Result<BackfillView, Error> {
        Ok(self.store.backfill(id).await?)
    }

    /// Backfills, newest first.
    ///
    /// # Errors
    /// When the state does not answer.
    pub async fn list_backfills(&self, query: &BackfillsQuery) -> Result<BackfillList, Error> {
        Ok(self.store.backfills(self.deployed()?.name(), query).await?)
    }
}

/// Firings of a range, oldest first; one more than a backfill may have where there are more.
fn in_range(firings: &Firings, (from, to): (Timestamp, Timestamp)) -> impl Iterator<Item = Timestamp> {
    let first = firings.next_after(from.plus_micros(-1));
    let all = std::iter::successors(first, |at| firings.next_after(*at));
    all.take_while(move |at| *at < to).take(usize::try_from(MAX_WINDOWS + 1).unwrap_or(usize::MAX))
}

/// The windows after its cursor, in its order.
fn next_windows(firings: &Firings, backfill: &GoingOn) -> Vec<Window> {
    let next = |at: Timestamp| match backfill.backwards {
        false => firings.next_after(at).filter(|at| *at < backfill.to),
        true => firings.previous_before(at).filter(|at| *at >= backfill.from),
    };
    let instants = std::iter::successors(next(backfill.cursor), |at| next(*at)).take(MAX_PER_STEP);
    instants.map(|at| Window { at, start: firings.previous_before(at) }).collect()
}

/// What its runs are made from: the DAG as it is live, with the backfill's own parameters and priority.
fn template(dag: &CompiledDag, backfill: &GoingOn) -> Arc<RunTemplate> {
    let mut template = (*dag.template).clone();
    template.params.extend(backfill.params.clone());
    for task in &mut template.tasks {
        task.priority = task.priority.saturating_add(backfill.priority);
    }
    Arc::new(template)
}
