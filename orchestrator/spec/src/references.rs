//! Names against declarations: sources, entities, views and their features, roles of models. Knows no columns and no
//! types (`check` does). A declaration that has problems of its own is taken to hold whatever is asked of it, so that
//! one mistake is reported once. To add a reference: a line in the function of the declaration that makes it.

use std::collections::BTreeMap;

use crate::did_you_mean::suggestion;
use crate::expression::find_name;
use crate::{
    Alert, Dag, DateSet, DeclarationKind, Declared, Decoder, FeatureReference, FeatureView, LimitUse, Model, Name,
    Problem, Project, Span, Spanned, ViewDefinition,
};

/// Checks all references of a project.
pub(crate) fn check(project: &Project, declared: &Declared, decoder: &mut Decoder<'_>) {
    let mut check = Check { project, declared, decoder };
    for (name, view) in &project.feature_views {
        check.view(name, view);
    }
    for (name, model) in &project.models {
        check.model(name, model);
    }
    for used in project.dags.values().flat_map(|dag| dag.tasks.values()).flat_map(|task| &task.limits) {
        check.limit(used);
    }
    for dag in project.dags.values() {
        check.follows(dag);
    }
    for alert in project.alerts.values() {
        check.alert(alert);
    }
    for schedule in project.dags.values().flat_map(|dag| &dag.schedules) {
        for set in schedule.exclude.iter().chain(&schedule.only) {
            if let DateSet::Calendar(name) = set {
                check.declared(DeclarationKind::Calendar, &name.value, name.span);
            }
        }
    }
}

struct Check<'a, 'd, 'f> {
    project: &'a Project,
    declared: &'a Declared,
    decoder: &'d mut Decoder<'f>,
}

