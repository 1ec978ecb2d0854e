//! What the demo prints at its end: a table for people, or one JSON object that also lists the hash of everything made.

use std::collections::BTreeMap;
use std::time::Duration;

use daybreak_protocol::{Orchestrator as _, RunSummary};
use daybreak_spec::{Name, Timestamp};
use serde_json::{Value as Json, json};

use super::replay::Day;
use crate::commands::reading::all_runs;
use crate::embedded::Embedded;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::table;

/// All figures of a demo.
pub struct Report {
    runs: Vec<RunSummary>,
    rows_built: u64,
    versions: usize,
    promotions: usize,
    replay: Day,
    wall: Duration,
    artifacts: Json,
}

impl Report {
    /// Asks the server and the endpoint for everything that was made.
    pub async fn gather(embedded: &Embedded, replay: &Day, wall: Duration) -> Outcome<Self> {
        let client = embedded.client();
        let mut runs = all_runs(&client, Name::parse(super::DAG), u32::MAX).await?;
        runs.reverse();
        let models = client.all_models().await?;
        let ever = (Timestamp::from_micros(0), Timestamp::from_micros(253_402_214_400_000_000));
        let (mut builds, mut online, mut rows_built) = (BTreeMap::new(), BTreeMap::new(), 0);
        for view in &embedded.views {
            for build in client.builds(view, ever.0, ever.1).await? {
                rows_built += build.rows;
                builds.insert(format!("{view}@{}", build.as_of), build.object);
            }
            online.insert(view.to_string(), embedded.online_digest(view)?);
        }
        let mut versions = BTreeMap::new();
        for model in &models {
            for version in &model.versions {
                versions.insert(format!("{}@{}", model.name, version.content.as_of), version.content.object.clone());
            }
        }
        Ok(Self {
            promotions: models.iter().map(|model| model.alias_history.len()).sum(),
            versions: versions.len(),
            artifacts: json!({ "builds": builds, "models": versions, "online": online }),
            runs,
            rows_built,
            replay: replay.clone(),
            wall,
        })
    }

    /// To standard output.
    pub fn print(&self, json: bool) -> Outcome {
        if json { output::line(self.json()) } else { output::line(self.table()) }
    }

    /// Fails when a night or a request did.
    pub fn verdict(&self) -> Outcome {
        let failed = self.runs.len() - self.succeeded();
        if failed > 0 {
            return Err(Failure::failed(format!("{failed} nights did not succeed")));
        }
        match &self.replay.first_error {
            Some(error) => Err(Failure::failed(format!("{} requests failed, the first: {error}", self.replay.errors))),
            None => Ok(()),
        }
    }

    fn succeeded(&self) -> usize {
        self.runs.iter().filter(|run| run.state.to_string() == "succeeded").count()
    }

    fn auc(&self) -> Option<f64> {
        let labels: Vec<f64> = self.replay.labels.iter().map(|label| f64::from(u8::from(*label))).collect();
        daybreak_model::auc(&labels, &self.replay.scores)
    }

    fn json(&self) -> Json {
        let run = |run: &RunSummary| json!({ "id": run.id, "scheduled_for": run.scheduled_for, "state": run.state, "reason": run.reason });
        json!({
            "nights": self.runs.len(),
            "runs_succeeded": self.succeeded(),
            "rows_built": self.rows_built,
            "model_versions": self.versions,
            "promotions": self.promotions,
            "replay": {
                "auc": self.auc(),
                "n": self.replay.scores.len(),
                "p50_ms": self.replay.latency_ms(0.5),
                "p99_ms": self.replay.latency_ms(0.99),
                "requests_per_second": self.replay.requests_per_second(),
                "errors": self.replay.errors,
                "first_error": self.replay.first_error,
            },
            "wall_s": self.wall.as_secs_f64(),
            "runs": self.runs.iter().map(run).collect::<Vec<_>>(),
            "artifacts": self.artifacts,
        })
    }

    fn table(&self) -> String {
        let row = |name: &str, value: String| vec![name.to_owned(), value];
        let rows = [
            row("nights run", format!("{} ({} succeeded)", self.runs.len(), self.succeeded())),
            row("feature rows built", self.rows_built.to_string()),
            row("models trained", self.versions.to_string()),
            row("promotions", self.promotions.to_string()),
            row("departures replayed", format!("{} ({} errors)", self.replay.scores.len(), self.replay.errors)),
            row("AUC of the replay", self.auc().map_or_else(|| "-".into(), |auc| format!("{auc:.4}"))),
            row(
                "latency p50 / p99",
                format!("{:.2} / {:.2} ms", self.replay.latency_ms(0.5), self.replay.latency_ms(0.99)),
            ),
            row("requests per second", format!("{:.0}, one at a time", self.replay.requests_per_second())),
            row("wall time", format!("{:.1} s", self.wall.as_secs_f64())),
        ];
        table::render(&["demo", ""], &rows)
    }
}
