//! The catalogue's lists, DAGs and workers over the client: page by page, and to their end for whoever wants all. What comes
//! while a list is read may be in it or not; nothing is in it twice. To add a list: a method for its page, and one that
//! follows `next` where somebody wants all.

use daybreak_spec::{Name, Timestamp};

use crate::{
    AliasHistory, AliasHistoryQuery, BuildList, BuildRecord, BuildsQuery, Client, DagList, DagView, DagsQuery, Error,
    MAX_PAGE, ModelList, ModelSummary, ModelView, ModelsQuery, QueueList, QueueView, QueuesQuery, VersionList,
    VersionsQuery, WorkerList, WorkerView, WorkersQuery,
};

const LIMIT: Option<u32> = Some(MAX_PAGE);

impl Client {
    /// A page of DAGs, by name.
    pub async fn dags(&self, query: &DagsQuery) -> Result<DagList, Error> {
        self.list("/api/v1/dags", query).await
    }

    /// A page of models, by name.
    pub async fn models(&self, query: &ModelsQuery) -> Result<ModelList, Error> {
        self.list("/api/v1/models", query).await
    }

    /// A page of the versions of a model, newest first.
    pub async fn model_versions(&self, model: &Name, query: &VersionsQuery) -> Result<VersionList, Error> {
        self.list(&format!("/api/v1/models/{model}/versions"), query).await
    }

    /// A page of the moves of a model's aliases, newest first.
    pub async fn alias_history(&self, model: &Name, query: &AliasHistoryQuery) -> Result<AliasHistory, Error> {
        self.list(&format!("/api/v1/models/{model}/history"), query).await
    }

    /// A page of workers, newest first.
    pub async fn workers(&self, query: &WorkersQuery) -> Result<WorkerList, Error> {
        self.list("/api/v1/workers", query).await
    }

    /// A page of queues, and who works on them, by name and labels.
    pub async fn queues(&self, query: &QueuesQuery) -> Result<QueueList, Error> {
        self.list("/api/v1/queues", query).await
    }

    /// A page of the builds of a view, oldest first.
    pub async fn list_builds(&self, view: &Name, query: &BuildsQuery) -> Result<BuildList, Error> {
        self.list(&format!("/api/v1/views/{view}/builds"), query).await
    }

    /// All DAGs, by name.
    pub async fn all_dags(&self) -> Result<Vec<DagView>, Error> {
        let (mut dags, mut after) = (Vec::new(), None);
        loop {
            let page = self.dags(&DagsQuery { after, limit: LIMIT }).await?;
            dags.extend(page.dags);
            after = page.next;
            if after.is_none() {
                return Ok(dags);
            }
        }
    }

    /// All models with all of their versions and the history of their aliases, by name.
    pub async fn all_models(&self) -> Result<Vec<ModelView>, Error> {
        let (mut models, mut after) = (Vec::new(), None);
        loop {
            let page = self.models(&ModelsQuery { after, limit: LIMIT }).await?;
            for model in page.models {
                models.push(self.whole_model(model).await?);
            }
            after = page.next;
            if after.is_none() {
                return Ok(models);
            }
        }
    }

    async fn whole_model(&self, ModelSummary { name, aliases, .. }: ModelSummary) -> Result<ModelView, Error> {
        let (mut versions, mut before) = (Vec::new(), None);
        loop {
            let page = self.model_versions(&name, &VersionsQuery { before, limit: LIMIT }).await?;
            versions.extend(page.versions);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        let (mut alias_history, mut before) = (Vec::new(), None);
        loop {
            let page = self.alias_history(&name, &AliasHistoryQuery { before, limit: LIMIT }).await?;
            alias_history.extend(page.moves);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        versions.reverse();
        alias_history.reverse();
        Ok(ModelView { name, versions, aliases, alias_history })
    }

    /// All workers, newest first.
    pub async fn all_workers(&self) -> Result<Vec<WorkerView>, Error> {
        let (mut workers, mut before) = (Vec::new(), None);
        loop {
            let page = self.workers(&WorkersQuery { before, limit: LIMIT }).await?;
            workers.extend(page.workers);
            before = page.next;
            if before.is_none() {
                return Ok(workers);
            }
        }
    }

    /// All queues, by name and labels.
    pub async fn all_queues(&self) -> Result<Vec<QueueView>, Error> {
        let (mut queues, mut after) = (Vec::new(), None);
        loop {
            let page = self.queues(&QueuesQuery { after, limit: LIMIT }).await?;
            queues.extend(page.queues);
            after = page.next;
            if after.is_none() {
                return Ok(queues);
            }
        }
    }

    /// All builds of a view with `from <= as_of <= to`, oldest first.
    pub(crate) async fn all_builds(
        &self,
        view: &Name,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<BuildRecord>, Error> {
        let (mut builds, mut after) = (Vec::new(), None);
        loop {
            let query = BuildsQuery { from: Some(from), to: Some(to), after, limit: LIMIT };
            let page = self.list_builds(view, &query).await?;
            builds.extend(page.builds);
            after = page.next;
            if after.is_none() {
                return Ok(builds);
            }
        }
    }
}
