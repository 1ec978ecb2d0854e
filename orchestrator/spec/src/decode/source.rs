//! Sources and entities.

use std::collections::BTreeMap;

use super::fields::{fields, named};
use crate::keys::{COLUMN_TYPES, ENTITY, SOURCE};
use crate::{ColumnType, Decoder, Entity, KnownAt, Name, Node, NodeValue, Problem, Source, Spanned};

pub(crate) fn source(decoder: &mut Decoder<'_>, name: &Spanned<Name>, node: &Node) -> Option<Source> {
    let fields = fields(decoder, node, &SOURCE, named("source", name), name.span)?;
    let path = fields.read(decoder, "path", Decoder::text);
    let filter = fields.read(decoder, "where", Decoder::expression);
    let event_time = fields.read(decoder, "event_time", Decoder::column);
    let known_at = fields.read(decoder, "known_at", known_at);
    let sequence = fields.read(decoder, "sequence", Decoder::column);
    let schema = fields.read(decoder, "schema", schema);
    if fields.entry("event_time").is_none() {
        for key in ["known_at", "sequence"] {
            if let Some((key, _)) = fields.entry(key) {
                let message = format!("`{}` of {} needs an `event_time`", key.value, fields.label);
                let hint = "a source without `event_time` is static: its rows are known at any instant";
                decoder.report(Problem::error("missing_key", key.span, message).hint(hint));
            }
        }
    }
    Some(Source { span: name.span, path: path?, filter, event_time, known_at, sequence, schema })
}

fn known_at(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<KnownAt> {
    match &node.value {
        NodeValue::Map(entries) => {
            if entries.is_empty() {
                decoder.report(Problem::error("empty_list", node.span, format!("{what} is empty")));
            }
            let mut columns = BTreeMap::new();
            for (key, value) in entries {
                let known = decoder.column(value, &format!("`{}` in {what}", key.value));
                if let (Some(column), Some(known)) = (decoder.column_name(key, &format!("a key of {what}")), known) {
                    columns.insert(column.value, known);
                }
            }
            Some(KnownAt::Columns(columns))
        }
        NodeValue::Text(_) => decoder.column(node, what).map(KnownAt::Row),
        _ => {
            decoder.wrong_type(node, what, "the name of a column, or a map of columns to columns");
            None
        }
    }
}

fn schema(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<BTreeMap<String, Spanned<ColumnType>>> {
    let mut columns = BTreeMap::new();
    for (key, value) in decoder.entries(node, what, "a map of columns to types") {
        let column_type = decoder.word(value, &format!("`{}` in {what}", key.value), COLUMN_TYPES);
        if let (Some(column), Some(column_type)) = (decoder.column_name(key, &format!("a key of {what}")), column_type)
        {
            columns.insert(column.value, column_type);
        }
    }
    Some(columns)
}

pub(crate) fn entity(decoder: &mut Decoder<'_>, name: &Spanned<Name>, node: &Node) -> Option<Entity> {
    let fields = fields(decoder, node, &ENTITY, named("entity", name), name.span)?;
    let what = fields.what("keys");
    let items = decoder.one_or_many(fields.get("keys")?, &what);
    let keys: Vec<Spanned<String>> = items.iter().filter_map(|item| decoder.column(item, &what)).collect();
    decoder.refuse_repeats(&what, keys.iter().map(|key| (key.as_str(), key.span)));
    (!keys.is_empty()).then_some(Entity { span: name.span, keys })
}
