//! Keys, inputs, features, derived values and label of a model, resolved against its observations and the views it
//! reads; what does not fit is a problem with its place. Reads no row and knows no algorithm.

use std::collections::{BTreeMap, BTreeSet};

use daybreak_spec::{
    ColumnType, FeatureReference, FeatureView, Input, Missing, Model, Name, Problem, Project, Span, did_you_mean,
};

use crate::reading::SourceView;
use crate::schema::SourceSchema;
use crate::typing::{Scope, can_be_key, same_key_family};
use crate::view_schema::{ViewSchema, view_schema};

/// The column of a training set that holds the label.
pub(crate) const LABEL: &str = "label";
/// The column of a training set that holds the instant of the observation.
pub(crate) const OBSERVED_AT: &str = "event_time";

/// What an algorithm learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelKind {
    /// A classifier: true or false.
    Boolean,
    /// A regressor: a number.
    Number,
}

/// What a model reads and learns.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSchema {
    /// Columns of the observation that serve as keys, in order of first use.
    pub keys: Vec<(String, ColumnType)>,
    /// Inputs in order, with their declared types.
    pub inputs: Vec<(String, ColumnType)>,
    /// Features in order.
    pub features: Vec<ResolvedFeature>,
    /// Derived values in order.
    pub derived: Vec<(String, ColumnType)>,
    /// Type of the label.
    pub label: ColumnType,
}

/// One feature that a model reads.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedFeature {
    /// `{role}__{feature}`.
    pub name: String,
    /// The role the view plays.
    pub role: Name,
    /// The view.
    pub view: Name,
    /// The feature's name in the view.
    pub feature: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Key column of the view and the observation column that fills it, in the view's order.
    pub keys: Vec<(String, String)>,
    /// What happens where it is missing.
    pub missing: Missing,
    /// The view's largest age in microseconds.
    pub ttl_us: Option<i64>,
}

/// Resolves a model. `sources` holds the schema of every source that could be read; `wanted` what its algorithm learns,
/// where that is known.
///
/// # Errors
/// Everything that does not fit; empty where what is wrong is reported elsewhere (see [`view_schema`]).
pub fn model_schema(
    project: &Project,
    model: &Name,
    sources: &BTreeMap<Name, SourceSchema>,
    wanted: Option<LabelKind>,
) -> Result<ModelSchema, Vec<Problem>> {
    let declaration = project.models.get(model).ok_or_else(Vec::new)?;
    let name = &declaration.observations.source.value;
    let (Some(schema), Some(source)) = (sources.get(name), project.sources.get(name)) else { return Err(Vec::new()) };
    let mut resolver = Resolver {
        project,
        sources,
        model: declaration,
        source: SourceView { name, source, schema },
        scope: Scope { columns: &schema.columns, place: format!("source `{name}`") },
        complete: true,
        problems: Vec::new(),
    };
    let label = resolver.observations(wanted);
    let mut resolved = ModelSchema {
        keys: Vec::new(),
        inputs: Vec::new(),
        features: Vec::new(),
        derived: Vec::new(),
        label: label.unwrap_or(ColumnType::F64),
    };
    for input in &declaration.inputs {
        resolver.input(input, &mut resolved);
    }
    for reference in &declaration.features {
        resolver.reference(reference, &mut resolved);
    }
    resolver.derived(&mut resolved);
    if resolver.problems.is_empty() && resolver.complete { Ok(resolved) } else { Err(resolver.problems) }
}

struct Resolver<'a> {
    project: &'a Project,
    sources: &'a BTreeMap<Name, SourceSchema>,
    model: &'a Model,
    source: SourceView<'a>,
    scope: Scope<'a>,
    /// False once something it needs was missing and is reported elsewhere.
    complete: bool,
    problems: Vec<Problem>,
}

