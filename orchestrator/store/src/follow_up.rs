//! What follows from what happened: the rows of the outbox are taken away and the runs that follow are made in one
//! transaction, so that neither is lost nor made twice, whoever leads and whenever it crashes. Which DAGs follow is the
//! server's to say; whether enough data was updated is `core::UpdateRule`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use daybreak_core::{Data, UpdateRule};
use daybreak_failpoints::crossing;
use daybreak_protocol::{SeenView, Trigger};
use daybreak_spec::{Name, Timestamp};

use crate::changes::exactly_one;
use crate::database::query;
use crate::load::{count, name};
use crate::making::{RunRow, insert_run};
use crate::outbox::announce_source;
use crate::runs::{check_epoch, start_or_queue};
use crate::tx::{Command, Tx};
use crate::{Error, RunTemplate, Store};

/// Happenings that have been thought about, and what follows from them.
#[derive(Clone, Debug)]
pub struct Settle {
    /// Their rows.
    pub happenings: Vec<String>,
    /// In order.
    pub follow_ups: Vec<FollowUp>,
    /// The leader's epoch, checked in the transaction.
    pub epoch: i64,
}

/// Something that follows.
#[derive(Clone, Debug)]
pub enum FollowUp {
    /// A run.
    Run(FollowingRun),
    /// An update that counts towards a run.
    Update(SeenUpdate),
}

/// A run that is to be made, unless its DAG is paused.
#[derive(Clone, Debug)]
pub struct FollowingRun {
    /// From what.
    pub template: Arc<RunTemplate>,
    /// Previous firing.
    pub window_start: Option<Timestamp>,
    /// T.
    pub window_end: Timestamp,
    /// [`Trigger::Alert`] starts at once; the others queue among the runs of their DAG.
    pub made_by: Trigger,
    /// What it followed from, in words.
    pub followed: String,
}

/// An update of data that a DAG waits for, alone or with others.
#[derive(Clone, Debug)]
pub struct SeenUpdate {
    /// From what a run is made.
    pub template: Arc<RunTemplate>,
    /// The rule's place among those of its DAG.
    pub place: u32,
    /// The rule.
    pub rule: UpdateRule,
    /// What was updated.
    pub data: Data,
    /// The instant that it is for.
    pub as_of: Timestamp,
    /// Business time.
    pub seen_at: Timestamp,
    /// Earlier updates count from here on.
    pub counts_from: Timestamp,
}

/// What the files of a source look like now.
#[derive(Clone, Debug)]
pub struct SourceLook {
    /// The project.
    pub project: Name,
    /// The source.
    pub source: Name,
    /// What they looked like; none: they are looked at for the first time.
    pub was: Option<String>,
    /// A hash of their names, lengths and times.
    pub stamp: String,
    /// The leader's epoch, checked in the transaction.
    pub epoch: i64,
}

impl Command for Settle {
    type Reply = Vec<String>;
    /// The runs that were made.
    async fn run(&self, tx: &mut Tx) -> Result<Vec<String>, Error> {
        check_epoch(tx, self.epoch).await?;
        for id in &self.happenings {
            let taken = query("DELETE FROM outbox WHERE outbox_id = $1").bind(id).execute(tx.direct().await?).await?;
            exactly_one(taken, || format!("row {id} of the outbox"))?;
        }
        crossing!("outbox.taken");
        let mut made = Vec::new();
        for follow_up in &self.follow_ups {
            let run = match follow_up {
                FollowUp::Run(run) => Some(run.clone()),
                FollowUp::Update(update) => update.collect(tx).await?,
            };
            if let Some(run) = run {
                made.extend(run.make(tx).await?);
            }
        }
        Ok(made)
    }
}

impl FollowingRun {
    async fn make(&self, tx: &mut Tx) -> Result<Option<String>, Error> {
        let (project, dag) = (&self.template.project, &self.template.dag);
        if is_paused(tx, project, dag).await? {
            tracing::info!(dag.name = %dag, followed = self.followed, "a paused DAG is not run");
            return Ok(None);
        }
        let (window_start, window_end) = (self.window_start, self.window_end);
        let row = RunRow { scheduled_for: None, nominal: None, window_start, window_end, skipped: None };
        let Some(run_id) = insert_run(tx, &self.template, &row).await? else { return Ok(None) };
        query("UPDATE run SET made_by = $1, followed = $2 WHERE run_id = $3")
            .bind(self.made_by.as_str())
            .bind(&self.followed)
            .bind(&run_id)
            .execute(tx.direct().await?)
            .await?;
        if self.made_by == Trigger::Alert {
            start_or_queue(tx, &self.template, &run_id).await?;
        } else {
            tx.followed.insert((project.to_string(), dag.to_string()));
        }
        Ok(Some(run_id))
    }
}

async fn is_paused(tx: &mut Tx, project: &Name, dag: &Name) -> Result<bool, Error> {
    let paused: i64 = query("SELECT COUNT(*) FROM dag_pause WHERE project = $1 AND dag = $2")
        .bind(project.as_str())
        .bind(dag.as_str())
        .fetch_scalar(tx.direct().await?)
        .await?;
    Ok(paused > 0)
}

