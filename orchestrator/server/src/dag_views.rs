//! Deployed DAGs as they are shown: what makes them run, when next, and how they stand.

use std::collections::BTreeMap;
use std::ops::Bound;

use daybreak_core::{Data, UpdateRule};
use daybreak_protocol::{
    AfterView, DagDetail, DagList, DagTaskView, DagView, DagsQuery, Durations, Error, Grid, GridQuery, SeenView,
    UpdatedView,
};
use daybreak_spec::{After, Name, Timestamp};
use daybreak_store::Pause;

use crate::Server;
use crate::deployed::{CompiledDag, Deployed};
use crate::error::of_store;

/// Firings shown ahead.
const SHOWN_FIRINGS: usize = 5;

/// What the rows say of all DAGs.
struct Rows {
    pauses: BTreeMap<Name, Pause>,
    left_out: BTreeMap<(Name, u32), u64>,
    active: BTreeMap<Name, u32>,
    seen: BTreeMap<(Name, u32), Vec<SeenView>>,
    now: Timestamp,
}

impl Server {
    /// A page of the DAGs of the live version.
    pub(crate) async fn dag_views(&self, wanted: &DagsQuery) -> Result<DagList, Error> {
        let limit = wanted.effective_limit() as usize;
        let deployed = self.deployed()?;
        let rows = self.rows_of_dags(deployed.name()).await?;
        let behind = wanted.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let (mut list, mut further) = (DagList::default(), deployed.dags.range::<Name, _>((behind, Bound::Unbounded)));
        for (name, dag) in further.by_ref().take(limit) {
            list.dags.push(self.dag_view(&deployed, (name, dag), &rows).await?);
        }
        if further.next().is_some() {
            list.next = list.dags.last().map(|dag| dag.name.clone());
        }
        Ok(list)
    }

    /// One DAG of the live version.
    pub(crate) async fn dag_detail(&self, name: &Name) -> Result<DagDetail, Error> {
        let deployed = self.deployed()?;
        let dag = deployed.dag(name.as_str())?;
        let rows = self.rows_of_dags(deployed.name()).await?;
        Ok(DagDetail {
            view: self.dag_view(&deployed, (name, dag), &rows).await?,
            params: dag.param_views(),
            version: deployed.version.clone(),
            declared: deployed.declared.get(name).cloned(),
        })
    }

    /// Runs of a DAG of the live version, newest first, with the states of their tasks.
    pub(crate) async fn grid(&self, dag: &Name, wanted: &GridQuery) -> Result<Grid, crate::Error> {
        let deployed = self.deployed()?;
        let order = deployed.dag(dag.as_str())?.task_names();
        Ok(self.store.grid((deployed.name(), dag), &order, wanted).await?)
    }

    /// The same with how long the tasks took.
    pub(crate) async fn durations(&self, dag: &Name, wanted: &GridQuery) -> Result<Durations, crate::Error> {
        let deployed = self.deployed()?;
        let order = deployed.dag(dag.as_str())?.task_names();
        Ok(self.store.durations((deployed.name(), dag), &order, wanted).await?)
    }

    async fn rows_of_dags(&self, project: &Name) -> Result<Rows, Error> {
        Ok(Rows {
            pauses: self.store.pauses(project).await.map_err(of_store)?,
            left_out: self.store.left_out(project).await.map_err(of_store)?,
            active: self.store.active_counts(project).await.map_err(of_store)?,
            seen: self.store.seen_updates(project).await.map_err(of_store)?,
            now: self.clock.business_now(),
        })
    }

    async fn dag_view(
        &self,
        deployed: &Deployed,
        (name, dag): (&Name, &CompiledDag),
        rows: &Rows,
    ) -> Result<DagView, Error> {
        let last_run = match self.store.newest_run(deployed.name(), name).await.map_err(of_store)? {
            Some(run_id) => Some(self.store.run_summary(&run_id).await.map_err(of_store)?),
            None => None,
        };
        let next = std::iter::successors(dag.firings.next_after(rows.now), |at| dag.firings.next_after(*at));
        let mut schedules = dag.schedules.to_vec();
        for (place, schedule) in (0_u32..).zip(&mut schedules) {
            schedule.left_out = rows.left_out.get(&(name.clone(), place)).copied().unwrap_or_default();
        }
        let task = |task: &daybreak_store::TaskTemplate| DagTaskView {
            name: task.task.clone(),
            kind: task.kind.clone(),
            needs: task.parents.clone(),
        };
        Ok(DagView {
            name: name.clone(),
            schedules,
            after: dag.after.iter().map(after_view).collect(),
            updated: (0_u32..).zip(&dag.updated).map(|(place, rule)| rows.updated_view(name, place, rule)).collect(),
            paused: rows.pauses.get(name).map(crate::pauses::view),
            next: next.take(SHOWN_FIRINGS).collect(),
            active_runs: rows.active.get(name).copied().unwrap_or_default(),
            last_run,
            tasks: dag.template.tasks.iter().map(task).collect(),
        })
    }
}

impl Rows {
    fn updated_view(&self, dag: &Name, place: u32, rule: &UpdateRule) -> UpdatedView {
        let (mut views, mut sources) = (Vec::new(), Vec::new());
        for data in rule.data() {
            match data {
                Data::View(name) => views.push(name.clone()),
                Data::Source(name) => sources.push(name.clone()),
            }
        }
        let (before, timezone) = rule.day().map_or((None, "UTC"), |(before, zone)| (Some(before), zone));
        UpdatedView {
            views,
            sources,
            matching: rule.matching(),
            before: before.map(|before| before.format("%H:%M").to_string()),
            timezone: timezone.to_owned(),
            seen: self.seen.get(&(dag.clone(), place)).cloned().unwrap_or_default(),
        }
    }
}

fn after_view(after: &After) -> AfterView {
    AfterView { dag: after.dag.value.clone(), ended: after.ended }
}
