//! By what a task's result is known: a hash of everything that it is declared to depend on.

use serde_json::Value as Json;

/// The key of a result, from the task's kind, its parameters and what else it depends on, with all values put in. Equal
/// values have equal keys, in whatever order the keys of their maps were written.
pub fn result_key(depends_on: &Json) -> String {
    let mut text = String::new();
    write(depends_on, &mut text);
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// JSON with the keys of maps in order.
fn write(value: &Json, text: &mut String) {
    match value {
        Json::Array(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Json::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in sorted {
                text.push_str(&Json::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
                text.push(',');
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_equal_keys_and_others_have_others() {
        let key = |json: &str| result_key(&serde_json::from_str(json).expect("JSON"));
        assert_eq!(key(r#"{"a": 1, "b": {"x": 2, "y": 3}}"#), key(r#"{"b": {"y": 3, "x": 2}, "a": 1}"#));
        let others =
            [r#"["a","b"]"#, r#"["b","a"]"#, r#"["a,b"]"#, r#"[["a"],"b"]"#, r#"{"a":"b"}"#, "1", "\"1\"", "1.0"];
        let keys: std::collections::BTreeSet<String> = others.iter().map(|json| key(json)).collect();
        assert_eq!(keys.len(), others.len());
        assert_eq!(result_key(&json!(null)).len(), 64);
    }
}
