//! What follows from what has happened: DAGs that run after others or when data was updated, and alerts. A reconciler over the
//! rows of the outbox: reads some, finds what the live version makes of them, and hands both to the store, which takes the
//! rows away and makes the runs in one transaction; safe to run at any moment and twice. Woken by commits that announce
//! something and by a timer. To add something that follows: an arm in [`Follower::of`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use daybreak_core::{Data, RunStatus, follows, told_of_end};
use daybreak_protocol::Trigger;
use daybreak_spec::{Alert, AlertEvent, Name, Timestamp};
use daybreak_store::{Effect, FollowUp, FollowingRun, Happened, Happening, HeardRun, SeenUpdate, Settle};
use serde_json::{Map, Value as Json};
use tokio::sync::{broadcast, watch};

use crate::deployed::{CompiledDag, Deployed};
use crate::{Error, Schedules, Server};

/// The loop looks at least this often: also for what another server has announced.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Most letters of a reason that an alert hands on.
const MAX_REASON: usize = 4_000;

impl Server {
    /// Makes what follows from what happens until shut down.
    pub(crate) async fn run_outbox(&self, mut shutdown: watch::Receiver<bool>) {
        let mut effects = self.store.effects();
        loop {
            let wait = match self.settle_outbox().await {
                Ok(true) => Duration::ZERO,
                Ok(false) => LONGEST_WAIT,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "what follows from ends and updates waits"
                    );
                    LONGEST_WAIT
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = announced(&mut effects) => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// One turn. Returns whether there may be more.
    async fn settle_outbox(&self) -> Result<bool, Error> {
        if self.schedules == Schedules::Resting || !self.leads() {
            return Ok(false);
        }
        let Ok(deployed) = self.deployed() else { return Ok(false) };
        let happenings = self.store.happenings(deployed.name()).await?;
        if happenings.is_empty() {
            return Ok(false);
        }
        let follower = Follower { deployed: &deployed, told_retries: BTreeSet::new(), business_of: self.business_of() };
        let settle = Settle {
            happenings: happenings.iter().map(|happening| happening.id.clone()).collect(),
            follow_ups: follower.all(&happenings),
            epoch: self.epoch(),
        };
        match self.store.settle(settle).await {
            Ok(made) => {
                if !made.is_empty() {
                    tracing::info!(runs = made.len(), happenings = happenings.len(), "runs were made by what happened");
                }
                Ok(true)
            }
            // Another server was quicker, or leads.
            Err(daybreak_store::Error::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// From an instant of real time to that of business time at which it was: the same unless time is simulated.
    fn business_of(&self) -> Box<dyn Fn(Timestamp) -> Timestamp + Send + '_> {
        let simulated = self.clock.is_simulated().then(|| self.clock.business_now());
        Box::new(move |real| simulated.unwrap_or(real))
    }
}

/// What the live version makes of happenings.
struct Follower<'a> {
    deployed: &'a Deployed,
    /// Tasks whose retry has been told in this turn: the items of a list fail together.
    told_retries: BTreeSet<(String, Name, Name)>,
    business_of: Box<dyn Fn(Timestamp) -> Timestamp + Send + 'a>,
}

impl Follower<'_> {
    fn all(mut self, happenings: &[Happening]) -> Vec<FollowUp> {
        happenings.iter().flat_map(|happening| self.of(happening)).collect()
    }

    fn of(&mut self, happening: &Happening) -> Vec<FollowUp> {
        let seen_at = (self.business_of)(happening.at);
        match &happening.what {
            Happened::RunEnded { run, state, overdue, reason } => {
                let mut found = self.alerts(run, |alert| told_of_end(alert, *state, *overdue), (None, reason));
                found.extend(self.after(run, *state));
                found
            }
            Happened::TaskRetried { run, task, reason } => {
                let told = &mut self.told_retries;
                let first = told.insert((run.id.clone(), run.dag.clone(), task.clone()));
                let wanted =
                    |alert: &Alert| (first && alert.on.contains(&AlertEvent::Retry)).then_some(AlertEvent::Retry);
                self.alerts(run, wanted, (Some(task), reason))
            }
            Happened::ViewUpdated { view, as_of } => self.updates(&Data::View(view.clone()), *as_of, seen_at),
            Happened::SourceUpdated { source } => self.updates(&Data::Source(source.clone()), seen_at, seen_at),
        }
    }

    fn after(&self, run: &HeardRun, state: RunStatus) -> Vec<FollowUp> {
        let mut found = Vec::new();
        for dag in self.deployed.dags.values() {
            if dag.after.iter().any(|after| after.dag.value == run.dag && follows(after, state)) {
                found.push(FollowUp::Run(FollowingRun {
                    template: dag.template.clone(),
                    window_start: run.window_start,
                    window_end: run.window_end,
                    made_by: Trigger::After,
                    followed: format!("run {} of DAG `{}` {state}", run.id, run.dag),
                }));
            }
        }
        found
    }

    fn alerts(
        &self,
        run: &HeardRun,
        told: impl Fn(&Alert) -> Option<AlertEvent>,
        (task, reason): (Option<&Name>, &str),
    ) -> Vec<FollowUp> {
        let mut found = Vec::new();
        for (name, alert) in &self.deployed.alerts {
            let of_dag = match &alert.dags {
                Some(dags) => dags.iter().any(|dag| dag.value == run.dag),
                None => self.deployed.alerts.values().all(|alert| alert.run.value != run.dag),
            };
            let (Some(event), Some(dag)) = (told(alert).filter(|_| of_dag), self.deployed.dags.get(&alert.run.value))
            else {
                continue;
            };
            let given = [
                ("alert", name.to_string()),
                ("event", event.as_str().to_owned()),
                ("dag", run.dag.to_string()),
                ("run", run.id.clone()),
                ("task", task.map(Name::to_string).unwrap_or_default()),
                ("reason", reason.chars().take(MAX_REASON).collect()),
                ("window_end", run.window_end.to_string()),
            ];
            let template = match told_template(dag, given) {
                Ok(template) => template,
                Err(error) => {
                    tracing::error!(alert = %name, %error, "an alert cannot be told: its DAG does not take what it gives");
                    continue;
                }
            };
            let what = match task {
                Some(task) => format!("task `{task}` of run {} of DAG `{}` is tried again", run.id, run.dag),
                None => format!("run {} of DAG `{}` failed", run.id, run.dag),
            };
            found.push(FollowUp::Run(FollowingRun {
                template,
                window_start: run.window_start,
                window_end: run.window_end,
                made_by: Trigger::Alert,
                followed: format!("alert `{name}`: {what}"),
            }));
        }
        found
    }

    fn updates(&self, data: &Data, as_of: Timestamp, seen_at: Timestamp) -> Vec<FollowUp> {
        let mut found = Vec::new();
        for dag in self.deployed.dags.values() {
            for (place, rule) in (0_u32..).zip(&dag.updated).filter(|(_, rule)| rule.data().contains(data)) {
                let Some(counts_from) = rule.counts_from(seen_at) else {
                    tracing::info!(dag.name = %dag.template.dag, "an update of {data} came too late in its day to count");
                    continue;
                };
                found.push(FollowUp::Update(SeenUpdate {
                    template: dag.template.clone(),
                    place,
                    rule: rule.clone(),
                    data: data.clone(),
                    as_of,
                    seen_at,
                    counts_from,
                }));
            }
        }
        found
    }
}

/// The DAG that tells, with what it wants to know.
fn told_template<const N: usize>(
    dag: &CompiledDag,
    given: [(&str, String); N],
) -> Result<Arc<daybreak_store::RunTemplate>, Error> {
    let wanted = given.into_iter().filter(|(key, _)| dag.takes(key));
    let params: Map<String, Json> = wanted.map(|(key, value)| (key.to_owned(), value.into())).collect();
    let template = daybreak_store::RunTemplate { params: dag.params(params)?, ..(*dag.template).clone() };
    Ok(Arc::new(template))
}

/// Waits until something was announced, or so much has happened that something may have been.
async fn announced(effects: &mut broadcast::Receiver<Effect>) {
    loop {
        match effects.recv().await {
            Ok(Effect::Announced | Effect::Elsewhere) | Err(broadcast::error::RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
