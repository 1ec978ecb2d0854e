//! A row's values as bytes: a version, the whole key where only its hash is stored, the event time, the values.
//! Reading checks every length and never panics. To change the layout: raise the version and keep reading the old one.

use daybreak_spec::Value;

/// The layout this program writes.
pub const FORMAT_VERSION: u8 = 1;
const HAS_KEY: u8 = 1;
const HAS_EVENT_TIME: u8 = 2;

/// A row as it is read back.
#[derive(Debug, PartialEq)]
pub struct StoredRow<'a> {
    /// The whole key where the row is stored under its hash.
    pub full_key: Option<&'a [u8]>,
    /// When the values were observed.
    pub event_time_us: Option<i64>,
    /// The values.
    pub values: Vec<Value>,
}

/// Appends a row's bytes.
pub fn encode(full_key: Option<&[u8]>, event_time_us: Option<i64>, values: &[Value], out: &mut Vec<u8>) {
    let key_flag = if full_key.is_some() { HAS_KEY } else { 0 };
    let time_flag = if event_time_us.is_some() { HAS_EVENT_TIME } else { 0 };
    out.extend_from_slice(&[FORMAT_VERSION, key_flag | time_flag]);
    if let Some(key) = full_key {
        write_bytes(key, out);
    }
    if let Some(micros) = event_time_us {
        out.extend_from_slice(&micros.to_le_bytes());
    }
    write_unsigned(values.len() as u64, out);
    for value in values {
        write_value(value, out);
    }
}

/// Reads a row; `None` when the bytes are not one.
pub fn decode(bytes: &[u8]) -> Option<StoredRow<'_>> {
    let mut reader = Reader { bytes };
    let (version, flags) = (reader.byte()?, reader.byte()?);
    if version != FORMAT_VERSION || flags & !(HAS_KEY | HAS_EVENT_TIME) != 0 {
        return None;
    }
    let full_key = if flags & HAS_KEY == 0 { None } else { Some(reader.sized()?) };
    let event_time_us = if flags & HAS_EVENT_TIME == 0 { None } else { Some(i64::from_le_bytes(reader.array()?)) };
    let count = usize::try_from(reader.unsigned()?).ok()?;
    if count > reader.bytes.len() {
        return None;
    }
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        values.push(reader.value()?);
    }
    reader.bytes.is_empty().then_some(StoredRow { full_key, event_time_us, values })
}

fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0),
        Value::Bool(false) => out.push(1),
        Value::Bool(true) => out.push(2),
        Value::Int(number) => write_signed(3, *number, out),
        Value::Float(number) if number.is_nan() => out.push(0),
        Value::Float(number) => {
            out.push(4);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Text(text) => {
            out.push(5);
            write_bytes(text.as_bytes(), out);
        }
        Value::Date(days) => write_signed(6, i64::from(*days), out),
        Value::Instant(micros) => write_signed(7, *micros, out),
    }
}

/// Zigzag, then base 128: small numbers of either sign are short.
fn write_signed(tag: u8, number: i64, out: &mut Vec<u8>) {
    out.push(tag);
    write_unsigned(((number << 1) ^ (number >> 63)).cast_unsigned(), out);
}

fn write_unsigned(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_unsigned(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.unsigned()?;
        Some((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    fn sized(&mut self) -> Option<&'a [u8]> {
        let count = usize::try_from(self.unsigned()?).ok()?;
        self.take(count)
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => Value::Int(self.signed()?),
            4 => Value::Float(f64::from_le_bytes(self.array()?)),
            5 => Value::Text(std::str::from_utf8(self.sized()?).ok()?.to_owned()),
            6 => Value::Date(i32::try_from(self.signed()?).ok()?),
            7 => Value::Instant(self.signed()?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_map(|number| if number.is_nan() { Value::Null } else { Value::Float(number) }),
            any::<String>().prop_map(Value::Text),
            any::<i32>().prop_map(Value::Date),
            any::<i64>().prop_map(Value::Instant),
        ]
    }

    proptest! {
        #[test]
        fn a_row_comes_back_as_it_was(
            key in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
            event_time_us in any::<Option<i64>>(),
            values in prop::collection::vec(any_value(), 0..12),
        ) {
            let mut bytes = Vec::new();
            encode(key.as_deref(), event_time_us, &values, &mut bytes);
            let row = decode(&bytes).expect("a row");
            prop_assert_eq!(row, StoredRow { full_key: key.as_deref(), event_time_us, values });
        }

        #[test]
        fn any_bytes_are_a_row_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }

    #[test]
    fn a_cut_or_lengthened_row_is_refused() {
        let mut bytes = Vec::new();
        encode(None, Some(1), &[Value::Text("abc".to_owned()), Value::Int(-5)], &mut bytes);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), None, "cut at {end}");
        }
        bytes.push(0);
        assert_eq!(decode(&bytes), None);
    }

    #[test]
    fn a_float_that_is_no_number_is_stored_as_null() {
        let mut bytes = Vec::new();
        encode(None, None, &[Value::Float(f64::NAN)], &mut bytes);
        assert_eq!(decode(&bytes).expect("a row").values, [Value::Null]);
    }
}
