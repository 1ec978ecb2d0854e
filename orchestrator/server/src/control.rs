//! What people do to runs by hand, why a task is not running, and what was done. The store decides and audits in one
//! transaction; here it is put into the words of whoever asked.

use daybreak_core::{Mark, too_large, why, why_run};
use daybreak_protocol::{
    AuditList, AuditQuery, CancelRequest, ClearRequest, DecisionRequest, DecisionWord, MarkRequest, MarkWord, Marked,
    RerunRequest, RunAgain, RunWhy, TaskWhy,
};
use daybreak_spec::Name;
use daybreak_store::{Again, Caller, DecideTask, Decision, MarkTask, NewRun, RunLatest, RunTemplate};

use crate::origin::Origin;
use crate::{Error, Server};

impl Server {
    /// Asks for the end of a run.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] when it has ended or is being cancelled already.
    pub async fn cancel(&self, run_id: &str, request: CancelRequest, from: &Origin) -> Result<(), Error> {
        let reason = request.reason.unwrap_or_else(|| "somebody asked for its end".to_owned());
        Ok(self.store.cancel(run_id.to_owned(), reason, from.caller(request.by)).await?)
    }

    /// Has a run that has ended run again: all of it, or what failed and what needs that. A dry run says only what would.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] says why it does not apply and what to do.
    pub async fn rerun(&self, run_id: &str, request: RerunRequest, from: &Origin) -> Result<RunAgain, Error> {
        let caller = (!request.dry_run).then(|| from.caller(request.by.clone()));
        if request.latest {
            return self.run_latest(run_id, &request, caller).await;
        }
        let again = if request.from_failed { Again::FromFailed } else { Again::Everything };
        self.again(run_id, again, caller).await
    }

    /// Has a task that has ended run again, and all that needs it. A dry run says only what would.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] says why it does not apply and what to do.
    pub async fn clear(
        &self,
        run_id: &str,
        task: &Name,
        request: ClearRequest,
        from: &Origin,
    ) -> Result<RunAgain, Error> {
        let caller = (!request.dry_run).then(|| from.caller(request.by));
        self.again(run_id, Again::Task(task.clone()), caller).await
    }

    /// The same instant, window and parameters, as the version that is live declares the DAG. `caller`: none where nothing is
    /// to be done.
    async fn run_latest(
        &self,
        run_id: &str,
        request: &RerunRequest,
        caller: Option<Caller>,
    ) -> Result<RunAgain, Error> {
        if request.from_failed {
            let detail = "a new run in the live version runs from its beginning; leave out `from_failed` or `latest`";
            return Err(Error::Refused(detail.to_owned()));
        }
        let before = self.store.run(run_id).await?;
        let deployed = self.deployed()?;
        let dag = deployed.dag(before.summary.dag.as_str())?;
        let template = RunTemplate { params: dag.params(before.params)?, ..(*dag.template).clone() };
        let tasks = template.tasks.iter().map(|task| task.task.clone()).collect();
        let summary = before.summary;
        let run = NewRun { template, window_start: summary.window_start, window_end: summary.window_end };
        let (of, nominal) = (run_id.to_owned(), summary.scheduled_for);
        let run_id = match caller {
            Some(caller) => self.store.run_latest(RunLatest { of, run, nominal, caller }).await?,
            None => {
                self.store.plan_latest(run_id).await?;
                of
            }
        };
        Ok(RunAgain { run_id, version: deployed.version.clone(), version_is_current: true, tasks })
    }

    /// `caller`: none where nothing is to be done.
    async fn again(&self, run_id: &str, again: Again, caller: Option<Caller>) -> Result<RunAgain, Error> {
        let done = match caller {
            Some(caller) => self.store.rerun(run_id.to_owned(), again, caller).await?,
            None => self.store.plan_rerun(run_id.to_owned(), again).await?,
        };
        let current = self.deployed()?.version == done.version;
        Ok(RunAgain {
            run_id: run_id.to_owned(),
            version: done.version,
            version_is_current: current,
            tasks: done.tasks,
        })
    }

    /// Says how a task that has not ended ends. A worker that runs it is told to end it, and its word counts no more.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] when it has ended, or for outputs that it cannot have.
    pub async fn mark(&self, run_id: &str, task: &Name, request: MarkRequest, from: &Origin) -> Result<Marked, Error> {
        let caller = from.caller(request.by);
        let said = format!("marked by {caller}: {}", request.reason);
        let mark = match request.state {
            MarkWord::Succeeded => {
                if let Some(why) = too_large(&request.outputs) {
                    return Err(Error::Refused(format!("the outputs {why}")));
                }
                Mark::Succeeded { outputs: request.outputs }
            }
            MarkWord::Failed | MarkWord::Skipped if !request.outputs.is_empty() => {
                let detail = "only a task that is marked `succeeded` hands on outputs; leave them out";
                return Err(Error::Refused(detail.to_owned()));
            }
            MarkWord::Failed => Mark::Failed { reason: said },
            MarkWord::Skipped => Mark::Skipped { reason: said },
        };
        let (run_id, task) = (run_id.to_owned(), task.clone());
        let was = self.store.mark(MarkTask { run_id, task, mark, reason: request.reason, caller }).await?;
        Ok(Marked { was, state: request.state })
    }

    /// Takes somebody's decision on a task that waits for approval.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::NotNow`] when it does not wait for a decision, or waits again since.
    pub async fn decide(
        &self,
        run_id: &str,
        task: &Name,
        request: DecisionRequest,
        from: &Origin,
    ) -> Result<(), Error> {
        let decision = match request.decision {
            DecisionWord::Approve => Decision::Approve,
            DecisionWord::Reject => Decision::Reject,
        };
        let (run_id, task, caller) = (run_id.to_owned(), task.clone(), from.caller(request.by));
        let decided = DecideTask { run_id, task, decision, note: request.note, fence: request.fence, caller };
        Ok(self.store.decide(decided).await?)
    }

    /// Why a run and its tasks (or one of them) are not running.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown run or task.
    pub async fn why(&self, run_id: &str, task: Option<&Name>) -> Result<RunWhy, Error> {
        let standing = self.store.standing(run_id).await?;
        let (run, around) = (&standing.run, &standing.around);
        // Ten thousand items are asked about one by one.
        let wanted = |name: &Name| task.map_or_else(|| name.item().is_none(), |task| task == name);
        let wanted = standing.tasks.iter().filter(|(name, _)| wanted(name));
        let tasks: Vec<TaskWhy> = wanted
            .filter_map(|(name, heavy)| {
                let state = run.task(name.as_str())?.1.progress.state.status();
                let mut why = why(run, name.as_str(), *heavy, around)?;
                if let Some(from) = standing.cached_from.get(name) {
                    why.words.push_str(&format!(", with the result of run {from}, which was known (`cache`)"));
                }
                Some(TaskWhy { task: name.clone(), state, why })
            })
            .collect();
        if let Some(task) = task.filter(|_| tasks.is_empty()) {
            let has: Vec<&str> = run.tasks.keys().map(Name::as_str).collect();
            let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
            return Err(Error::NotFound(format!("run {run_id} has no task `{task}`; it has {has}")));
        }
        Ok(RunWhy {
            run_id: run_id.to_owned(),
            dag: standing.dag.clone(),
            state: run.state.status(),
            run: why_run(run, around),
            tasks,
        })
    }

    /// What was done by hand, newest first.
    ///
    /// # Errors
    /// When the state does not answer.
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditList, Error> {
        Ok(self.store.audit(query).await?)
    }
}
