//! Models: observations, inputs, derived values, feature references and the algorithm.

use std::collections::BTreeMap;

use super::fields::{fields, named};
use crate::keys::{ALGORITHM, COLUMN_TYPES, INPUT, METRICS, MISSING, MODEL, OBSERVATIONS, REFERENCE};
use crate::{
    Algorithm, Categories, ColumnType, Decoder, Derived, FeatureReference, Input, Metric, Missing, Model, Name, Node,
    NodeValue, Observations, Problem, Spanned,
};

pub(crate) fn model(decoder: &mut Decoder<'_>, name: &Spanned<Name>, node: &Node) -> Option<Model> {
    let fields = fields(decoder, node, &MODEL, named("model", name), name.span)?;
    let observations = fields.entry("observations").and_then(|(key, node)| {
        let key = Spanned::new(format!("observations of {}", fields.label), key.span);
        observations(decoder, &key, node)
    });
    let inputs = fields.read(decoder, "inputs", inputs).unwrap_or_default();
    let derived = fields.read(decoder, "derived", derived).unwrap_or_default();
    let features = fields.read(decoder, "features", features).unwrap_or_default();
    let missing = fields.read(decoder, "missing", missing);
    let algorithm = fields.read(decoder, "algorithm", algorithm);
    let metrics = fields.read(decoder, "metrics", |decoder, node, what| {
        let items = decoder.one_or_many(node, what);
        let metrics: Vec<Spanned<Metric>> = items.iter().filter_map(|item| decoder.word(item, what, METRICS)).collect();
        decoder.refuse_repeats(what, metrics.iter().map(|metric| (metric.value.name(), metric.span)));
        Some(metrics)
    });
    Some(Model {
        span: name.span,
        observations: observations?,
        inputs,
        derived,
        features,
        missing: missing.unwrap_or_default(),
        algorithm: algorithm?,
        metrics: metrics.unwrap_or_default(),
    })
}

