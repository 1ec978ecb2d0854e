//! What pages of a user interface look at, over the client: how things stand, one DAG, one run. To add a look: a method here,
//! a route in `server`.

use daybreak_spec::Name;

use crate::client::segment;
use crate::{
    AttemptList, AttemptsQuery, Client, DagDetail, Durations, Error, FiringList, FiringsQuery, Grid, GridQuery, Me,
    Overview, RunLineage, ViewList, ViewsQuery,
};

impl Client {
    /// Whoever the token speaks for.
    pub async fn me(&self) -> Result<Me, Error> {
        self.get("/api/v1/me").await
    }

    /// How things stand.
    pub async fn overview(&self) -> Result<Overview, Error> {
        self.get("/api/v1/overview").await
    }

    /// One DAG.
    pub async fn dag(&self, dag: &Name) -> Result<DagDetail, Error> {
        self.get(&format!("/api/v1/dags/{dag}")).await
    }

    /// A page of the runs of a DAG with the states of their tasks, newest first.
    pub async fn grid(&self, dag: &Name, query: &GridQuery) -> Result<Grid, Error> {
        self.get_with(&format!("/api/v1/dags/{dag}/grid"), query).await
    }

    /// A page of the runs of a DAG with the times of their tasks, newest first.
    pub async fn durations(&self, dag: &Name, query: &GridQuery) -> Result<Durations, Error> {
        self.get_with(&format!("/api/v1/dags/{dag}/durations"), query).await
    }

    /// A page of feature views, by name.
    pub async fn views(&self, query: &ViewsQuery) -> Result<ViewList, Error> {
        self.get_with("/api/v1/views", query).await
    }

    /// Firings of a stretch of business time.
    pub async fn firings(&self, query: &FiringsQuery) -> Result<FiringList, Error> {
        self.get_with("/api/v1/firings", query).await
    }

    /// A page of the attempts of a run, oldest first.
    pub async fn attempts(&self, run_id: &str, query: &AttemptsQuery) -> Result<AttemptList, Error> {
        self.get_with(&format!("/api/v1/runs/{}/attempts", segment(run_id)?), query).await
    }

    /// What a run was made from and what came of it.
    pub async fn lineage(&self, run_id: &str) -> Result<RunLineage, Error> {
        self.get(&format!("/api/v1/runs/{}/lineage", segment(run_id)?)).await
    }
}
