//! Values between JSON or query text and columns. Integers are exact, floats are read with the standard library (which
//! rounds correctly), nothing is guessed: text is no number and 3.0 no integer.

use chrono::{NaiveDate, NaiveDateTime};
use daybreak_model::conform;
use daybreak_spec::{ColumnType, Timestamp, Value};
use serde::{Serialize, Serializer};

/// Days from 0001-01-01 to 1970-01-01 in chrono's count.
const EPOCH_DAY: i32 = 719_163;

/// Reads one JSON value (valid, without surrounding space) as a column's value; null is of every type.
pub fn read_json(json: &str, column_type: ColumnType) -> Result<Value, String> {
    let found = |kind: &str| Err(format!("expected {}, found {kind}", describe(column_type)));
    let value = match json.as_bytes().first() {
        Some(b'n') => return Ok(Value::Null),
        Some(b't' | b'f') => Value::Bool(json == "true"),
        Some(b'"') => read_text(&unquote(json)?, column_type)?,
        Some(b'[') => return found("an array"),
        Some(b'{') => return found("an object"),
        _ => read_number(json, column_type)?,
    };
    conform(column_type, &value).map(|_| ())?;
    Ok(value)
}

/// Reads the text of a query parameter as a column's value.
pub fn read_parameter(text: &str, column_type: ColumnType) -> Result<Value, String> {
    let wrong = || format!("expected {}, found `{text}`", describe(column_type));
    let value = match column_type {
        ColumnType::Bool => Value::Bool(text.parse().map_err(|_| wrong())?),
        ColumnType::Str | ColumnType::Date | ColumnType::Datetime => read_text(text, column_type)?,
        _ => read_number(text, column_type).map_err(|_| wrong())?,
    };
    conform(column_type, &value).map(|_| ())?;
    Ok(value)
}

fn unquote(json: &str) -> Result<String, String> {
    let inner = &json[1..json.len() - 1];
    if !inner.contains('\\') {
        return Ok(inner.to_owned());
    }
    serde_json::from_str(json).map_err(|_| "the text holds an escape that is not a character".to_owned())
}

fn read_number(text: &str, column_type: ColumnType) -> Result<Value, String> {
    let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if whole && !matches!(column_type, ColumnType::F32 | ColumnType::F64) {
        return text.parse().map(Value::Int).map_err(|_| format!("{text} is outside the range of i64"));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Value::Float(number)),
        _ => Err(format!("{text} is not a finite number")),
    }
}

fn read_text(text: &str, column_type: ColumnType) -> Result<Value, String> {
    match column_type {
        ColumnType::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .map(|date| Value::Date(chrono::Datelike::num_days_from_ce(&date) - EPOCH_DAY))
            .map_err(|_| format!("expected a date like 2013-03-10, found `{text}`")),
        ColumnType::Datetime => read_instant(text)
            .map(|instant| Value::Instant(instant.micros))
            .ok_or_else(|| format!("expected an instant like 2013-03-10T07:00:00Z, found `{text}`")),
        _ => Ok(Value::Text(text.to_owned())),
    }
}

/// RFC 3339; without an offset it is UTC.
fn read_instant(text: &str) -> Option<Timestamp> {
    let naive = || NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok();
    Timestamp::parse(text).or_else(|| naive().map(|naive| naive.and_utc().into()))
}

fn describe(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "true or false",
        ColumnType::Str => "text",
        ColumnType::Date => "a date like \"2013-03-10\"",
        ColumnType::Datetime => "an instant like \"2013-03-10T07:00:00Z\"",
        other => other.name(),
    }
}