impl Check<'_, '_, '_> {
    fn declared(&mut self, kind: DeclarationKind, name: &Name, span: Span) -> bool {
        let found = self.declared.may_exist(kind, name);
        if !found {
            let problem = Problem::error("unknown_reference", span, format!("there is no {} `{name}`", kind.name()));
            let hint = suggestion(name.as_str(), self.declared.names(kind));
            self.decoder.report(problem.hint(hint));
        }
        found
    }

    fn follows(&mut self, dag: &Dag) {
        for after in &dag.after {
            self.declared(DeclarationKind::Dag, &after.dag.value, after.dag.span);
        }
        for updated in &dag.updated {
            for (kind, names) in
                [(DeclarationKind::FeatureView, &updated.views), (DeclarationKind::Source, &updated.sources)]
            {
                for name in names {
                    self.declared(kind, &name.value, name.span);
                }
            }
        }
    }

    fn alert(&mut self, alert: &Alert) {
        for name in alert.dags.iter().flatten().chain([&alert.run]) {
            self.declared(DeclarationKind::Dag, &name.value, name.span);
        }
    }

    /// A task that takes more than there is would wait for ever.
    fn limit(&mut self, used: &LimitUse) {
        let name = &used.limit.value;
        self.declared(DeclarationKind::Limit, name, used.limit.span);
        let Some(limit) = self.project.limits.get(name).filter(|limit| limit.slots < used.slots) else { return };
        let message = format!("{} slots are taken of limit `{name}`, which has {}", used.slots, limit.slots);
        let problem = Problem::error("out_of_range", used.limit.span, message);
        self.decoder.report(problem.hint("it would never run").related(limit.span, "the limit"));
    }

    fn view(&mut self, name: &Name, view: &FeatureView) {
        if let Some(entity) = &view.entity {
            self.declared(DeclarationKind::Entity, &entity.value, entity.span);
        }
        match &view.definition {
            ViewDefinition::Aggregates { source, .. } | ViewDefinition::Latest { source, .. } => {
                self.declared(DeclarationKind::Source, &source.value, source.span);
            }
            ViewDefinition::Sql { query, sources } => {
                let place = self.decoder.place_of_text(query);
                for source in sources {
                    let span = find_name(query, source.as_str(), &place).unwrap_or(query.span);
                    self.declared(DeclarationKind::Source, source, span);
                }
            }
        }
        self.distinct_features(name, view);
    }

    /// A feature's name stands once in its view and is no key of its entity.
    fn distinct_features(&mut self, name: &Name, view: &FeatureView) {
        let entity = view.entity.as_ref().and_then(|entity| self.project.entities.get(&entity.value));
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for (feature, span) in features_of(view).unwrap_or_default() {
            let key = entity.and_then(|entity| entity.keys.iter().find(|key| key.value == feature));
            if let Some(key) = key {
                let message = format!("a feature cannot be called `{feature}`: that is the name of a key of the view");
                let problem = Problem::error("reserved_name", span, message);
                self.decoder.report(problem.related(key.span, "the entity's key"));
            }
            match seen.get(&feature) {
                Some(first) => {
                    let message = format!("view `{name}` has two features called `{feature}`");
                    let problem = Problem::error("duplicate_feature", span, message);
                    let hint = match view.definition {
                        ViewDefinition::Latest { .. } => "drop one of them",
                        _ => "give one of them another `as`",
                    };
                    self.decoder.report(problem.hint(hint).related(*first, "the first one"));
                }
                None => drop(seen.insert(feature, span)),
            }
        }
    }

    fn model(&mut self, name: &Name, model: &Model) {
        let source = &model.observations.source;
        self.declared(DeclarationKind::Source, &source.value, source.span);
        for reference in &model.features {
            self.reference(reference);
        }
        self.distinct_roles(name, &model.features);
        self.distinct_columns(model);
    }

    fn reference(&mut self, reference: &FeatureReference) {
        let name = &reference.view.value;
        if !self.declared(DeclarationKind::FeatureView, name, reference.view.span)
            || self.declared.is_damaged(DeclarationKind::FeatureView, name)
        {
            return;
        }
        let Some(view) = self.project.feature_views.get(name) else { return };
        self.key_columns(reference, view);
        let Some(features) = features_of(view) else { return };
        for pick in reference.pick.iter().flatten() {
            if !features.iter().any(|(feature, _)| *feature == pick.value) {
                let message = format!("view `{name}` has no feature `{}`", pick.value);
                let hint = suggestion(pick, features.iter().map(|(feature, _)| feature.as_str()));
                self.decoder.report(Problem::error("unknown_feature", pick.span, message).hint(hint));
            }
        }
    }

    /// `entity: { key: column }` names keys of the view's entity.
    fn key_columns(&mut self, reference: &FeatureReference, view: &FeatureView) {
        let keys = match &view.entity {
            None => Vec::new(),
            Some(entity) if self.declared.is_damaged(DeclarationKind::Entity, &entity.value) => return,
            Some(entity) => match self.project.entities.get(&entity.value) {
                Some(entity) => entity.keys.iter().map(|key| key.as_str()).collect(),
                None => return,
            },
        };
        for (key, column) in &reference.entity {
            if !keys.contains(&key.as_str()) {
                let message = format!("view `{}` has no key `{key}`", reference.view.value);
                let hint = match keys.as_slice() {
                    [] => "the view has no entity and one row for all; leave `entity` out".to_owned(),
                    keys => suggestion(key, keys.iter().copied()),
                };
                let span = self.decoder.key_place(column.span);
                self.decoder.report(Problem::error("unknown_key_column", span, message).hint(hint));
            }
        }
    }

    /// Two references to one view, or under one name, need `as`.
    fn distinct_roles(&mut self, model: &Name, references: &[FeatureReference]) {
        let mut seen: BTreeMap<&Name, &FeatureReference> = BTreeMap::new();
        for reference in references {
            let role = reference.role();
            let Some(first) = seen.get(role) else {
                seen.insert(role, reference);
                continue;
            };
            let span = reference.alias.as_ref().map_or(reference.view.span, |alias| alias.span);
            let message = format!("model `{model}` has two references called `{role}`");
            let parts = first.view == reference.view && first.entity == reference.entity;
            let hint = match parts && (first.pick.is_none() || reference.pick.is_none()) {
                true => "a whole view already holds each of its features; drop one of them",
                false => "give one of them another name with `as`",
            };
            let problem = Problem::error("duplicate_role", span, message).hint(hint);
            self.decoder.report(problem.related(first.span, "the first one"));
        }
        for reference in references {
            let role = reference.role();
            let picks = reference.pick.iter().flatten().map(|pick| (pick.as_str(), pick.span));
            self.decoder.refuse_repeats(&format!("the reference `{role}`"), picks);
        }
    }

    /// Inputs, derived values and features are columns of one row.
    fn distinct_columns(&mut self, model: &Model) {
        let inputs = model.inputs.iter().map(|input| &input.name);
        let derived = model.derived.iter().map(|derived| &derived.name);
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for reference in &model.features {
            for feature in self.picked(reference) {
                seen.entry(format!("{}__{}", reference.role(), feature.value)).or_insert(feature.span);
            }
        }
        for column in inputs.chain(derived) {
            match seen.get(&column.value) {
                Some(first) => {
                    let message = format!("the model has two columns called `{}`", column.value);
                    let problem = Problem::error("duplicate_column", column.span, message);
                    self.decoder.report(problem.hint("rename one of them").related(*first, "the first one"));
                }
                None => drop(seen.insert(column.value.clone(), column.span)),
            }
        }
    }

    /// The features a reference reads, as far as names tell.
    fn picked(&self, reference: &FeatureReference) -> Vec<Spanned<String>> {
        if let Some(picks) = &reference.pick {
            return picks.clone();
        }
        let view = self.project.feature_views.get(&reference.view.value);
        let features = view.and_then(features_of).unwrap_or_default();
        features.into_iter().map(|(feature, _)| Spanned::new(feature, reference.span)).collect()
    }
}

/// A view's features and where each is made; `None` for `sql`, whose columns only its sources tell.
fn features_of(view: &FeatureView) -> Option<Vec<(String, Span)>> {
    match &view.definition {
        ViewDefinition::Aggregates { aggregates, .. } => {
            let named = aggregates.iter().flat_map(|aggregate| {
                aggregate.features().into_iter().map(|(feature, _, _)| (feature, aggregate.span))
            });
            Some(named.collect())
        }
        ViewDefinition::Latest { columns, .. } => {
            Some(columns.iter().map(|column| (column.value.clone(), column.span)).collect())
        }
        ViewDefinition::Sql { .. } => None,
    }
}
