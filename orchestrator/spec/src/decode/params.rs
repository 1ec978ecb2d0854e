//! Parameters of DAGs, in the short form (a default value) and the long one. What a value has to be is said in `param.rs`.

use std::collections::BTreeMap;

use super::fields::fields;
use crate::keys::{PARAM, PARAM_TYPES};
use crate::small_texts::shortened;
use crate::{Decoder, Node, NodeValue, Param, ParamType, Problem, Span, Spanned};

pub(crate) fn params(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<BTreeMap<String, Param>> {
    let mut found = BTreeMap::new();
    for (key, value) in decoder.entries(node, what, "a map of names to values") {
        if !crate::substitution::is_key(key) {
            let message = format!("`{}` cannot be the name of a parameter", shortened(key));
            let hint = "write letters, digits and `_`, so that ${params.name} can stand for it";
            decoder.report(Problem::error("bad_name", key.span, message).hint(hint));
            continue;
        }
        let param = match &value.value {
            NodeValue::Map(_) => long(decoder, value, key),
            _ => Param::of_default(key.span, value.clone()).or_else(|| {
                let what = format!("`{}` in {what}", key.value);
                decoder.wrong_type(value, &what, "a text, a number, true/false or a map with its `type`");
                None
            }),
        };
        // One that cannot be read is still there for those who name it.
        let nothing = Node { span: value.span, value: NodeValue::Null };
        let unread = || Param { default: Some(nothing), ..Param::of_type(key.span, ParamType::String) };
        let param = param.unwrap_or_else(unread);
        found.insert(key.value.clone(), param);
    }
    Some(found)
}

fn long(decoder: &mut Decoder<'_>, node: &Node, key: &Spanned<String>) -> Option<Param> {
    let fields = fields(decoder, node, &PARAM, format!("parameter `{}`", key.value), key.span)?;
    let param_type =
        fields.read(decoder, "type", |decoder, node, what| decoder.word::<ParamType>(node, what, PARAM_TYPES));
    let bound = |decoder: &mut Decoder<'_>, name: &'static str| {
        let found = fields.read(decoder, name, |decoder, node, what| decoder.number(node, what, f64::MIN));
        found.and_then(|_| fields.get(name).cloned())
    };
    let (min, max) = (bound(decoder, "min"), bound(decoder, "max"));
    let one_of = fields.read(decoder, "enum", |decoder, node, what| Some(decoder.list(node, what, "a list").to_vec()));
    let description = fields.read(decoder, "description", Decoder::text);
    let default = fields.get("default").cloned();
    let param_type = param_type?.value;
    for name in ["min", "max"].into_iter().filter(|_| !param_type.is_number()) {
        if let Some((place, _)) = fields.entry(name) {
            let message = format!("`{name}` means nothing in {}, which is no number", fields.label);
            decoder.report(Problem::error("conflicting_keys", place.span, message).hint("drop it"));
        }
    }
    let bounds = Param { min, max, ..Param::of_type(key.span, param_type) };
    let mut refuse = |checked: &Param, node: &Node, code: &'static str, name: &str| {
        if let Err(why) = checked.check(&node.to_json()) {
            decoder.report(Problem::error(code, node.span, format!("{} {why}", fields.what(name))));
        }
    };
    for (node, name) in [(&bounds.min, "min"), (&bounds.max, "max")] {
        if let Some(node) = node.as_ref().filter(|_| param_type.is_number()) {
            // The bounds themselves: of the type, and the least not above the greatest.
            refuse(&Param { min: None, ..bounds.clone() }, node, "out_of_range", name);
        }
    }
    for item in one_of.iter().flatten() {
        refuse(&bounds, item, "out_of_range", "enum");
    }
    let whole = Param { one_of: one_of.unwrap_or_default(), ..bounds };
    if let Some(default) = &default {
        refuse(&whole, default, "bad_default", "default");
    }
    Some(Param { default, description: description.map(|text| text.value), ..whole })
}

/// A firing gives no values.
pub(crate) fn require_defaults(decoder: &mut Decoder<'_>, params: &BTreeMap<String, Param>, alone: Option<Span>) {
    let Some(alone) = alone else { return };
    for (name, param) in params.iter().filter(|(_, param)| param.default.is_none()) {
        let message =
            format!("parameter `{name}` has no default, and nobody gives it a value when the DAG runs by itself");
        let problem = Problem::error("missing_default", param.span, message);
        let hint = "give it a `default`, or have the DAG run by hand only";
        decoder.report(problem.hint(hint).related(alone, "what runs it"));
    }
}