fn missing(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Missing> {
    decoder.word(node, what, MISSING).map(|word| word.value)
}

fn observations(decoder: &mut Decoder<'_>, key: &Spanned<String>, node: &Node) -> Option<Observations> {
    let fields = fields(decoder, node, &OBSERVATIONS, key.value.clone(), key.span)?;
    let source = fields.read(decoder, "source", Decoder::name);
    let label = fields.read(decoder, "label", Decoder::expression);
    let label_known_at = fields.read(decoder, "label_known_at", Decoder::column);
    let filter = fields.read(decoder, "where", Decoder::expression);
    Some(Observations { source: source?, label: label?, label_known_at, filter })
}

fn inputs(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<Input>> {
    let entries = decoder.entries(node, what, "a map of names to types");
    Some(entries.iter().filter_map(|(key, value)| input(decoder, key, value, what)).collect())
}

fn input(decoder: &mut Decoder<'_>, key: &Spanned<String>, node: &Node, what: &str) -> Option<Input> {
    let name = decoder.column_name(key, &format!("a key of {what}"));
    let label = format!("input `{}`", key.value);
    let (column_type, categories) = match &node.value {
        NodeValue::Map(_) => {
            let fields = fields(decoder, node, &INPUT, label, key.span)?;
            let column_type: Option<Spanned<ColumnType>> =
                fields.read(decoder, "type", |decoder, node, what| decoder.word(node, what, COLUMN_TYPES));
            let categories = fields.read(decoder, "categories", categories);
            let text = column_type.is_none_or(|column_type| column_type.value == ColumnType::Str);
            if let (false, Some((key, _))) = (text, fields.entry("categories")) {
                let message = format!("{} is not text and has no categories", fields.label);
                let problem = Problem::error("conflicting_keys", key.span, message);
                decoder.report(problem.hint("drop `categories`, or declare `type: str`"));
            }
            (column_type, categories)
        }
        NodeValue::Text(_) => (decoder.word(node, &format!("the type of {label}"), COLUMN_TYPES), None),
        _ => {
            decoder.wrong_type(node, &label, "a type such as i32, or a map with `type`");
            return None;
        }
    };
    Some(Input { name: name?, column_type: column_type?, categories })
}

fn categories(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Categories> {
    match &node.value {
        NodeValue::Text(word) if word == "observed" => Some(Categories::Observed),
        NodeValue::List(items) => {
            decoder.list(node, what, "a list");
            let texts: Vec<_> = items.iter().filter_map(|item| category(decoder, item, what)).collect();
            decoder.refuse_repeats(what, texts.iter().map(|text| (text.as_str(), text.span)));
            Some(Categories::Declared(texts))
        }
        _ => {
            decoder.wrong_type(node, what, "`observed` or a list of texts");
            None
        }
    }
}

/// A category may be any text, an empty one too.
fn category(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Spanned<String>> {
    let text = node.as_text();
    if text.is_none() {
        decoder.wrong_type(node, &format!("a category in {what}"), "text");
    }
    text.map(|text| Spanned::new(text.to_owned(), node.span))
}

fn derived(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<Derived>> {
    let mut found = Vec::new();
    for (key, value) in decoder.entries(node, what, "a map of names to expressions") {
        let expression = decoder.expression(value, &format!("derived value `{}`", key.value));
        if let (Some(name), Some(expression)) = (decoder.column_name(key, &format!("a key of {what}")), expression) {
            found.push(Derived { name, expression });
        }
    }
    Some(found)
}

fn features(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<FeatureReference>> {
    let mut found: Vec<FeatureReference> = Vec::new();
    for item in decoder.list(node, what, "a list of views and features") {
        let Some(reference) = reference(decoder, item, what) else { continue };
        match found.iter().position(|known| same_role(known, &reference)) {
            Some(at) => pick_more(&mut found[at], reference),
            None => found.push(reference),
        }
    }
    Some(found)
}

/// `view.a` and `view.b` are one reference that picks both.
fn same_role(known: &FeatureReference, other: &FeatureReference) -> bool {
    let plain = |reference: &FeatureReference| {
        reference.alias.is_none()
            && reference.entity.is_empty()
            && reference.missing.is_none()
            && reference.pick.is_some()
    };
    plain(known) && plain(other) && known.view == other.view
}

fn pick_more(known: &mut FeatureReference, other: FeatureReference) {
    known.pick.get_or_insert_default().extend(other.pick.unwrap_or_default());
}

fn reference(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<FeatureReference> {
    match &node.value {
        NodeValue::Text(text) => short_reference(decoder, node, text, what),
        NodeValue::Map(_) => {
            let fields = fields(decoder, node, &REFERENCE, format!("an item in {what}"), node.span)?;
            let view = fields.read(decoder, "view", Decoder::name);
            let alias = fields.read(decoder, "as", Decoder::name);
            let missing = fields.read(decoder, "missing", missing);
            let entity = fields.read(decoder, "entity", key_columns).unwrap_or_default();
            let pick = fields.read(decoder, "pick", |decoder, node, what| {
                let items = decoder.one_or_many(node, what);
                Some(items.iter().filter_map(|item| decoder.column(item, what)).collect())
            });
            Some(FeatureReference { span: node.span, view: view?, pick, entity, alias, missing })
        }
        _ => {
            decoder.wrong_type(node, &format!("an item in {what}"), "`view`, `view.feature` or a map with `view`");
            None
        }
    }
}

fn key_columns(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<BTreeMap<String, Spanned<String>>> {
    let mut columns = BTreeMap::new();
    for (key, value) in decoder.entries(node, what, "a map of the entity's keys to columns") {
        if let Some(column) = decoder.column(value, &format!("`{}` in {what}", key.value)) {
            decoder.keep_key_place(column.span, key.span);
            columns.insert(key.value.clone(), column);
        }
    }
    Some(columns)
}

/// `view` or `view.feature`; each half keeps its own place.
fn short_reference(decoder: &mut Decoder<'_>, node: &Node, text: &str, what: &str) -> Option<FeatureReference> {
    let place = decoder.place_of(node, text);
    let (view, feature) = match text.split_once('.') {
        Some((view, feature)) => (view, Some(feature)),
        None => (text, None),
    };
    let start = view.chars().count();
    let view = Spanned::new(view.to_owned(), place.range(0, start));
    let view = decoder.slug(&view, &format!("the view of an item in {what}"));
    let pick = match feature {
        None => None,
        Some(feature) => {
            let feature = Spanned::new(feature.to_owned(), place.range(start + 1, feature.chars().count()));
            Some(vec![decoder.column_name(&feature, &format!("the feature of an item in {what}"))?])
        }
    };
    Some(FeatureReference { span: node.span, view: view?, pick, entity: BTreeMap::new(), alias: None, missing: None })
}

fn algorithm(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Algorithm> {
    if let NodeValue::Text(_) = node.value {
        let name = decoder.text(node, what)?;
        return Some(Algorithm { name, parameters: Vec::new() });
    }
    let fields = fields(decoder, node, &ALGORITHM, what.to_owned(), node.span)?;
    let name = fields.read(decoder, "name", Decoder::text);
    Some(Algorithm { name: name?, parameters: fields.others() })
}
