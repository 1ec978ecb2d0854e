//! What has happened and may make other DAGs run: a row of the outbox, written in the transaction in which it happens and only
//! where somebody listens. Runs of backfills are not heard: a thousand windows are no news. What follows is made in
//! `follow_up.rs`. To add something that can be heard: a variant of [`Happened`], its row here, its name in the migration's list.

use daybreak_core::{Failure, RunState, RunStatus};
use daybreak_protocol::BuildRecord;
use daybreak_spec::{Name, Timestamp};

use crate::database::{Row, Values, execute_rows, query};
use crate::load::{LoadedRun, instant, name, run_status};
use crate::tx::Tx;
use crate::{Error, Store};

/// Rows of one look.
const MAX_ROWS: i64 = 200;

/// A row goes in where its project listens to its subject or to all of its kind.
pub(crate) const ANNOUNCE: &str = "INSERT INTO outbox (outbox_id, project, event, subject, run_id, task, state, overdue, reason, \
     as_of_us, created_at_us) SELECT v.column1, v.column2, v.column3, v.column4, v.column5, v.column6, v.column7, v.column8, \
     v.column9, v.column10, v.column11 FROM (VALUES (CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), \
     CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS BIGINT), CAST($9 AS TEXT), CAST($10 AS BIGINT), \
     CAST($11 AS BIGINT))) AS v WHERE EXISTS (SELECT 1 FROM listener WHERE listener.project = v.column2 \
     AND listener.event = v.column3 AND listener.subject IN (v.column4, '*')) \
     AND NOT EXISTS (SELECT 1 FROM run WHERE run.run_id = v.column5 AND run.backfill_id IS NOT NULL)";

/// What a project can listen to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Listened {
    /// Ends of runs of a DAG; none: of all.
    RunEnds(Option<Name>),
    /// Retries of tasks of a DAG; none: of all.
    Retries(Option<Name>),
    /// New builds of a view.
    View(Name),
    /// Changes of a source's files.
    Source(Name),
}

impl Listened {
    /// As a row of `listener`.
    fn row(&self, project: &str) -> Values {
        let of = |dag: &Option<Name>| dag.as_ref().map_or("*".to_owned(), Name::to_string);
        let (event, subject) = match self {
            Self::RunEnds(dag) => ("run_ended", of(dag)),
            Self::Retries(dag) => ("task_retried", of(dag)),
            Self::View(view) => ("view_updated", view.to_string()),
            Self::Source(source) => ("source_updated", source.to_string()),
        };
        vec![project.to_owned().into(), event.into(), subject.into()]
    }
}

/// Something that happened and was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// Its row's ULID.
    pub id: String,
    /// Real time.
    pub at: Timestamp,
    /// What.
    pub what: Happened,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Happened {
    /// A run ended.
    RunEnded {
        /// The run.
        run: HeardRun,
        /// How.
        state: RunStatus,
        /// It had not ended by its deadline.
        overdue: bool,
        /// Why, where it did not succeed.
        reason: String,
    },
    /// A task failed and is tried again.
    TaskRetried {
        /// Its run.
        run: HeardRun,
        /// The task; of an item, that of its list.
        task: Name,
        /// Why the attempt failed.
        reason: String,
    },
    /// A build newer than all before was made.
    ViewUpdated {
        /// The view.
        view: Name,
        /// The build's instant.
        as_of: Timestamp,
    },
    /// A source's files changed.
    SourceUpdated {
        /// The source.
        source: Name,
    },
}

/// A run of which something was heard.
#[derive(Clone, Debug, PartialEq)]
pub struct HeardRun {
    /// ULID.
    pub id: String,
    /// The DAG.
    pub dag: Name,
    /// Previous firing.
    pub window_start: Option<Timestamp>,
    /// T.
    pub window_end: Timestamp,
}

/// A row that is to be written.
#[derive(Default)]
struct News<'a> {
    event: &'static str,
    subject: &'a str,
    run_id: Option<&'a str>,
    task: Option<&'a str>,
    state: Option<RunStatus>,
    overdue: bool,
    reason: Option<&'a str>,
    as_of: Option<Timestamp>,
}

fn announce(tx: &mut Tx, project: &str, news: &News<'_>) {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let row = vec![
        tx.sources.id().into(),
        project.to_owned().into(),
        news.event.into(),
        news.subject.to_owned().into(),
        owned(news.run_id).into(),
        owned(news.task).into(),
        news.state.map(RunStatus::as_str).map(str::to_owned).into(),
        i64::from(news.overdue).into(),
        owned(news.reason).into(),
        news.as_of.map(|at| at.micros).into(),
        tx.now().micros.into(),
    ];
    tx.announce(row);
}

