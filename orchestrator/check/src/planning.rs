//! Puts the typed plan together from what the checks have found out. Only for a project without errors; decides nothing
//! and reports nothing.

use std::collections::BTreeMap;

use daybreak_core::ScheduleCompiler;
use daybreak_offline::{ModelSchema, ViewSchema};
use daybreak_spec::{ColumnType, Dag, FeatureView, Model, Name, Project, ScheduleRules, Timestamp, ViewDefinition};

use crate::columns::Columns;
use crate::dags::CheckedDag;
use crate::plan::{Column, DagPlan, Explanation, Item, ModelPlan, Plan, SchedulePlan, TaskPlan, ViewPlan};

/// Firings shown by `explain`.
const FIRINGS_SHOWN: usize = 5;

/// The plan of a sound project.
pub(crate) fn plan(project: &Project, columns: &Columns, dags: &BTreeMap<Name, CheckedDag>) -> Plan {
    let views = columns.views.iter().map(|(name, schema)| (name.clone(), view(&project.feature_views[name], schema)));
    let models = columns.models.iter().map(|(name, schema)| (name.clone(), model(&project.models[name], schema)));
    let dags = dags.iter().map(|(name, checked)| (name.clone(), dag(&project.dags[name], checked)));
    Plan { project: project.name.value.clone(), views: views.collect(), models: models.collect(), dags: dags.collect() }
}

fn columns(typed: &[(String, ColumnType)]) -> Vec<Column> {
    typed.iter().map(|(name, column_type)| Column { name: name.clone(), column_type: *column_type }).collect()
}

fn view(declared: &FeatureView, schema: &ViewSchema) -> ViewPlan {
    let sources = match &declared.definition {
        ViewDefinition::Aggregates { source, .. } | ViewDefinition::Latest { source, .. } => vec![source.value.clone()],
        ViewDefinition::Sql { sources, .. } => sources.clone(),
    };
    ViewPlan {
        entity: declared.entity.as_ref().map(|entity| entity.value.clone()),
        sources,
        keys: columns(&schema.keys),
        features: columns(&schema.features),
        ttl: declared.ttl.as_ref().map(|ttl| ttl.text.clone()),
    }
}

fn model(declared: &Model, schema: &ModelSchema) -> ModelPlan {
    let features = schema.features.iter();
    let mut views: Vec<Name> = declared.features.iter().map(|reference| reference.view.value.clone()).collect();
    views.sort_unstable();
    views.dedup();
    ModelPlan {
        observations: declared.observations.source.value.clone(),
        keys: columns(&schema.keys),
        inputs: columns(&schema.inputs),
        features: features
            .map(|feature| Column { name: feature.name.clone(), column_type: feature.column_type })
            .collect(),
        derived: columns(&schema.derived),
        views,
        algorithm: declared.algorithm.name.value.clone(),
        label: schema.label,
    }
}

fn dag(declared: &Dag, checked: &CheckedDag) -> DagPlan {
    let schedules = declared.schedules.iter().map(|schedule| SchedulePlan {
        cron: schedule.cron.value.clone(),
        timezone: schedule.timezone.value.clone(),
        start: schedule.start.as_ref().map(|start| start.value.to_string()),
        end: schedule.end.as_ref().map(|end| end.value.to_string()),
        rules: ScheduleRules::from(schedule),
    });
    let tasks = checked.order.iter().filter_map(|name| {
        let (task, kind, flow) = (&declared.tasks[name], checked.kinds.get(name)?, checked.flows.get(name)?);
        let parameters = task.parameters.iter().map(|(key, node)| (key.value.clone(), node.to_json()));
        Some(TaskPlan {
            name: name.clone(),
            kind: kind.name.to_owned(),
            heavy: kind.heavy,
            needs: task.needs.iter().map(|need| need.value.clone()).collect(),
            trigger: task.trigger.clone(),
            tolerated: task.tolerated,
            parameters: parameters.collect(),
            inputs: flow.inputs.iter().cloned().collect(),
            outputs: flow.outputs.iter().cloned().collect(),
        })
    });
    DagPlan { schedules: schedules.collect(), tasks: tasks.collect() }
}

/// One DAG of a plan with its next firings after `now`.
pub(crate) fn explain(plan: &Plan, project: &Project, name: &Name, now: Timestamp) -> Option<Explanation> {
    let dag = plan.dags.get(name)?;
    let firings = ScheduleCompiler::of(project).firings(name, project.dags.get(name)?).unwrap_or_default();
    let mut next_firings = Vec::new();
    let mut after = now;
    while next_firings.len() < FIRINGS_SHOWN {
        let Some(next) = firings.next_after(after) else { break };
        next_firings.push(next);
        after = next;
    }
    let last_firing = if next_firings.is_empty() { firings.previous_before(now) } else { None };
    let (mut views, mut models) = (BTreeMap::new(), BTreeMap::new());
    for item in dag.tasks.iter().flat_map(|task| task.inputs.iter().chain(&task.outputs)) {
        match item {
            Item::Builds { view } | Item::OnlineRows { view } => {
                views.extend(plan.views.get(view).map(|plan| (view.clone(), plan.clone())));
            }
            Item::Version { model } | Item::Judgement { model } | Item::Alias { model } => {
                models.extend(plan.models.get(model).map(|plan| (model.clone(), plan.clone())));
            }
            Item::Rows { .. } => {}
        }
    }
    Some(Explanation { dag: name.clone(), plan: dag.clone(), views, models, next_firings, last_firing })
}