impl Resolver<'_> {
    fn observations(&mut self, wanted: Option<LabelKind>) -> Option<ColumnType> {
        let observations = &self.model.observations;
        if self.source.source.event_time.is_none() {
            let message = format!("source `{}` has no event time, so its rows are not observations", self.source.name);
            let problem = Problem::error("no_event_time", observations.source.span, message);
            self.problems.push(problem.hint("declare its `event_time`: the instant of prediction"));
        }
        if let Some(time) = &observations.label_known_at {
            self.scope.instant(time, "`label_known_at`", &mut self.problems);
        }
        if let Some(filter) = &observations.filter {
            self.scope.condition(filter, "`where`", &mut self.problems);
        }
        let label = self.scope.infer(&observations.label, &mut self.problems)?;
        let fits = match wanted {
            Some(LabelKind::Boolean) => label == ColumnType::Bool,
            Some(LabelKind::Number) => label.is_number(),
            None => label == ColumnType::Bool || label.is_number(),
        };
        if !fits {
            let algorithm = &self.model.algorithm.name;
            let needs = match wanted {
                Some(LabelKind::Boolean) => format!("`{}` learns true or false", algorithm.value),
                Some(LabelKind::Number) => format!("`{}` learns numbers", algorithm.value),
                None => "a label is true or false, or a number".to_owned(),
            };
            let message = format!("{needs}, but the label `{}` is {}", observations.label.text, label.name());
            let problem = Problem::error("label_type", observations.label.span, message);
            let problem = problem.related(algorithm.span, "the algorithm");
            self.problems.push(if wanted == Some(LabelKind::Boolean) && label.is_number() {
                problem.hint("compare it with a threshold, or use `linear_regression`")
            } else {
                problem
            });
        }
        Some(label)
    }

    fn known_later(&mut self, column: &str, what: &str, span: Span) {
        if let Some(time) = self.source.late_time_of(column) {
            let message = format!("{what} `{column}` is known only from `{time}` on, after the instant of prediction");
            let problem = Problem::error("known_later", span, message);
            self.problems.push(problem.hint("predict from what is known at the event time"));
        }
    }

    fn taken(&mut self, name: &str, span: Span, resolved: &ModelSchema) {
        if [LABEL, OBSERVED_AT].contains(&name) {
            let message = format!("`{name}` is a column of every training set and cannot be another one's name");
            self.problems.push(Problem::error("reserved_name", span, message));
        }
        let inputs = resolved.inputs.iter().chain(&resolved.derived).map(|(name, _)| name.as_str());
        let mut all = inputs.chain(resolved.features.iter().map(|feature| feature.name.as_str()));
        if all.any(|known| known == name) {
            let message = format!("the model has two columns called `{name}`");
            self.problems.push(Problem::error("duplicate_name", span, message));
        }
    }

    fn input(&mut self, input: &Input, resolved: &mut ModelSchema) {
        let name = input.name.value.as_str();
        self.taken(name, input.name.span, resolved);
        if let Some(found) = self.scope.column(name, input.name.span, &mut self.problems) {
            let declared = input.column_type.value;
            let fits = found == declared
                || (found.is_integer() && declared.is_number())
                || (found.is_number() && matches!(declared, ColumnType::F32 | ColumnType::F64));
            if !fits {
                let message =
                    format!("input `{name}` is declared {}, but the column is {}", declared.name(), found.name());
                let problem = Problem::error("type_mismatch", input.column_type.span, message);
                self.problems.push(problem.hint(format!("write `{}`", found.name())));
            }
        }
        self.known_later(name, "input", input.name.span);
        resolved.inputs.push((name.to_owned(), input.column_type.value));
    }

    fn reference(&mut self, reference: &FeatureReference, resolved: &mut ModelSchema) {
        let name = &reference.view.value;
        let Some(view) = self.project.feature_views.get(name) else {
            self.complete = false;
            return;
        };
        let keys = self.keys_of(reference, view, resolved);
        let Ok(schema) = view_schema(self.project, name, self.sources) else {
            self.complete = false;
            return;
        };
        self.check_types(reference, &keys, &schema);
        let role = reference.role();
        let same_role = resolved.features.iter().find(|feature| feature.role == *role);
        if same_role.is_some_and(|other| other.view != *name || other.keys != keys) {
            let message = format!("role `{role}` stands for two different things");
            self.problems
                .push(Problem::error("duplicate_role", reference.span, message).hint("give one another `as:`"));
        }
        for (feature, column_type, span) in self.picked(reference, &schema) {
            let full = format!("{role}__{feature}");
            self.taken(&full, span, resolved);
            resolved.features.push(ResolvedFeature {
                name: full,
                role: role.clone(),
                view: name.clone(),
                feature,
                column_type,
                keys: keys.clone(),
                missing: reference.missing.unwrap_or(self.model.missing),
                ttl_us: view.ttl.as_ref().map(|ttl| ttl.micros),
            });
        }
    }

    /// The features a reference picks, with where each was asked for.
    fn picked(&mut self, reference: &FeatureReference, schema: &ViewSchema) -> Vec<(String, ColumnType, Span)> {
        let Some(picks) = &reference.pick else {
            let all = schema.features.iter();
            return all.map(|(name, column_type)| (name.clone(), *column_type, reference.span)).collect();
        };
        let mut picked = Vec::with_capacity(picks.len());
        for pick in picks {
            match schema.features.iter().find(|(name, _)| *name == pick.value) {
                Some((name, column_type)) => picked.push((name.clone(), *column_type, pick.span)),
                None => {
                    let message = format!("view `{}` has no feature `{}`", reference.view.value, pick.value);
                    let problem = Problem::error("unknown_feature", pick.span, message);
                    let names = schema.features.iter().map(|(name, _)| name.as_str());
                    self.problems.push(match did_you_mean(pick, names) {
                        Some(guess) => problem.hint(format!("did you mean `{guess}`?")),
                        None => problem,
                    });
                }
            }
        }
        picked
    }

    /// Pairs of key column and observation column; new observation columns join the model's keys.
    fn keys_of(
        &mut self,
        reference: &FeatureReference,
        view: &FeatureView,
        resolved: &mut ModelSchema,
    ) -> Vec<(String, String)> {
        let Some(entity) = &view.entity else {
            self.unknown_keys(reference, &[]);
            return Vec::new();
        };
        let Some(entity) = self.project.entities.get(&entity.value) else {
            self.complete = false;
            return Vec::new();
        };
        let names: Vec<&str> = entity.keys.iter().map(|key| key.value.as_str()).collect();
        self.unknown_keys(reference, &names);
        let mut pairs = Vec::with_capacity(names.len());
        for key in names {
            let mapped = reference.entity.get(key);
            let (column, span) = mapped.map_or((key, reference.span), |column| (column.value.as_str(), column.span));
            let seen = resolved.keys.iter().any(|(known, _)| known == column);
            if let Some(found) = self.scope.column(column, span, &mut self.problems)
                && !seen
            {
                self.known_later(column, "key", span);
                let declared = resolved.inputs.iter().find(|(input, _)| input == column);
                let column_type = declared.map_or(found, |(_, column_type)| *column_type);
                if [LABEL, OBSERVED_AT].contains(&column) {
                    let message = format!("a key cannot be called `{column}`: that is a column of every training set");
                    self.problems.push(Problem::error("reserved_name", span, message));
                }
                resolved.keys.push((column.to_owned(), column_type));
            }
            pairs.push((key.to_owned(), column.to_owned()));
        }
        pairs
    }

    fn unknown_keys(&mut self, reference: &FeatureReference, names: &[&str]) {
        for (key, column) in &reference.entity {
            if !names.contains(&key.as_str()) {
                let message = format!("view `{}` has no key `{key}`", reference.view.value);
                let problem = Problem::error("unknown_key_column", column.span, message);
                self.problems.push(match did_you_mean(key, names.iter().copied()) {
                    Some(guess) => problem.hint(format!("did you mean `{guess}`?")),
                    None => problem,
                });
            }
        }
    }

    fn check_types(&mut self, reference: &FeatureReference, keys: &[(String, String)], schema: &ViewSchema) {
        for ((key, column), (_, expected)) in keys.iter().zip(&schema.keys) {
            let Some(found) = self.scope.columns.get(column) else { continue };
            if !same_key_family(*found, *expected) && can_be_key(*expected) {
                let span = reference.entity.get(key).map_or(reference.span, |column| column.span);
                let message = format!(
                    "key `{key}` of view `{}` is {}, but column `{column}` of the observations is {}",
                    reference.view.value,
                    expected.name(),
                    found.name()
                );
                self.problems.push(Problem::error("key_type_mismatch", span, message));
            }
        }
    }

    fn derived(&mut self, resolved: &mut ModelSchema) {
        let features = resolved.features.iter().map(|feature| (feature.name.clone(), feature.column_type));
        let mut columns: BTreeMap<String, ColumnType> = resolved.inputs.iter().cloned().chain(features).collect();
        let mut failed: BTreeSet<String> = BTreeSet::new();
        for derived in &self.model.derived {
            let name = derived.name.value.clone();
            self.taken(&name, derived.name.span, resolved);
            let used = crate::expression::columns_of(&derived.expression.tree);
            let hidden = !self.complete && used.iter().any(|column| !columns.contains_key(column));
            let column_type = if hidden || used.iter().any(|column| failed.contains(column)) {
                failed.insert(name.clone());
                None
            } else {
                let scope = Scope { columns: &columns, place: "the model".to_owned() };
                let before = self.problems.len();
                let found = scope.infer(&derived.expression, &mut self.problems);
                if self.problems.len() > before {
                    failed.insert(name.clone());
                }
                found
            };
            let column_type = column_type.unwrap_or(ColumnType::F64);
            columns.insert(name.clone(), column_type);
            resolved.derived.push((name, column_type));
        }
    }
}