/// A run has ended.
pub(crate) fn announce_end(tx: &mut Tx, run: &LoadedRun, state: &RunState, overdue: bool) {
    announce(
        tx,
        &run.project,
        &News {
            event: "run_ended",
            subject: &run.dag,
            run_id: Some(&run.run_id),
            state: Some(state.status()),
            overdue,
            reason: state.reason(),
            ..News::default()
        },
    );
}

/// A task is tried again.
pub(crate) fn announce_retry(tx: &mut Tx, run: &LoadedRun, task: &Name, failure: &Failure) {
    let task = task.item().map_or(task.as_str(), |(of, _)| of);
    announce(
        tx,
        &run.project,
        &News {
            event: "task_retried",
            subject: &run.dag,
            run_id: Some(&run.run_id),
            task: Some(task),
            reason: Some(&failure.reason),
            ..News::default()
        },
    );
}

/// A run has made a build. It is an update of its view where it is for the run's own instant and none is newer; those of
/// before that a model's history needs are not.
pub(crate) async fn announce_build(tx: &mut Tx, run: &LoadedRun, build: &BuildRecord) -> Result<(), Error> {
    if build.as_of != run.window_end {
        return Ok(());
    }
    let newest: Option<i64> = query("SELECT MAX(as_of_us) FROM build WHERE project = $1 AND view = $2")
        .bind(&run.project)
        .bind(build.view.as_str())
        .fetch_scalar(tx.direct().await?)
        .await?;
    if newest.is_some_and(|newest| newest > build.as_of.micros) {
        return Ok(());
    }
    announce(
        tx,
        &run.project,
        &News {
            event: "view_updated",
            subject: build.view.as_str(),
            run_id: Some(&run.run_id),
            as_of: Some(build.as_of),
            ..News::default()
        },
    );
    Ok(())
}

/// A source's files have changed.
pub(crate) fn announce_source(tx: &mut Tx, project: &Name, source: &Name) {
    announce(tx, project.as_str(), &News { event: "source_updated", subject: source.as_str(), ..News::default() });
}

/// What a project's new version listens to, instead of what the one before did.
pub(crate) async fn listen(tx: &mut Tx, project: &str, to: &[Listened]) -> Result<(), Error> {
    query("DELETE FROM listener WHERE project = $1").bind(project).execute(tx.direct().await?).await?;
    let rows = to.iter().map(|listened| listened.row(project)).collect();
    execute_rows("INSERT INTO listener (project, event, subject) VALUES ($1, $2, $3)", rows, tx.direct().await?)
        .await?;
    Ok(())
}

impl Store {
    /// What has happened and was not dealt with, oldest first; some of it where there is much.
    pub async fn happenings(&self, project: &Name) -> Result<Vec<Happening>, Error> {
        let rows = query(
            "SELECT outbox.outbox_id, outbox.event, outbox.subject, outbox.task, outbox.state, outbox.overdue, outbox.reason, \
             outbox.as_of_us, outbox.created_at_us, outbox.run_id, run.window_start_us, run.window_end_us FROM outbox \
             LEFT JOIN run ON run.run_id = outbox.run_id WHERE outbox.project = $1 ORDER BY outbox.outbox_id LIMIT $2",
        )
        .bind(project.as_str())
        .bind(MAX_ROWS)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(happening).collect()
    }
}

fn happening(row: &Row) -> Result<Happening, Error> {
    let (event, subject): (&str, Name) = (row.try_get("event")?, name(row.try_get("subject")?)?);
    let reason = || Ok::<String, Error>(row.try_get::<Option<String>>("reason")?.unwrap_or_default());
    let what = match event {
        "run_ended" => Happened::RunEnded {
            run: heard_run(row, subject)?,
            state: run_status(row.try_get("state")?)?,
            overdue: row.try_get::<i64>("overdue")? == 1,
            reason: reason()?,
        },
        "task_retried" => Happened::TaskRetried {
            run: heard_run(row, subject)?,
            task: name(row.try_get("task")?)?,
            reason: reason()?,
        },
        "view_updated" => {
            Happened::ViewUpdated { view: subject, as_of: Timestamp::from_micros(row.try_get("as_of_us")?) }
        }
        "source_updated" => Happened::SourceUpdated { source: subject },
        other => return Err(Error::corrupt("a row of the outbox")(format!("`{other}` is no event"))),
    };
    let at = Timestamp::from_micros(row.try_get("created_at_us")?);
    Ok(Happening { id: row.try_get("outbox_id")?, at, what })
}

fn heard_run(row: &Row, dag: Name) -> Result<HeardRun, Error> {
    Ok(HeardRun {
        id: row.try_get("run_id")?,
        dag,
        window_start: instant(row, "window_start_us")?,
        window_end: Timestamp::from_micros(row.try_get("window_end_us")?),
    })
}
