//! Limits of a project, and what tasks take of them.

use super::fields::{fields, named};
use crate::keys::{LIMIT_USE, MAX_SLOTS};
use crate::{Decoder, Limit, LimitUse, Name, Node, NodeValue, Spanned};

pub(crate) fn limit(decoder: &mut Decoder<'_>, name: &Spanned<Name>, node: &Node) -> Option<Limit> {
    let slots = decoder.integer(node, &named("limit", name), 1, MAX_SLOTS)?;
    Some(Limit { span: name.span, slots: u32::try_from(slots.value).ok()? })
}

/// One use or a list of them: a name, or a map.
pub(crate) fn limit_uses(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<Vec<LimitUse>> {
    let items = decoder.one_or_many(node, what);
    let uses: Vec<LimitUse> = items.iter().filter_map(|item| limit_use(decoder, item, what)).collect();
    decoder.refuse_repeats(what, uses.iter().map(|used| (used.limit.as_str(), used.limit.span)));
    Some(uses)
}

fn limit_use(decoder: &mut Decoder<'_>, node: &Node, what: &str) -> Option<LimitUse> {
    if !matches!(node.value, NodeValue::Map(_)) {
        return Some(LimitUse { limit: decoder.name(node, what)?, slots: 1, key: None });
    }
    let fields = fields(decoder, node, &LIMIT_USE, what.to_owned(), node.span)?;
    let limit = fields.read(decoder, "limit", Decoder::name);
    let slots = fields.read(decoder, "slots", |decoder, node, what| decoder.integer(node, what, 1, MAX_SLOTS));
    let key = fields.read(decoder, "key", Decoder::text);
    let slots = slots.map_or(Some(1), |slots| u32::try_from(slots.value).ok())?;
    Some(LimitUse { limit: limit?, slots, key })
}