impl SeenUpdate {
    /// Counts the update; the run that it completes, if it does. While a DAG is paused updates are kept: the first one after that
    /// completes what is complete.
    async fn collect(&self, tx: &mut Tx) -> Result<Option<FollowingRun>, Error> {
        let (project, dag) = (self.template.project.as_str(), self.template.dag.as_str());
        query("DELETE FROM seen_update WHERE project = $1 AND dag = $2 AND place = $3 AND seen_at_us < $4")
            .bind(project)
            .bind(dag)
            .bind(i64::from(self.place))
            .bind(self.counts_from.micros)
            .execute(tx.direct().await?)
            .await?;
        query(
            "INSERT INTO seen_update (project, dag, place, data, as_of_us, seen_at_us) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (project, dag, place, data) DO UPDATE SET as_of_us = excluded.as_of_us, \
             seen_at_us = excluded.seen_at_us",
        )
        .bind(project)
        .bind(dag)
        .bind(i64::from(self.place))
        .bind(text_of(&self.data))
        .bind(self.as_of.micros)
        .bind(self.seen_at.micros)
        .execute(tx.direct().await?)
        .await?;
        let rows = query("SELECT data, as_of_us FROM seen_update WHERE project = $1 AND dag = $2 AND place = $3")
            .bind(project)
            .bind(dag)
            .bind(i64::from(self.place))
            .fetch_all(tx.direct().await?)
            .await?;
        let mut seen = Vec::with_capacity(rows.len());
        for row in &rows {
            seen.push((data_of(row.try_get("data")?)?, Timestamp::from_micros(row.try_get("as_of_us")?)));
        }
        let Some(window_end) = self.rule.completed(&seen) else { return Ok(None) };
        if is_paused(tx, &self.template.project, &self.template.dag).await? {
            return Ok(None);
        }
        query("DELETE FROM seen_update WHERE project = $1 AND dag = $2 AND place = $3")
            .bind(project)
            .bind(dag)
            .bind(i64::from(self.place))
            .execute(tx.direct().await?)
            .await?;
        let named: Vec<String> = self
            .rule
            .data()
            .iter()
            .filter(|data| seen.iter().any(|(of, _)| of == *data))
            .map(Data::to_string)
            .collect();
        let were = if named.len() == 1 { "was" } else { "were" };
        Ok(Some(FollowingRun {
            template: self.template.clone(),
            window_start: None,
            window_end,
            made_by: Trigger::Update,
            followed: format!("{} {were} updated", named.join(", ")),
        }))
    }
}

fn text_of(data: &Data) -> String {
    match data {
        Data::View(name) => format!("view:{name}"),
        Data::Source(name) => format!("source:{name}"),
    }
}

fn data_of(text: &str) -> Result<Data, Error> {
    match text.split_once(':') {
        Some(("view", of)) => Ok(Data::View(name(of)?)),
        Some(("source", of)) => Ok(Data::Source(name(of)?)),
        _ => Err(Error::corrupt("data of an update")(format!("`{text}` is neither a view nor a source"))),
    }
}

impl Command for SourceLook {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        check_epoch(tx, self.epoch).await?;
        let now = tx.now().micros;
        let Some(was) = &self.was else {
            query(
                "INSERT INTO source_stamp (project, source, stamp, looked_at_us) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (project, source) DO NOTHING",
            )
            .bind(self.project.as_str())
            .bind(self.source.as_str())
            .bind(&self.stamp)
            .bind(now)
            .execute(tx.direct().await?)
            .await?;
            return Ok(());
        };
        let changed = query(
            "UPDATE source_stamp SET stamp = $1, looked_at_us = $2 WHERE project = $3 AND source = $4 AND stamp = $5",
        )
        .bind(&self.stamp)
        .bind(now)
        .bind(self.project.as_str())
        .bind(self.source.as_str())
        .bind(was)
        .execute(tx.direct().await?)
        .await?;
        exactly_one(changed, || format!("the stamp of source `{}`", self.source))?;
        announce_source(tx, &self.project, &self.source);
        Ok(())
    }
}

impl Store {
    /// Takes happenings away and makes what follows from them; the runs that were made.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another server has dealt with one of them, or leads.
    pub async fn settle(&self, settle: Settle) -> Result<Vec<String>, Error> {
        self.write(settle).await
    }

    /// Keeps what a source's files look like, and announces that they changed.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another server has seen it, or leads.
    pub async fn look_at_source(&self, look: SourceLook) -> Result<(), Error> {
        self.write(look).await
    }

    /// By DAG and place of their rule: updates that wait for others.
    pub async fn seen_updates(&self, project: &Name) -> Result<BTreeMap<(Name, u32), Vec<SeenView>>, Error> {
        let rows = query(
            "SELECT dag, place, data, as_of_us, seen_at_us FROM seen_update WHERE project = $1 ORDER BY dag, place, data",
        )
        .bind(project.as_str())
        .fetch_all(&self.readers)
        .await?;
        let mut seen: BTreeMap<_, Vec<SeenView>> = BTreeMap::new();
        for row in &rows {
            let update = SeenView {
                data: row.try_get("data")?,
                as_of: Timestamp::from_micros(row.try_get("as_of_us")?),
                seen_at: Timestamp::from_micros(row.try_get("seen_at_us")?),
            };
            seen.entry((name(row.try_get("dag")?)?, count(row, "place")?)).or_default().push(update);
        }
        Ok(seen)
    }

    /// What a source's files looked like; none before the first look.
    pub async fn source_stamp(&self, project: &Name, source: &Name) -> Result<Option<String>, Error> {
        query("SELECT stamp FROM source_stamp WHERE project = $1 AND source = $2")
            .bind(project.as_str())
            .bind(source.as_str())
            .fetch_value(&self.readers)
            .await
    }
}
