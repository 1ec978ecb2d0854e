//! The training set of a model: observations with a known label, each joined with the newest build that serving would
//! have had at its instant. A whole build answers: a key it lacks is missing, an older build is never asked. One output
//! row per observation, always. Nothing known at T or later reaches a value. To add a rule: `choose` for rows, `Role`
//! for features.

use std::collections::BTreeMap;

use bytes::Bytes;
use daybreak_features::{Status, is_fresh};
use daybreak_spec::{Name, Timestamp, ViewDefinition};
use polars::prelude::{Column, DataFrame};

use crate::build::frame::{EVENT_TIME, read_columns};
use crate::columns::{FrameColumn, Values, booleans, instants};
use crate::expression::{columns_of, to_polars};
use crate::keys::KeyTable;
use crate::model_schema::{LABEL, ModelSchema, ResolvedFeature};
use crate::reading::{Rows, SourceView, Span, column, evaluate};
use crate::states::as_known_before;
use crate::training_frame::{FeatureCounts, TrainingFrame, TrainingReport};
use crate::{Error, Offline};

/// What is asked for.
pub(crate) struct TrainingRequest<'a> {
    pub model: &'a Name,
    pub from: Timestamp,
    pub to: Timestamp,
    pub at: Timestamp,
    pub builds: &'a BTreeMap<Name, Vec<(Timestamp, Bytes)>>,
}

/// Observations as they were known at T.
struct Observed<'a> {
    source: SourceView<'a>,
    rows: Rows,
    frame: DataFrame,
}

/// Makes the training set.
pub(crate) fn training_set(offline: &Offline, request: &TrainingRequest<'_>) -> Result<TrainingFrame, Error> {
    let (name, model) = offline.model(request.model)?;
    let schema = offline.model_schema(name)?;
    let source_name = &model.observations.source.value;
    let source_schema = offline.source_schema(source_name)?;
    let source = offline.source_view(source_name, &source_schema)?;

    let mut columns = columns_of(&model.observations.label.tree);
    columns.extend(schema.keys.iter().chain(&schema.inputs).map(|(name, _)| name.clone()));
    columns.extend(model.observations.filter.iter().flat_map(|filter| columns_of(&filter.tree)));
    columns.extend(model.observations.label_known_at.iter().map(|column| column.value.clone()));
    let span = Span { from: Some(request.from.micros), before: request.to.max(request.at).micros };
    let rows = source.read(&columns, span)?;
    let frame = as_known_before(&source, &rows, request.at.micros)?;
    let observed = Observed { source, rows, frame };

    let mut report = TrainingReport { rows_read: observed.rows.frame.height() as u64, ..TrainingReport::default() };
    let label = observed.label(offline, request, &schema)?;
    let chosen = observed.choose(offline, request, (&label, &mut report))?;
    let times_us: Vec<i64> = chosen.iter().map(|&row| observed.rows.events[row as usize]).collect();
    let pick = |(name, column_type): &(String, _)| {
        let place = observed.source.place();
        FrameColumn::from_rows(column(&observed.frame, name, &place)?, &chosen, *column_type, &place)
    };
    let keys = schema.keys.iter().map(pick).collect::<Result<Vec<_>, Error>>()?;
    let inputs = schema.inputs.iter().map(pick).collect::<Result<Vec<_>, Error>>()?;
    let features = observed.features(offline, request, &schema, (&chosen, &times_us, &mut report))?;
    Ok(TrainingFrame {
        model: name.clone(),
        from: request.from,
        to: request.to,
        at: request.at,
        keys,
        inputs,
        features,
        label: label.picked(&chosen),
        times_us,
        report,
    })
}

