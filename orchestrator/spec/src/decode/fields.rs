//! A map against its table of keys: unknown and missing keys are noted here, for every map alike. In unit tests a map
//! whose table has a key that nobody asked for fails.

use std::cell::RefCell;

use crate::did_you_mean::{did_you_mean, suggestion};
use crate::keys::{Presence, Table};
use crate::small_texts::lower_first;
use crate::{Decoder, Name, Node, NodeValue, Problem, Span, Spanned};

/// The values of a map by key.
pub(crate) struct Fields<'n> {
    entries: &'n [(Spanned<String>, Node)],
    table: &'static Table,
    /// Names the map in messages, e.g. "source `departures`".
    pub label: String,
    /// Where the map is shown as a whole: its name, or its first character.
    pub span: Span,
    asked: RefCell<Vec<&'static str>>,
}

/// Opens a map; `None` when it is none. `label` names it in messages, `span` is where it is shown as a whole.
pub(crate) fn fields<'n>(
    decoder: &mut Decoder<'_>,
    node: &'n Node,
    table: &'static Table,
    label: String,
    span: Span,
) -> Option<Fields<'n>> {
    let entries = match &node.value {
        NodeValue::Map(entries) => entries.as_slice(),
        NodeValue::Null => &[],
        _ => {
            let keys: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
            decoder.wrong_type(node, &label, &format!("a map with keys such as `{}`", keys[0]));
            return None;
        }
    };
    let mut unknown: Vec<&str> = Vec::new();
    for (key, _) in entries {
        if table.others.is_none() && !table.keys.iter().any(|known| known.name == key.value) {
            unknown.push(key);
            decoder.report(unknown_key(key, table, &label, entries));
        }
    }
    for key in table.keys.iter().filter(|key| key.presence == Presence::Required) {
        let given = entries.iter().any(|(given, _)| given.value == key.name);
        // A misspelt key is reported once, as unknown.
        let misspelt = unknown.iter().any(|word| did_you_mean(word, [key.name]).is_some());
        if !given && !misspelt {
            let problem = Problem::error("missing_key", span, format!("{label} has no `{}`", key.name));
            decoder.report(problem.hint(format!("add `{}`: {}", key.name, lower_first(key.doc))));
        }
    }
    Some(Fields { entries, table, label, span, asked: RefCell::default() })
}

/// The keys still free come first in the suggestion.
fn unknown_key(key: &Spanned<String>, table: &Table, label: &str, entries: &[(Spanned<String>, Node)]) -> Problem {
    let given = |name: &str| entries.iter().any(|(given, _)| given.value == name);
    let free: Vec<&str> = table.keys.iter().map(|key| key.name).filter(|name| !given(name)).collect();
    let all: Vec<&str> = table.keys.iter().map(|key| key.name).collect();
    let near = did_you_mean(key, free.iter().copied());
    let hint = near.map_or_else(|| suggestion(key, all), |near| format!("did you mean `{near}`?"));
    Problem::error("unknown_key", key.span, format!("{label} has no key `{}`", crate::small_texts::shortened(key)))
        .hint(hint)
}

impl<'n> Fields<'n> {
    /// The value of a key of the table.
    pub(crate) fn get(&self, name: &'static str) -> Option<&'n Node> {
        self.entry(name).map(|(_, node)| node)
    }

    /// A key of the table as written, and its value.
    pub(crate) fn entry(&self, name: &'static str) -> Option<&'n (Spanned<String>, Node)> {
        debug_assert!(self.table.keys.iter().any(|key| key.name == name), "`{name}` is not in `{}`", self.table.id);
        self.asked.borrow_mut().push(name);
        self.entries.iter().find(|(key, _)| key.value == name)
    }

    /// The keys that are not in the table, where it takes others.
    pub(crate) fn others(&self) -> Vec<(Spanned<String>, Node)> {
        let own = |key: &str| self.table.keys.iter().any(|known| known.name == key);
        self.entries.iter().filter(|(key, _)| !own(key)).cloned().collect()
    }

    /// Names a key of this map in messages.
    pub(crate) fn what(&self, key: &str) -> String {
        format!("`{key}` of {}", self.label)
    }

    /// Decodes a key with one of the decoder's methods.
    pub(crate) fn read<'f, T>(
        &self,
        decoder: &mut Decoder<'f>,
        name: &'static str,
        method: impl FnOnce(&mut Decoder<'f>, &Node, &str) -> Option<T>,
    ) -> Option<T> {
        method(decoder, self.get(name)?, &self.what(name))
    }
}

#[cfg(test)]
impl Drop for Fields<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let asked = self.asked.borrow();
            let forgotten: Vec<&str> =
                self.table.keys.iter().map(|key| key.name).filter(|name| !asked.contains(name)).collect();
            assert!(forgotten.is_empty(), "nobody reads {forgotten:?} of `{}`", self.table.id);
        }
    }
}

/// The label of a named declaration, e.g. "source `departures`".
pub(crate) fn named(kind: &str, name: &Name) -> String {
    format!("{kind} `{name}`")
}
