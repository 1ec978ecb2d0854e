//! The catalogue's lists, DAGs and workers over the client: page by page, and to their end for whoever wants all. What comes
//! while a list is read may be in it or not; nothing is in it twice. To add a list: a method for its page, and one that
//! follows `next` where somebody wants all.

use daybreak_spec::{Name, Timestamp};

use crate::page::all_pages;
use crate::{
    AliasHistory, AliasHistoryEntry, AliasHistoryQuery, BuildList, BuildRecord, BuildsQuery, Client, DagList, DagView,
    DagsQuery, Error, MAX_PAGE, ModelList, ModelSummary, ModelView, ModelsQuery, MoveAliasRequest, QueueList,
    QueueView, QueuesQuery, VersionList, VersionsQuery, WorkerList, WorkerView, WorkersQuery,
};

const LIMIT: Option<u32> = Some(MAX_PAGE);

impl Client {
    /// A page of DAGs, by name.
    pub async fn dags(&self, query: &DagsQuery) -> Result<DagList, Error> {
        self.get_with("/api/v1/dags", query).await
    }

    /// A page of models, by name.
    pub async fn models(&self, query: &ModelsQuery) -> Result<ModelList, Error> {
        self.get_with("/api/v1/models", query).await
    }

    /// A page of the versions of a model, newest first.
    pub async fn model_versions(&self, model: &Name, query: &VersionsQuery) -> Result<VersionList, Error> {
        self.get_with(&format!("/api/v1/models/{model}/versions"), query).await
    }

    /// A page of the moves of a model's aliases, newest first.
    pub async fn alias_history(&self, model: &Name, query: &AliasHistoryQuery) -> Result<AliasHistory, Error> {
        self.get_with(&format!("/api/v1/models/{model}/history"), query).await
    }

    /// Lets an alias of a model point at another version, by hand.
    pub async fn move_alias(
        &self,
        model: &Name,
        alias: &Name,
        request: &MoveAliasRequest,
    ) -> Result<AliasHistoryEntry, Error> {
        self.post(&format!("/api/v1/models/{model}/aliases/{alias}"), request).await
    }

    /// A page of workers, newest first.
    pub async fn workers(&self, query: &WorkersQuery) -> Result<WorkerList, Error> {
        self.get_with("/api/v1/workers", query).await
    }

    /// A page of queues, and who works on them, by name and labels.
    pub async fn queues(&self, query: &QueuesQuery) -> Result<QueueList, Error> {
        self.get_with("/api/v1/queues", query).await
    }

    /// A page of the builds of a view, oldest first.
    pub async fn list_builds(&self, view: &Name, query: &BuildsQuery) -> Result<BuildList, Error> {
        self.get_with(&format!("/api/v1/views/{view}/builds"), query).await
    }

    /// All DAGs, by name.
    pub async fn all_dags(&self) -> Result<Vec<DagView>, Error> {
        all_pages(|after| async move {
            let page = self.dags(&DagsQuery { after, limit: LIMIT }).await?;
            Ok((page.dags, page.next))
        })
        .await
    }

    /// All models with all of their versions and the history of their aliases, by name.
    pub async fn all_models(&self) -> Result<Vec<ModelView>, Error> {
        let summaries = all_pages(|after| async move {
            let page = self.models(&ModelsQuery { after, limit: LIMIT }).await?;
            Ok::<_, Error>((page.models, page.next))
        });
        let mut models = Vec::new();
        for summary in summaries.await? {
            models.push(self.whole_model(summary).await?);
        }
        Ok(models)
    }

    async fn whole_model(&self, ModelSummary { name, aliases, .. }: ModelSummary) -> Result<ModelView, Error> {
        let of = &name;
        let versions = all_pages(|before| async move {
            let page = self.model_versions(of, &VersionsQuery { before, limit: LIMIT }).await?;
            Ok::<_, Error>((page.versions, page.next))
        });
        let mut versions = versions.await?;
        versions.reverse();
        let alias_history = self.all_moves(of).await?;
        Ok(ModelView { name, versions, aliases, alias_history })
    }

    /// All moves of a model's aliases, oldest first.
    pub async fn all_moves(&self, model: &Name) -> Result<Vec<AliasHistoryEntry>, Error> {
        let moves = all_pages(|before| async move {
            let page = self.alias_history(model, &AliasHistoryQuery { before, limit: LIMIT }).await?;
            Ok::<_, Error>((page.moves, page.next))
        });
        let mut moves = moves.await?;
        moves.reverse();
        Ok(moves)
    }

    /// All workers, newest first.
    pub async fn all_workers(&self) -> Result<Vec<WorkerView>, Error> {
        all_pages(|before| async move {
            let page = self.workers(&WorkersQuery { before, limit: LIMIT }).await?;
            Ok((page.workers, page.next))
        })
        .await
    }

    /// All queues, by name and labels.
    pub async fn all_queues(&self) -> Result<Vec<QueueView>, Error> {
        all_pages(|after| async move {
            let page = self.queues(&QueuesQuery { after, limit: LIMIT }).await?;
            Ok((page.queues, page.next))
        })
        .await
    }

    /// All builds of a view with `from <= as_of <= to`, oldest first.
    pub(crate) async fn all_builds(
        &self,
        view: &Name,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<BuildRecord>, Error> {
        all_pages(|after| async move {
            let query = BuildsQuery { from: Some(from), to: Some(to), after, limit: LIMIT };
            let page = self.list_builds(view, &query).await?;
            Ok((page.builds, page.next))
        })
        .await
    }
}