/// A value as it stands in replies: dates and instants as text, as requests give them.
pub struct Shown<'a>(pub &'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Float(number) => serializer.serialize_f64(*number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Date(days) => match days.checked_add(EPOCH_DAY).and_then(NaiveDate::from_num_days_from_ce_opt) {
                Some(date) => serializer.collect_str(&date),
                None => serializer.collect_str(&format_args!("day {days} since 1970-01-01")),
            },
            Value::Instant(micros) => serializer.collect_str(&Timestamp::from_micros(*micros)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, column_type: ColumnType) -> Result<Value, String> {
        read_json(json, column_type)
    }

    #[test]
    fn values_are_read_by_the_type_of_their_column() {
        assert_eq!(read("7", ColumnType::I32), Ok(Value::Int(7)));
        assert_eq!(read("7", ColumnType::F64), Ok(Value::Float(7.0)));
        assert_eq!(read("true", ColumnType::Bool), Ok(Value::Bool(true)));
        assert_eq!(read(r#""a\u00e9\n""#, ColumnType::Str), Ok(Value::Text("aé\n".to_owned())));
        assert_eq!(read(r#""1970-01-02""#, ColumnType::Date), Ok(Value::Date(1)));
        assert_eq!(read(r#""1970-01-01T02:00:00+01:00""#, ColumnType::Datetime), Ok(Value::Instant(3_600_000_000)));
        assert_eq!(read(r#""1970-01-01T01:00:00""#, ColumnType::Datetime), Ok(Value::Instant(3_600_000_000)));
        assert_eq!(read("null", ColumnType::Date), Ok(Value::Null));
    }

    #[test]
    fn a_float_is_read_to_the_last_bit() {
        for number in [0.1 + 0.2, 5e-324, 1.797_693_134_862_315_7e308, 2.225_073_858_507_201_4e-308, 9.5367431640625e-7]
        {
            assert_eq!(read(&format!("{number:?}"), ColumnType::F64), Ok(Value::Float(number)));
        }
    }

    #[test]
    fn nothing_is_guessed() {
        let wrong = [
            ("3.0", ColumnType::I32, "expected i32, found a number"),
            ("300", ColumnType::I8, "300 is outside -128 to 127 (i8)"),
            ("9223372036854775808", ColumnType::I64, "9223372036854775808 is outside the range of i64"),
            ("\"3\"", ColumnType::I32, "expected i32, found text"),
            ("1", ColumnType::Str, "expected str, found a whole number"),
            ("1", ColumnType::Bool, "expected bool, found a whole number"),
            ("true", ColumnType::F64, "expected f64, found a boolean"),
            ("1e400", ColumnType::F64, "1e400 is not a finite number"),
            ("[1]", ColumnType::F64, "expected f64, found an array"),
            ("{}", ColumnType::Str, "expected text, found an object"),
            ("\"10/03/2013\"", ColumnType::Date, "expected a date like 2013-03-10, found `10/03/2013`"),
            ("\"\\ud800\"", ColumnType::Str, "the text holds an escape that is not a character"),
        ];
        for (json, column_type, message) in wrong {
            assert_eq!(read(json, column_type), Err(message.to_owned()), "{json}");
        }
    }

    #[test]
    fn parameters_are_read_by_type_too() {
        assert_eq!(read_parameter("11", ColumnType::Str), Ok(Value::Text("11".to_owned())));
        assert_eq!(read_parameter("11", ColumnType::I64), Ok(Value::Int(11)));
        assert_eq!(read_parameter("x", ColumnType::I64), Err("expected i64, found `x`".to_owned()));
        assert_eq!(read_parameter("false", ColumnType::Bool), Ok(Value::Bool(false)));
    }

    #[test]
    fn values_are_shown_as_they_are_given() {
        let shown = |value: Value| serde_json::to_string(&Shown(&value)).expect("JSON");
        assert_eq!(shown(Value::Date(15_774)), "\"2013-03-10\"");
        assert_eq!(shown(Value::Date(i32::MAX)), "\"day 2147483647 since 1970-01-01\"");
        assert_eq!(shown(Value::Instant(0)), "\"1970-01-01T00:00:00Z\"");
        assert_eq!(shown(Value::Float(f64::INFINITY)), "null");
    }
}
