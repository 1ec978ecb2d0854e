//! Values of parameters that speak of HTTP: addresses, statuses, headers, pointers into answers. What may be asked at all is
//! the word of the client that asks. To add a value: a function here, a line in `kinds.rs`.

use daybreak_spec::{Decoder, HttpAllow, Node, NodeValue, Problem, Spanned};

use crate::dags::TaskPlace;
use crate::kinds::suggest;

/// An address that tasks may ask, as far as that can be told without asking.
pub(crate) fn check_url(place: &TaskPlace<'_>, decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    let Some(url) = decoder.text(node, what) else { return };
    let allow: Vec<HttpAllow> = place.project.http_allow.iter().map(|allow| allow.value.clone()).collect();
    let Err((code, why)) = daybreak_tasks::check_url(&url, &allow) else { return };
    let problem = Problem::error(code, node.span, format!("{what}: {why}"));
    decoder.report(match code {
        "address_refused" => {
            problem.hint("where that is meant, declare it in daybreak.yaml: `http: { allow: [ADDRESS] }`")
        }
        _ => problem.hint("write e.g. `https://example.com/path`"),
    });
}

/// `{ url, status }`.
pub(crate) fn check_probe(place: &TaskPlace<'_>, decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    let NodeValue::Map(entries) = &node.value else {
        return decoder.wrong_type(node, what, "a map such as `{ url: https://example.com/ready, status: 200 }`");
    };
    for (key, value) in entries {
        let inner = format!("`{}` in {what}", key.value);
        match key.as_str() {
            "url" => check_url(place, decoder, value, &inner),
            "status" => check_statuses(decoder, value, &inner),
            _ => {
                let problem = Problem::error("unknown_key", key.span, format!("{what} has no key `{}`", key.value));
                decoder.report(problem.hint(suggest(key, ["url", "status"].into_iter())));
            }
        }
    }
    require_url(decoder, node, entries, what);
}

/// What every probe has to have.
fn require_url(decoder: &mut Decoder<'_>, node: &Node, entries: &[(Spanned<String>, Node)], what: &str) {
    if !entries.iter().any(|(key, _)| key.as_str() == "url") {
        let problem = Problem::error("missing_key", node.span, format!("{what} has no `url`"));
        decoder.report(problem.hint("add `url`: the address that is asked"));
    }
}

/// One status or a list of them.
pub(crate) fn check_statuses(decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    for item in decoder.one_or_many(node, what) {
        let _ = decoder.integer(item, what, 100, 599);
    }
}

/// Names to texts that can be sent.
pub(crate) fn check_headers(decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    for (key, value) in decoder.text_map(node, what) {
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if key.is_empty() || !key.bytes().all(letters) {
            let message = format!("`{}` cannot be the name of a header", key.value);
            decoder.report(Problem::error("bad_name", key.span, message));
        }
        if value.chars().any(char::is_control) {
            let message = format!(
                "the value of the header `{}` holds a line feed or another sign that cannot be sent",
                key.value
            );
            decoder.report(Problem::error("wrong_value", value.span, message));
        }
    }
}

/// Names of outputs to places in an answer.
pub(crate) fn check_pointers(decoder: &mut Decoder<'_>, node: &Node, what: &str) {
    for (key, pointer) in decoder.text_map(node, what) {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if key.is_empty() || key.len() > 63 || !key.bytes().all(sound) {
            let message = format!("`{}` cannot be the key of an output", key.value);
            let hint = "use letters, digits, `_` and `-`, at most 63";
            decoder.report(Problem::error("bad_name", key.span, message).hint(hint));
        }
        if !pointer.is_empty() && !pointer.starts_with('/') {
            let message = format!("`{}` of {what} must be a JSON pointer, and `{}` is none", key.value, pointer.value);
            let hint = format!("write `/{}`", pointer.replace('.', "/"));
            decoder.report(Problem::error("bad_pointer", pointer.span, message).hint(hint));
        }
    }
}
