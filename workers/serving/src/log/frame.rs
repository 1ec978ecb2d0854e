//! One record on the disk: a mark, the payload's length, a checksum, the prediction's id, the payload. Reading checks
//! everything; after a damaged place the next record is found by its mark. Integers are little-endian.

use ulid::Ulid;

/// Starts every record; the last byte is the version.
const MARK: [u8; 4] = [0xdb, b'P', b'R', 1];
const LENGTH: usize = MARK.len();
const CHECKSUM: usize = LENGTH + 4;
const ID: usize = CHECKSUM + 8;
/// Bytes before the payload.
pub const HEADER_BYTES: usize = ID + 16;

/// What stands at a place of a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A whole record.
    Frame {
        /// Its prediction.
        id: Ulid,
        /// Its content.
        payload: &'a [u8],
        /// Where the next one starts.
        next: usize,
    },
    /// No record, or one that is cut or damaged.
    Broken,
}

/// Appends a record whose payload is written by `write`.
pub fn append(out: &mut Vec<u8>, id: Ulid, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.resize(start + ID, 0);
    out.extend_from_slice(&id.to_bytes());
    write(out);
    let length = out.len() - start - HEADER_BYTES;
    let length = u32::try_from(length).expect("a payload is far below 4 GiB: a row's body is limited");
    out[start + LENGTH..start + CHECKSUM].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&out[start..]);
    out[start + CHECKSUM..start + ID].copy_from_slice(&checksum);
}

/// Reads what stands at `offset`.
pub fn parse(bytes: &[u8], offset: usize) -> Parsed<'_> {
    parse_checked(bytes, offset).unwrap_or(Parsed::Broken)
}

fn parse_checked(bytes: &[u8], offset: usize) -> Option<Parsed<'_>> {
    let rest = bytes.get(offset..)?;
    let header = rest.get(..HEADER_BYTES)?;
    if header[..LENGTH] != MARK {
        return None;
    }
    let frame = rest.get(..record_bytes(header)?)?;
    if frame[CHECKSUM..ID] != checksum(frame) {
        return None;
    }
    let id = Ulid::from_bytes(frame[ID..HEADER_BYTES].try_into().ok()?);
    Some(Parsed::Frame { id, payload: &frame[HEADER_BYTES..], next: offset + frame.len() })
}

/// Length of the record that starts with this header.
pub fn record_bytes(header: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(header.get(LENGTH..CHECKSUM)?.try_into().ok()?);
    usize::try_from(length).ok()?.checked_add(HEADER_BYTES)
}

/// Where the next whole record starts, at or after `offset`.
pub fn resume(bytes: &[u8], offset: usize) -> Option<usize> {
    let mut start = offset;
    while let Some(found) = bytes.get(start..)?.windows(MARK.len()).position(|window| window == MARK) {
        start += found;
        if matches!(parse(bytes, start), Parsed::Frame { .. }) {
            return Some(start);
        }
        start += 1;
    }
    None
}

/// Of length, id and payload.
fn checksum(frame: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&frame[LENGTH..CHECKSUM]);
    hasher.update(&frame[ID..]);
    let mut half = [0; 8];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, Ulid(1), |out| out.extend_from_slice(b"one"));
        append(&mut bytes, Ulid(2), |out| out.extend_from_slice(b"second"));
        bytes
    }

    #[test]
    fn records_come_back_in_order() {
        let bytes = two();
        let Parsed::Frame { id, payload, next } = parse(&bytes, 0) else { panic!("a record") };
        assert_eq!((id, payload), (Ulid(1), b"one".as_slice()));
        let Parsed::Frame { id, payload, next } = parse(&bytes, next) else { panic!("a record") };
        assert_eq!((id, payload, next), (Ulid(2), b"second".as_slice(), bytes.len()));
        assert_eq!(parse(&bytes, next), Parsed::Broken);
    }

    #[test]
    fn any_changed_byte_is_found() {
        let bytes = two();
        for place in 0..HEADER_BYTES + 3 {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(parse(&changed, 0), Parsed::Broken, "byte {place}");
        }
    }

    #[test]
    fn reading_goes_on_after_a_damaged_place() {
        let mut bytes = two();
        bytes[HEADER_BYTES] ^= 1;
        assert_eq!(resume(&bytes, 0), Some(HEADER_BYTES + 3));
        let end = bytes.len();
        bytes[end - 1] ^= 1;
        assert_eq!(resume(&bytes, 0), None);
    }
}
