//! From the fields of rows to raw rows: each (view, key) is read once, all in one snapshot at one instant. Never lets a
//! missing, null or expired feature pass unseen: it is imputed and flagged, or refused by name, as the model declares.

use std::collections::HashMap;

use daybreak_features::{EncodedKey, Lookup, Online, OnlineStore, Status, is_fresh};
use daybreak_spec::{Missing, Timestamp, Value};

use crate::http::{FieldError, Problem};
use crate::plan::{Plan, Read, Use};
use crate::request::{Rows, row_pointer};

/// Rows ready for the model, with what was read for them.
pub struct Assembled {
    /// One answer per distinct (view, key).
    pub answers: Vec<Online>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One row.
pub struct Row {
    /// As asked, in the order of the plan's fields.
    pub fields: Vec<Value>,
    /// Inputs, then features.
    pub raw: Vec<Value>,
    /// One per feature of the model.
    pub statuses: Vec<Status>,
    /// Answer of each read of the plan.
    pub answers: Vec<usize>,
}

/// Reads the features and puts the raw rows together.
pub fn assemble(plan: &Plan, store: &dyn OnlineStore, rows: Rows, at: Timestamp) -> Result<Assembled, Problem> {
    let (lookups, answer_of) = distinct_lookups(plan, &rows.rows);
    let borrowed: Vec<Lookup<'_>> =
        lookups.iter().map(|(read, keys)| Lookup { view: &plan.reads[*read].view, keys }).collect();
    let answers = store.get_many(&borrowed, at).map_err(|error| {
        tracing::error!(%error, "the online features cannot be read");
        Problem::unavailable("online_store", "the online features cannot be read now; the server's log says why")
    })?;
    let reads = plan.reads.len();
    let mut errors = Vec::new();
    let mut assembled = Vec::with_capacity(rows.rows.len());
    for (number, fields) in rows.rows.into_iter().enumerate() {
        let answers_of_row = answer_of[number * reads..(number + 1) * reads].to_vec();
        let mut row = Row::new(plan, fields, answers_of_row);
        for (read, answer) in plan.reads.iter().zip(&row.answers) {
            let mut target = Target { raw: &mut row.raw, statuses: &mut row.statuses, inputs: plan.inputs.len() };
            let pointer = || row_pointer(rows.batch, number);
            take_features(read, &answers[*answer], at, &mut target, &mut |wanted, status| {
                errors.push(refused(read, wanted, status, pointer()));
            })?;
        }
        assembled.push(row);
    }
    if errors.is_empty() { Ok(Assembled { answers, rows: assembled }) } else { Err(Problem::invalid(errors)) }
}

impl Row {
    fn new(plan: &Plan, fields: Vec<Value>, answers: Vec<usize>) -> Self {
        let features = plan.reads.iter().map(|read| read.uses.len()).sum::<usize>();
        let mut raw = Vec::with_capacity(plan.inputs.len() + features);
        raw.extend(plan.inputs.iter().map(|field| fields[*field].clone()));
        raw.resize(plan.inputs.len() + features, Value::Null);
        Self { fields, raw, statuses: vec![Status::NotFound; features], answers }
    }
}

/// Where the features of a row go.
struct Target<'a> {
    raw: &'a mut [Value],
    statuses: &'a mut [Status],
    inputs: usize,
}

fn take_features(
    read: &Read,
    online: &Online,
    at: Timestamp,
    target: &mut Target<'_>,
    refuse: &mut dyn FnMut(&Use, Status),
) -> Result<(), Problem> {
    let places = match &online.generation {
        None => None,
        Some(generation) => Some(read.places(generation).map_err(|detail| {
            tracing::error!(view = %read.view, "{detail}");
            Problem::unavailable("feature_schema", &format!("{detail}; train the model again, then promote it"))
        })?),
    };
    for (number, wanted) in read.uses.iter().enumerate() {
        let (mut status, mut value) = (Status::NotFound, &Value::Null);
        if let Some(places) = &places {
            (status, value) = (online.statuses[places[number]], &online.values[places[number]]);
        }
        // The view's ttl may have been raised since the model was trained: what it never saw, it does not get.
        let expired = online.measured_from.is_some_and(|from| !is_fresh(from, wanted.ttl_us, at));
        if expired && status != Status::NotFound {
            (status, value) = (Status::OutsideMaxAge, &Value::Null);
        }
        if status != Status::Present && wanted.missing == Missing::Refuse {
            refuse(wanted, status);
        }
        target.raw[target.inputs + wanted.feature] = value.clone();
        target.statuses[wanted.feature] = status;
    }
    Ok(())
}

fn refused(read: &Read, wanted: &Use, status: Status, pointer: String) -> FieldError {
    FieldError {
        feature: Some(wanted.column.clone()),
        view: Some(read.view.clone()),
        status: Some(status),
        ..FieldError::new(
            pointer,
            "feature_unavailable",
            format!(
                "feature `{}` of view `{}` is {} for this key and the model refuses to answer without it",
                wanted.name,
                read.view,
                status.name()
            ),
        )
    }
}

/// Read number and key of each distinct lookup, and for each row and read its lookup.
type Lookups = (Vec<(usize, Vec<Value>)>, Vec<usize>);

fn distinct_lookups(plan: &Plan, rows: &[Vec<Value>]) -> Lookups {
    let mut lookups: Vec<(usize, Vec<Value>)> = Vec::with_capacity(plan.reads.len());
    let mut answer_of = Vec::with_capacity(plan.reads.len() * rows.len());
    let mut known: HashMap<(usize, EncodedKey), usize> = HashMap::new();
    for fields in rows {
        for (number, read) in plan.reads.iter().enumerate() {
            let keys: Vec<Value> = read.key_fields.iter().map(|field| fields[*field].clone()).collect();
            let found = if rows.len() == 1 {
                // A handful: comparing is quicker than hashing.
                let same = |(other, other_keys): &(usize, Vec<Value>)| {
                    plan.reads[*other].view_number == read.view_number && *other_keys == keys
                };
                lookups.iter().position(same)
            } else {
                let mut encoded = EncodedKey::default();
                // A key with a null is never found; it needs no company.
                if encoded.set(&keys) {
                    let next = lookups.len();
                    let place = *known.entry((read.view_number, encoded)).or_insert(next);
                    (place < next).then_some(place)
                } else {
                    None
                }
            };
            answer_of.push(found.unwrap_or(lookups.len()));
            if found.is_none() {
                lookups.push((number, keys));
            }
        }
    }
    (lookups, answer_of)
}