impl Observed<'_> {
    fn label(
        &self,
        offline: &Offline,
        request: &TrainingRequest<'_>,
        schema: &ModelSchema,
    ) -> Result<FrameColumn, Error> {
        let (name, model) = offline.model(request.model)?;
        let tree = &model.observations.label.tree;
        let what = format!("computing the label of model `{name}`");
        let computed = evaluate(&self.frame, vec![to_polars(tree, &|column| self.source.type_of(column))], &what)?;
        let column = computed
            .first()
            .cloned()
            .unwrap_or_else(|| Column::new_empty(LABEL.into(), &polars::prelude::DataType::Null));
        let label = FrameColumn::from_polars(&column, schema.label, &self.source.place())?;
        Ok(FrameColumn { name: LABEL.to_owned(), ..label })
    }

    /// Source rows that are used, by (event time, sequence, row); the others are counted.
    fn choose(
        &self,
        offline: &Offline,
        request: &TrainingRequest<'_>,
        (label, report): (&FrameColumn, &mut TrainingReport),
    ) -> Result<Vec<u32>, Error> {
        let kept = self.kept(offline, request)?;
        let known = self.label_known(offline, request)?;
        let at = request.at.micros;
        let until = request.to.micros.min(at);
        let mut chosen = Vec::new();
        for row in 0..kept.len() {
            let event = self.rows.events[row];
            if event < request.from.micros || event >= until || self.rows.known[row] >= at || !kept[row] {
                continue;
            }
            report.observations += 1;
            let is_null = label.values.is_null(row);
            match known[row] {
                Some(known) if known >= at => report.unknown_labels += 1,
                _ if is_null => report.null_labels += 1,
                None => report.unknown_labels += 1,
                Some(_) => chosen.push(row as u32),
            }
        }
        chosen.sort_by_key(|&row| (self.rows.events[row as usize], self.rows.sequence[row as usize], row));
        Ok(chosen)
    }

    /// Per row whether both `where:` hold, given what was known at T.
    fn kept(&self, offline: &Offline, request: &TrainingRequest<'_>) -> Result<Vec<bool>, Error> {
        let observations = &offline.model(request.model)?.1.observations;
        let filters = self.source.filter().into_iter().chain(observations.filter.iter().map(|filter| &filter.tree));
        let filters = filters.map(|filter| to_polars(filter, &|column| self.source.type_of(column))).collect();
        let place = self.source.place();
        let mut kept = vec![true; self.frame.height()];
        for filter in evaluate(&self.frame, filters, &format!("filtering {place}"))? {
            for (kept, holds) in kept.iter_mut().zip(booleans(&filter, &place)?) {
                *kept &= holds == Some(true);
            }
        }
        Ok(kept)
    }

    /// Per row when its label became known: the latest of `label_known_at` and of the times of its own late columns;
    /// `None` where one of them is null.
    fn label_known(&self, offline: &Offline, request: &TrainingRequest<'_>) -> Result<Vec<Option<i64>>, Error> {
        let observations = &offline.model(request.model)?.1.observations;
        let columns = columns_of(&observations.label.tree);
        let mut times = self.source.late_times(columns.iter().map(String::as_str));
        times.extend(observations.label_known_at.iter().map(|column| column.value.clone()));
        let place = self.source.place();
        let mut known: Vec<Option<i64>> = self.rows.events.iter().copied().map(Some).collect();
        for time in times {
            let values = instants(column(&self.rows.frame, &time, &place)?, &place)?;
            for (known, value) in known.iter_mut().zip(values) {
                *known = known.zip(value).map(|(one, other)| one.max(other));
            }
        }
        Ok(known)
    }

    fn features(
        &self,
        offline: &Offline,
        request: &TrainingRequest<'_>,
        schema: &ModelSchema,
        (chosen, times_us, report): (&[u32], &[i64], &mut TrainingReport),
    ) -> Result<Vec<FrameColumn>, Error> {
        let rows = times_us.len();
        let empty = |feature: &ResolvedFeature| FrameColumn {
            name: feature.name.clone(),
            column_type: feature.column_type,
            values: Values::nulls_like(&Values::with_capacity(feature.column_type, 0), rows),
        };
        let mut columns: Vec<FrameColumn> = schema.features.iter().map(empty).collect();
        let named =
            |feature: &ResolvedFeature| FeatureCounts { name: feature.name.clone(), ..FeatureCounts::default() };
        report.features = schema.features.iter().map(named).collect();
        let mut roles = self.roles(&schema.features, chosen)?;
        for role in &mut roles {
            let (view, declared) = offline.view(role.view)?;
            let none = Vec::new();
            let generations = Generations::of(
                request.builds.get(view).unwrap_or(&none),
                declared.publish_delay.as_ref().map_or(0, |delay| delay.micros),
                times_us,
            );
            role.latest = matches!(declared.definition, ViewDefinition::Latest { .. });
            let used = report.builds.entry(view.clone()).or_default();
            *used = generations.used.iter().map(|used| used.as_of).collect();
            role.join(&generations, times_us, (&mut columns, &mut report.features))?;
        }
        Ok(columns)
    }

    /// Features grouped by what they are joined on.
    fn roles<'b>(&self, features: &'b [ResolvedFeature], chosen: &[u32]) -> Result<Vec<Role<'b>>, Error> {
        let mut roles: Vec<Role<'b>> = Vec::new();
        let place = self.source.place();
        for (at, feature) in features.iter().enumerate() {
            let same = |role: &&mut Role<'_>| role.view == &feature.view && role.pairs == feature.keys.as_slice();
            if let Some(role) = roles.iter_mut().find(same) {
                role.members.push((at, feature));
                continue;
            }
            let mut columns = Vec::with_capacity(feature.keys.len());
            for (_, name) in &feature.keys {
                columns.push(column(&self.frame, name, &place)?.clone());
            }
            let mut table = KeyTable::new(columns.len());
            let all = table.intern(&columns, self.frame.height(), &place)?;
            roles.push(Role {
                view: &feature.view,
                pairs: &feature.keys,
                table,
                keys: chosen.iter().map(|&row| all[row as usize]).collect(),
                members: vec![(at, feature)],
                latest: false,
            });
        }
        Ok(roles)
    }
}

