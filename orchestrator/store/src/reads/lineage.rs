//! What a run was made from and what came of it, all of one instant. Found by the run's tasks, whatever else is stored.

use daybreak_protocol::{BuildRecord, MadeFrom, ModelMove, ModelVersionRecord, RunLineage, RunPublication, TaskOfRun};
use daybreak_spec::{Name, Timestamp};

use super::catalogue::{build, numbered_move, of_moves};
use super::registry::{of_versions, version_record};
use super::runs::no_run;
use crate::database::{Row, Snapshot, query};
use crate::load::name;
use crate::{Error, Store};

const MADE_VERSIONS: &str = of_versions!(
    "SELECT ",
    "FROM task_run JOIN model_version ON model_version.task_run_id = task_run.task_run_id WHERE task_run.run_id = $1 \
     ORDER BY model_version.model, model_version.version LIMIT $2"
);

const TAKEN_VERSIONS: &str = of_versions!(
    "SELECT DISTINCT ",
    "FROM task_run JOIN alias_history ON alias_history.task_run_id = task_run.task_run_id \
     JOIN model_version ON model_version.project = alias_history.project \
     AND model_version.model = alias_history.model AND model_version.version = alias_history.version \
     WHERE task_run.run_id = $1 AND alias_history.moved = 1 AND model_version.run_id <> task_run.run_id \
     ORDER BY model_version.model, model_version.version LIMIT $2"
);

const MADE_RUNS: &str = "SELECT task_run.task, sub_run.run_id FROM sub_run \
     JOIN task_run ON task_run.task_run_id = sub_run.task_run_id WHERE sub_run.parent_run_id = $1 \
     ORDER BY sub_run.run_id LIMIT $2";

const TAKEN_RESULTS: &str = "SELECT task, cached_from AS run_id FROM task_run WHERE run_id = $1 \
     AND cached_from IS NOT NULL ORDER BY task_run_id LIMIT $2";

impl Store {
    /// What a run was made from and what came of it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn lineage(&self, run_id: &str) -> Result<RunLineage, Error> {
        let mut snapshot = self.readers.begin().await?;
        let version: Option<String> =
            query("SELECT version FROM run WHERE run_id = $1").bind(run_id).fetch_value(&mut snapshot).await?;
        let mut read = Reading { version: version.ok_or_else(|| no_run(run_id))?, run_id, snapshot, truncated: false };
        let publications = read.publications().await?;
        Ok(RunLineage {
            made_from: MadeFrom {
                builds: read.taken_builds().await?,
                versions: read.versions(TAKEN_VERSIONS).await?,
                results: read.tasks(TAKEN_RESULTS).await?,
            },
            builds: read.made_builds().await?,
            publications,
            versions: read.versions(MADE_VERSIONS).await?,
            moves: read.moves().await?,
            parent: read.parent().await?,
            sub_runs: read.tasks(MADE_RUNS).await?,
            truncated: read.truncated,
            version: read.version,
        })
    }
}

/// A lineage that is being read.
struct Reading<'a> {
    version: String,
    run_id: &'a str,
    snapshot: Snapshot,
    truncated: bool,
}

