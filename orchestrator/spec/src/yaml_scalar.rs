//! Plain scalars by the core schema of YAML 1.2: `yes` and `no` are text, `012` is twelve, `1e3` is a thousand. Never
//! guesses dates or sexagesimals; the decoder reads those from text.

use crate::NodeValue;

/// What a plain scalar means; `Err` names a number that no project can hold.
pub(crate) fn resolve(text: &str) -> Result<NodeValue, &'static str> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(NodeValue::Null),
        "true" | "True" | "TRUE" => return Ok(NodeValue::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(NodeValue::Bool(false)),
        ".nan" | ".NaN" | ".NAN" => return Err("is not a number"),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Err("is not a finite number");
    }
    if let Some(digits) = text.strip_prefix("0o").filter(|digits| all(digits, |byte| matches!(byte, b'0'..=b'7'))) {
        return i64::from_str_radix(digits, 8).map(NodeValue::Int).map_err(|_| TOO_LARGE);
    }
    if let Some(digits) = text.strip_prefix("0x").filter(|digits| all(digits, |byte| byte.is_ascii_hexdigit())) {
        return i64::from_str_radix(digits, 16).map(NodeValue::Int).map_err(|_| TOO_LARGE);
    }
    if all(unsigned, |byte| byte.is_ascii_digit()) {
        return text.parse().map(NodeValue::Int).map_err(|_| TOO_LARGE);
    }
    if is_float(unsigned) {
        return match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(NodeValue::Float(number)),
            _ => Err("is larger than the largest 64-bit float"),
        };
    }
    Ok(NodeValue::Text(text.to_owned()))
}

const TOO_LARGE: &str = "does not fit a 64-bit integer";

fn all(text: &str, accepts: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(accepts)
}

/// `(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_ok = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_ok = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa_ok && exponent_ok
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &str) -> Result<NodeValue, &'static str> {
        Ok(NodeValue::Text(word.to_owned()))
    }

    #[test]
    fn words_of_yaml_1_1_are_text() {
        for word in ["yes", "no", "on", "off", "y", "N", "12:30:45", "2013-02-01", "0b101", "1_000", "tRUE"] {
            assert_eq!(resolve(word), text(word), "{word}");
        }
    }

    #[test]
    fn numbers_are_those_of_the_core_schema() {
        assert_eq!(resolve("012"), Ok(NodeValue::Int(12)));
        assert_eq!(resolve("-7"), Ok(NodeValue::Int(-7)));
        assert_eq!(resolve("0o14"), Ok(NodeValue::Int(12)));
        assert_eq!(resolve("0xFF"), Ok(NodeValue::Int(255)));
        assert_eq!(resolve("1e3"), Ok(NodeValue::Float(1000.0)));
        assert_eq!(resolve("-.5"), Ok(NodeValue::Float(-0.5)));
        assert_eq!(resolve("3."), Ok(NodeValue::Float(3.0)));
        for word in ["-", "+", ".", "e3", "1e", "0x", "0o8", "1.2.3", "--1", "-0x1", "1e+"] {
            assert_eq!(resolve(word), text(word), "{word}");
        }
    }

    #[test]
    fn nulls_and_truth_have_three_spellings_each() {
        for word in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(word), Ok(NodeValue::Null));
        }
        for (word, flag) in [("true", true), ("True", true), ("FALSE", false)] {
            assert_eq!(resolve(word), Ok(NodeValue::Bool(flag)));
        }
    }

    #[test]
    fn numbers_that_would_change_are_refused() {
        for word in ["9223372036854775808", "-9223372036854775809", "1e400", ".nan", "-.inf", "0xFFFFFFFFFFFFFFFFFF"] {
            assert!(resolve(word).is_err(), "{word}");
        }
    }
}