/// The builds of a view that answer some observation, each with the stretch of observations it answers.
struct Generations<'a> {
    used: Vec<Generation<'a>>,
    /// Observations before the first build.
    unanswered: usize,
}

struct Generation<'a> {
    as_of: Timestamp,
    parquet: &'a [u8],
    observations: std::ops::Range<usize>,
}

impl<'a> Generations<'a> {
    /// `times` ascend. A build answers from `as_of + delay` until the next one is available.
    fn of(builds: &'a [(Timestamp, Bytes)], delay_us: i64, times: &[i64]) -> Self {
        let mut builds: Vec<&(Timestamp, Bytes)> = builds.iter().collect();
        builds.sort_by_key(|(as_of, _)| *as_of);
        let first_at = |index: usize| {
            let available = builds.get(index).map(|(as_of, _)| as_of.micros.saturating_add(delay_us));
            available.map_or(times.len(), |available| times.partition_point(|&time| time < available))
        };
        let mut used = Vec::new();
        for (index, (as_of, parquet)) in builds.iter().enumerate() {
            let observations = first_at(index)..first_at(index + 1);
            if !observations.is_empty() {
                used.push(Generation { as_of: *as_of, parquet, observations });
            }
        }
        Self { used, unanswered: first_at(0) }
    }
}

/// Features of one view, joined on the same observation columns.
struct Role<'a> {
    view: &'a Name,
    pairs: &'a [(String, String)],
    /// The keys that observations ask for.
    table: KeyTable,
    /// Per observation its key.
    keys: Vec<Option<u32>>,
    /// Positions among the model's features.
    members: Vec<(usize, &'a ResolvedFeature)>,
    /// Whether a row's age counts from its own event time.
    latest: bool,
}

impl Role<'_> {
    fn join(
        &self,
        generations: &Generations<'_>,
        times_us: &[i64],
        (columns, counts): (&mut [FrameColumn], &mut [FeatureCounts]),
    ) -> Result<(), Error> {
        let count = |counts: &mut [FeatureCounts], status: Status, rows: u64| {
            self.members.iter().for_each(|&(at, _)| counts[at].add(status, rows));
        };
        count(counts, Status::NotFound, generations.unanswered as u64);
        let place = format!("a build of view `{}`", self.view);
        let ttl_us = self.members.first().and_then(|(_, feature)| feature.ttl_us);
        let mut pairs = Vec::new();
        for generation in &generations.used {
            let frame = read_columns(self.view.as_str(), generation.parquet, self.columns())?;
            let row_of = self.row_of(&frame, &place)?;
            let events = if self.latest { Some(instants(column(&frame, EVENT_TIME, &place)?, &place)?) } else { None };
            pairs.clear();
            let (mut absent, mut expired) = (0, 0);
            for observation in generation.observations.clone() {
                let row = self.keys[observation].map_or(u32::MAX, |key| row_of[key as usize]);
                if row == u32::MAX {
                    absent += 1;
                    continue;
                }
                let event = events.as_ref().and_then(|events| events[row as usize]).map(Timestamp::from_micros);
                let measured_from = event.unwrap_or(generation.as_of);
                if is_fresh(measured_from, ttl_us, Timestamp::from_micros(times_us[observation])) {
                    pairs.push((observation as u32, row));
                } else {
                    expired += 1;
                }
            }
            count(counts, Status::NotFound, absent);
            count(counts, Status::OutsideMaxAge, expired);
            for &(at, feature) in &self.members {
                let column = column(&frame, &feature.feature, &place)?;
                let values = FrameColumn::from_polars(column, feature.column_type, &place)?.values;
                let nulls = pairs.iter().filter(|(_, row)| values.is_null(*row as usize)).count() as u64;
                counts[at].add(Status::NullValue, nulls);
                counts[at].add(Status::Present, pairs.len() as u64 - nulls);
                columns[at].values.scatter(&values, &pairs);
            }
        }
        Ok(())
    }

    /// The columns of a build that are needed.
    fn columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = self.pairs.iter().map(|(key, _)| key.clone()).collect();
        for (_, feature) in &self.members {
            if !columns.contains(&feature.feature) {
                columns.push(feature.feature.clone());
            }
        }
        columns.extend(self.latest.then(|| EVENT_TIME.to_owned()));
        columns
    }

    /// Per key the row of a build, `u32::MAX` where it has none.
    fn row_of(&self, frame: &DataFrame, place: &str) -> Result<Vec<u32>, Error> {
        let mut keys = Vec::with_capacity(self.pairs.len());
        for (key, _) in self.pairs {
            keys.push(column(frame, key, place)?.clone());
        }
        let mut row_of = vec![u32::MAX; self.table.len()];
        for (row, key) in self.table.find(&keys, frame.height(), place)?.into_iter().enumerate() {
            if let Some(key) = key {
                row_of[key as usize] = row as u32;
            }
        }
        Ok(row_of)
    }
}
