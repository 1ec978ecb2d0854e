//! Keys as bytes: injective over values and types, so that ("1","11") and ("11","1") are two keys, and so are 1 and "1".
//! Long keys stand in the store as their hash; the row keeps the whole key, and readers compare it.

use daybreak_spec::Value;

/// Beyond this many bytes a key is stored as its hash. LMDB allows 511 with the generation's number.
const LONGEST_PLAIN_BYTES: usize = 128;
/// No plain key starts with it: value tags are small.
const HASHED: u8 = 0xff;

/// An encoded key; reusable, so that many keys share one allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct EncodedKey {
    full: Vec<u8>,
    hash: Option<[u8; 33]>,
}

impl EncodedKey {
    /// What the row is found under.
    pub fn stored(&self) -> &[u8] {
        self.hash.as_ref().map_or(&self.full, |hash| hash.as_slice())
    }

    /// The whole key where `stored` is only its hash.
    pub fn full_when_hashed(&self) -> Option<&[u8]> {
        self.hash.is_some().then_some(&self.full)
    }

    /// Encodes other values into the same buffer; false when one of them is null (or NaN): such a key has no row.
    #[must_use]
    pub fn set(&mut self, keys: &[Value]) -> bool {
        self.full.clear();
        self.hash = None;
        for key in keys {
            if !append(key, &mut self.full) {
                return false;
            }
        }
        if self.full.len() > LONGEST_PLAIN_BYTES {
            let mut hash = [HASHED; 33];
            hash[1..].copy_from_slice(blake3::hash(&self.full).as_bytes());
            self.hash = Some(hash);
        }
        true
    }
}

/// Encodes a key; `None` when a part of it is null.
#[cfg(test)]
fn encode_key(keys: &[Value]) -> Option<EncodedKey> {
    let mut encoded = EncodedKey::default();
    encoded.set(keys).then_some(encoded)
}

/// A tag per type, then a fixed width, or a length and the bytes.
fn append(key: &Value, out: &mut Vec<u8>) -> bool {
    match key {
        Value::Null => return false,
        Value::Bool(flag) => out.extend_from_slice(&[1, u8::from(*flag)]),
        Value::Int(number) => tagged(2, &ordered(*number), out),
        Value::Float(number) if number.is_nan() => return false,
        // -0.0 equals 0.0, so they are one key.
        Value::Float(number) => tagged(3, &(number + 0.0).to_bits().to_be_bytes(), out),
        Value::Text(text) => {
            out.push(4);
            length(text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Date(days) => tagged(5, &ordered(i64::from(*days)), out),
        Value::Instant(micros) => tagged(6, &ordered(*micros), out),
    }
    true
}

fn tagged(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend_from_slice(bytes);
}

/// Big endian with the sign bit turned, so that bytes sort as numbers do.
fn ordered(number: i64) -> [u8; 8] {
    (number ^ i64::MIN).to_be_bytes()
}

/// Base 128, low bits first.
fn length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).expect("below 128"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (-3_i64..300).prop_map(Value::Int),
            any::<i64>().prop_map(Value::Int),
            (-2.0_f64..2.0).prop_map(Value::Float),
            "[01a]{0,4}".prop_map(Value::Text),
            "[01]{120,140}".prop_map(Value::Text),
            any::<i32>().prop_map(Value::Date),
            any::<i64>().prop_map(Value::Instant),
        ]
    }

    proptest! {
        #[test]
        fn two_keys_share_bytes_only_when_they_are_equal(
            one in prop::collection::vec(any_value(), 0..4), two in prop::collection::vec(any_value(), 0..4)
        ) {
            let (a, b) = (encode_key(&one).expect("no null"), encode_key(&two).expect("no null"));
            prop_assert_eq!(a.stored() == b.stored(), one == two);
        }
    }

    #[test]
    fn the_border_between_parts_of_a_key_counts() {
        let one = encode_key(&[text("1"), text("11")]);
        let two = encode_key(&[text("11"), text("1")]);
        assert_ne!(one, two);
        assert_ne!(encode_key(&[Value::Int(1), Value::Int(11)]), encode_key(&[Value::Int(11), Value::Int(1)]));
    }

    #[test]
    fn the_type_counts() {
        assert_ne!(encode_key(&[Value::Int(1)]), encode_key(&[text("1")]));
        assert_ne!(encode_key(&[Value::Date(1)]), encode_key(&[Value::Instant(1)]));
        assert_ne!(encode_key(&[Value::Int(1)]), encode_key(&[Value::Float(1.0)]));
    }

    #[test]
    fn a_long_key_is_hashed_and_kept_whole() {
        let long = encode_key(&[text(&"x".repeat(5_000))]).expect("no null");
        assert_eq!(long.stored().len(), 33);
        assert_eq!(long.full_when_hashed().map(<[u8]>::len), Some(5_003));
        let short = encode_key(&[text("x")]).expect("no null");
        assert_eq!(short.full_when_hashed(), None);
    }

    #[test]
    fn a_key_with_a_null_has_no_row() {
        assert_eq!(encode_key(&[Value::Int(1), Value::Null]), None);
        assert_eq!(encode_key(&[Value::Float(f64::NAN)]), None);
    }

    #[test]
    fn both_zeros_are_one_key() {
        assert_eq!(encode_key(&[Value::Float(-0.0)]), encode_key(&[Value::Float(0.0)]));
    }
}