impl Reading<'_> {
    /// What a statement about the run finds, as much of it as is shown.
    async fn rows<T>(
        &mut self,
        statement: &'static str,
        read: impl Fn(&Row) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let most = RunLineage::MOST as usize;
        let rows = query(statement)
            .bind(self.run_id)
            .bind(i64::from(RunLineage::MOST) + 1)
            .fetch_all(&mut self.snapshot)
            .await?;
        self.truncated |= rows.len() > most;
        rows.iter().take(most).map(read).collect()
    }

    async fn made_builds(&mut self) -> Result<Vec<BuildRecord>, Error> {
        let statement = "SELECT build.view, build.as_of_us, build.definition_hash, build.object, build.row_count, \
             build.size_bytes FROM task_run JOIN build ON build.task_run_id = task_run.task_run_id \
             WHERE task_run.run_id = $1 ORDER BY build.as_of_us DESC, build.view, build.number LIMIT $2";
        self.rows(statement, build).await
    }

    /// Of each view that it published the build at that instant, as it was when the publication began, where another run had
    /// made it.
    async fn taken_builds(&mut self) -> Result<Vec<BuildRecord>, Error> {
        let statement = "SELECT build.view, build.as_of_us, build.definition_hash, build.object, build.row_count, \
             build.size_bytes FROM task_run JOIN publication ON publication.task_run_id = task_run.task_run_id \
             JOIN build ON build.project = publication.project AND build.view = publication.view \
             AND build.as_of_us = publication.as_of_us AND build.created_at_us <= publication.minted_at_us \
             JOIN task_run AS maker ON maker.task_run_id = build.task_run_id \
             WHERE task_run.run_id = $1 AND maker.run_id <> task_run.run_id AND NOT EXISTS (SELECT 1 FROM build AS newer \
             WHERE newer.project = build.project AND newer.view = build.view AND newer.as_of_us = build.as_of_us \
             AND newer.created_at_us <= publication.minted_at_us AND (newer.created_at_us > build.created_at_us \
             OR (newer.created_at_us = build.created_at_us AND newer.number > build.number))) \
             ORDER BY build.view, build.as_of_us, publication.number LIMIT $2";
        let mut builds = self.rows(statement, build).await?;
        // A task that was tried again published the same build again.
        builds.dedup();
        Ok(builds)
    }

    /// Those of attempts that failed left out, which may have been left half-way.
    async fn publications(&mut self) -> Result<Vec<RunPublication>, Error> {
        let statement = "SELECT publication.view, publication.number, publication.as_of_us FROM task_run \
             JOIN publication ON publication.task_run_id = task_run.task_run_id WHERE task_run.run_id = $1 \
             AND NOT EXISTS (SELECT 1 FROM failed_attempt WHERE failed_attempt.task_run_id = publication.task_run_id \
             AND failed_attempt.fence = publication.fence AND failed_attempt.state_after <> 'waiting') \
             ORDER BY publication.view, publication.number LIMIT $2";
        let publication = |row: &Row| {
            let as_of = Timestamp::from_micros(row.try_get("as_of_us")?);
            Ok(RunPublication { view: name(row.try_get("view")?)?, number: row.try_get("number")?, as_of })
        };
        self.rows(statement, publication).await
    }

    async fn versions(&mut self, statement: &'static str) -> Result<Vec<ModelVersionRecord>, Error> {
        self.rows(statement, version_record).await
    }

    async fn moves(&mut self) -> Result<Vec<ModelMove>, Error> {
        let statement = of_moves!(
            "FROM task_run JOIN alias_history ON alias_history.task_run_id = task_run.task_run_id \
             WHERE task_run.run_id = $1 AND alias_history.moved = 1 ORDER BY alias_history.number LIMIT $2"
        );
        let made = |row: &Row| {
            let (_, entry) = numbered_move(row)?;
            Ok(ModelMove { model: name(row.try_get("model")?)?, entry })
        };
        self.rows(statement, made).await
    }

    async fn tasks(&mut self, statement: &'static str) -> Result<Vec<TaskOfRun>, Error> {
        let task = |row: &Row| Ok(TaskOfRun { task: task_name(row)?, run_id: row.try_get("run_id")? });
        self.rows(statement, task).await
    }

    async fn parent(&mut self) -> Result<Option<TaskOfRun>, Error> {
        let row = query(
            "SELECT task_run.task, sub_run.parent_run_id FROM sub_run \
             JOIN task_run ON task_run.task_run_id = sub_run.task_run_id WHERE sub_run.run_id = $1",
        )
        .bind(self.run_id)
        .fetch_optional(&mut self.snapshot)
        .await?;
        let parent = |row: Row| Ok(TaskOfRun { task: task_name(&row)?, run_id: row.try_get("parent_run_id")? });
        row.map(parent).transpose()
    }
}

fn task_name(row: &Row) -> Result<Name, Error> {
    name(row.try_get("task")?)
}
