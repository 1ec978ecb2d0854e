//! `materialize`: publishes the builds at T as the new generation of online rows. Never builds anything and never
//! flips a pointer without a publication number minted under the attempt's fence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use daybreak_core::{Dataset, KindDefinition, ParameterDefinition, ParameterType};
use daybreak_failpoints::crossing;
use daybreak_features::embedded::EmbeddedStore;
use daybreak_features::{Generation, OnlineStore as _, Published};
use daybreak_offline::{BuildFrame, FrameColumn};
use daybreak_protocol::{MintPublication, TaskResult};
use daybreak_runtime::{Task, TaskContext, TaskError};
use daybreak_spec::{FeatureView, Name, Project, Timestamp, ViewDefinition};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::failure::{self, blocking};
use crate::parameters::{OneOrMany, object};
use crate::stores::{Stores, mended};
use crate::upstream;

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "materialize",
    summary: "publishes the builds at the run's instant as online rows",
    parameters: &[ParameterDefinition {
        name: "views",
        parameter_type: ParameterType::Views,
        required: false,
        summary: "the views to publish; all that the tasks it needs have built when left out",
    }],
    heavy: true,
    side_effects: false,
    gated: false,
    reads: &[Dataset::Views("views")],
    makes: &[Dataset::OnlineRows("views")],
    rules: &[],
};

/// The task.
pub struct Materialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    views: Option<OneOrMany<Name>>,
}

#[async_trait]
impl Task for Materialize {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let parameters: Parameters = context.parameters()?;
        let stores = Stores::of(context);
        let views: BTreeSet<Name> = match parameters.views {
            Some(named) => named.into_iter().collect(),
            None => upstream::built_views(context)?,
        };
        let folder = context.data_dir.join("online");
        let online = blocking(move || EmbeddedStore::open(&folder).map_err(|error| failure::online(&error))).await?;
        let mut published = Map::new();
        for (done, view) in views.iter().enumerate() {
            let summary = publish(context, &stores, &online, view).await?;
            published.insert(view.to_string(), summary);
            context.progress("views published", done as u64 + 1, views.len() as u64);
        }
        let outputs = object(json!({ "at": context.assignment.window_end, "views": published }));
        Ok(TaskResult { outputs, ..TaskResult::default() })
    }
}

/// Publishes one view and says what is in service now.
async fn publish(
    context: &TaskContext,
    stores: &Stores,
    online: &Arc<EmbeddedStore>,
    view: &Name,
) -> Result<Json, TaskError> {
    let assignment = &context.assignment;
    let as_of = assignment.window_end;
    let parquet = build_at(context, stores, view).await?;
    let mint = MintPublication {
        task_run_id: assignment.task_run_id.clone(),
        fence: assignment.fence,
        view: view.clone(),
        as_of,
    };
    let publication =
        stores.orchestrator.mint_publication(mint).await.map_err(|error| failure::orchestrator(&error))?;
    let (offline, online, name) = (Arc::clone(&stores.offline), Arc::clone(online), view.clone());
    let project = Arc::clone(&stores.project);
    let (outcome, digest) = blocking(move || {
        let frame = offline.read_build(&name, &parquet).map_err(|error| failure::offline(&error))?;
        let generation = generation(&project, &name, (as_of, publication), &frame);
        let outcome = online.publish(generation, &mut frame.rows()).map_err(|error| failure::online(&error))?;
        let digest = match &outcome {
            Published::Live { .. } => Some(online.digest(&name).map_err(|error| failure::online(&error))?),
            Published::Superseded { .. } => None,
        };
        Ok((outcome, digest))
    })
    .await?;
    crossing!("cp16.after");
    Ok(match outcome {
        Published::Live { rows } => {
            context.log(&format!("view {view}: {rows} rows in service as publication {publication}"));
            json!({ "rows": rows, "publication": publication, "digest": digest })
        }
        Published::Superseded { as_of, publication: newer } => {
            context
                .log(&format!("view {view}: the rows of {as_of} (publication {newer}) are newer and stay in service"));
            json!({ "publication": publication, "superseded_by": as_of })
        }
    })
}

/// The build at T; made again, with the same bytes, where its object is missing or damaged.
async fn build_at(context: &TaskContext, stores: &Stores, view: &Name) -> Result<Bytes, TaskError> {
    let as_of = context.assignment.window_end;
    let record = stores.recorded(view, (as_of, as_of)).await?.remove(&as_of).ok_or_else(|| {
        TaskError::lasting(format!(
            "view `{view}` has no build at {as_of} with its present definition; a `build_features` task for it must run before"
        ))
    })?;
    if let Some((_, Some(bytes))) = stores.read(vec![record.clone()]).await?.pop() {
        return Ok(bytes);
    }
    let wanted = BTreeMap::from([(view.clone(), BTreeSet::from([as_of]))]);
    let mut made = stores.make(wanted).await?;
    context.log(&mended(&record, &made));
    made.pop()
        .map(|made| made.parquet)
        .ok_or_else(|| TaskError::passing(format!("view `{view}` gave no build at {as_of}")))
}

fn generation(
    project: &Project,
    view: &Name,
    (as_of, publication): (Timestamp, i64),
    frame: &BuildFrame,
) -> Generation {
    let declared = project.feature_views.get(view);
    let names = |columns: &[FrameColumn]| columns.iter().map(|column| column.name.clone()).collect();
    let types = |columns: &[FrameColumn]| columns.iter().map(|column| column.column_type).collect();
    let is_latest = |view: &FeatureView| matches!(view.definition, ViewDefinition::Latest { .. });
    Generation {
        view: view.clone(),
        as_of,
        publication,
        key_names: names(&frame.keys),
        key_types: types(&frame.keys),
        feature_names: names(&frame.features),
        feature_types: types(&frame.features),
        ttl_us: declared.and_then(|view| view.ttl.as_ref()).map(|ttl| ttl.micros),
        ttl_from_event: declared.is_some_and(is_latest),
        rows: frame.rows as u64,
    }
}
