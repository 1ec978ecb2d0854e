//! Keeps secrets out of what tasks print and report: each value as it is and in the forms in which programs print it
//! again (percent-encoded, JSON, base64 at any place of a longer text) becomes `***`, also where it comes in pieces.
//! What a program scrambles by itself cannot be found. To add a form: a line in [`forms`].

use std::sync::{Arc, Mutex, PoisonError};

use daybreak_artifacts::LogWriter;
use daybreak_core::Wait;
use daybreak_protocol::Outcome;
use serde_json::{Map, Value as Json};

use crate::secret::Secrets;

/// What stands for a secret.
const MASK: &[u8] = b"***";
/// A form this short would be found everywhere.
const LEAST_FORM: usize = 4;
/// Lines of a secret of several lines are secrets of their own from this length on.
const LEAST_LINE: usize = 8;

/// The forms of some secrets, longest first.
#[derive(Clone, Default)]
pub(crate) struct Mask(Arc<Vec<Vec<u8>>>);

impl Mask {
    pub(crate) fn of(secrets: &Secrets) -> Self {
        let mut found: Vec<Vec<u8>> = secrets.values().flat_map(forms).collect();
        found.sort_by(|one, other| (other.len(), other).cmp(&(one.len(), one)));
        found.dedup();
        Self(Arc::new(found))
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let mut masked = Vec::with_capacity(text.len());
        self.replace(text.as_bytes(), text.len(), &mut masked);
        String::from_utf8_lossy(&masked).into_owned()
    }

    /// How an attempt ended, without secrets.
    pub(crate) fn outcome(&self, outcome: Outcome) -> Outcome {
        if self.is_empty() {
            return outcome;
        }
        match outcome {
            Outcome::Succeeded(mut result) => {
                result.outputs = self.map(result.outputs);
                Outcome::Succeeded(result)
            }
            Outcome::Failed { reason, cause, retry } => {
                Outcome::Failed { reason: self.text(&reason), cause: self.text(&cause), retry }
            }
            Outcome::Deferred(wait) => self.wait(wait),
            Outcome::Cancelled | Outcome::HandedBack => outcome,
        }
    }

    /// A wait is kept in the database and shown.
    fn wait(&self, wait: Box<Wait>) -> Outcome {
        let masked = serde_json::to_value(&wait).and_then(|wait| serde_json::from_value(self.json(wait)));
        match masked {
            Ok(wait) => Outcome::Deferred(wait),
            Err(_) => Outcome::Failed {
                reason: "what the task waits for cannot be kept: one of its secrets is a part of it".to_owned(),
                cause: "bad_input".to_owned(),
                retry: false,
            },
        }
    }

    fn map(&self, map: Map<String, Json>) -> Map<String, Json> {
        map.into_iter().map(|(key, value)| (self.text(&key), self.json(value))).collect()
    }

    fn json(&self, value: Json) -> Json {
        match value {
            Json::String(text) => self.text(&text).into(),
            Json::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Json::Object(map) => Json::Object(self.map(map)),
            Json::Number(number) => {
                let (text, masked) = (number.to_string(), self.text(&number.to_string()));
                if text == masked { Json::Number(number) } else { masked.into() }
            }
            Json::Null | Json::Bool(_) => value,
        }
    }

    /// Copies what begins before `end` and returns where it stopped: behind `end` where a form reaches over it.
    fn replace(&self, bytes: &[u8], end: usize, into: &mut Vec<u8>) -> usize {
        let mut begins = [false; 256];
        self.0.iter().for_each(|form| begins[usize::from(form[0])] = true);
        let (mut at, mut copied) = (0, 0);
        while at < end {
            let found = begins[usize::from(bytes[at])]
                .then(|| self.0.iter().find(|form| bytes[at..].starts_with(form)))
                .flatten();
            let Some(form) = found else {
                at += 1;
                continue;
            };
            into.extend_from_slice(&bytes[copied..at]);
            into.extend_from_slice(MASK);
            at += form.len();
            copied = at;
        }
        into.extend_from_slice(&bytes[copied.min(at)..at]);
        at
    }

    /// Where the rest begins that may be the beginning of a form.
    fn undecided(&self, bytes: &[u8]) -> usize {
        let longest = self.0.first().map_or(0, Vec::len);
        let first = bytes.len().saturating_sub(longest.saturating_sub(1));
        let begins = |at: &usize| self.0.iter().any(|form| form.starts_with(&bytes[*at..]));
        (first..bytes.len()).find(begins).unwrap_or(bytes.len())
    }
}

/// Masks output that comes in pieces. Holds back what may be the beginning of a secret until more has come.
#[derive(Default)]
pub struct MaskedStream {
    mask: Mask,
    held: Vec<u8>,
}

impl MaskedStream {
    pub(crate) fn new(mask: Mask) -> Self {
        Self { mask, held: Vec::new() }
    }

    /// The next piece: what of it, and of what was held back, can be shown.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.mask.is_empty() {
            return bytes.to_vec();
        }
        self.held.extend_from_slice(bytes);
        let mut shown = Vec::with_capacity(self.held.len());
        let undecided = self.mask.undecided(&self.held);
        let done = self.mask.replace(&self.held, undecided, &mut shown);
        self.held.drain(..done);
        shown
    }

    /// Nothing more comes. The beginning of a secret that was cut off is one too.
    pub fn finish(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        if held.len() >= LEAST_FORM { MASK.to_vec() } else { held }
    }
}

/// The log of one attempt, without secrets. Clones write to the same log.
#[derive(Clone)]
pub struct AttemptLog {
    writer: LogWriter,
    mask: Mask,
    stream: Arc<Mutex<MaskedStream>>,
}

impl AttemptLog {
    pub(crate) fn new(writer: LogWriter, mask: Mask) -> Self {
        Self { writer, stream: Arc::new(Mutex::new(MaskedStream::new(mask.clone()))), mask }
    }

    /// Appends output in pieces cut anywhere.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        if self.mask.is_empty() {
            return self.writer.bytes(bytes);
        }
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        self.writer.bytes(&stream.push(bytes));
    }

    /// Appends one line of our own.
    pub(crate) fn line(&self, line: &str) {
        self.finish();
        self.writer.line(&self.mask.text(line));
    }

    /// Writes what is still held back.
    pub(crate) fn finish(&self) {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        self.writer.bytes(&stream.finish());
    }

    /// Waits until all of it can be read, also on other hosts.
    pub(crate) async fn close(&self) -> Result<(), Arc<daybreak_artifacts::Error>> {
        self.writer.close().await
    }

    /// The newest output, for the reason of a failure.
    pub(crate) fn recent(&self) -> String {
        self.writer.recent()
    }
}

impl From<LogWriter> for AttemptLog {
    fn from(writer: LogWriter) -> Self {
        Self::new(writer, Mask::default())
    }
}

/// How a secret may be printed.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let lines = secret.lines().map(str::trim).filter(|line| line.len() >= LEAST_LINE && *line != secret);
    let mut found = Vec::new();
    for text in std::iter::once(secret).chain(lines) {
        found.push(text.as_bytes().to_vec());
        found.push(json_text(text));
        for hex in ["0123456789ABCDEF", "0123456789abcdef"] {
            let percent = percent(text.as_bytes(), hex.as_bytes());
            found.push(String::from_utf8_lossy(&percent).replace("%20", "+").into_bytes());
            found.push(percent);
        }
    }
    found.push(secret.replace('\n', "\r\n").into_bytes());
    for signs in ["+/", "-_"] {
        found.extend((0..3).map(|before| base64_inside(secret.as_bytes(), before, signs.as_bytes())));
    }
    found.retain(|form| form.len() >= LEAST_FORM);
    found
}

/// Between the quotes of a JSON text.
fn json_text(text: &str) -> Vec<u8> {
    let quoted = Json::from(text).to_string();
    quoted.as_bytes()[1..quoted.len() - 1].to_vec()
}

fn percent(bytes: &[u8], hex: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len() * 3);
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            encoded.push(*byte);
        } else {
            encoded.extend([b'%', hex[usize::from(byte >> 4)], hex[usize::from(byte & 15)]]);
        }
    }
    encoded
}

/// The letters of base64 that depend on the secret alone where it stands `before` bytes (modulo 3) behind the start of
/// a longer text, such as the password in `user:password`.
fn base64_inside(secret: &[u8], before: usize, signs: &[u8]) -> Vec<u8> {
    let mut letters: Vec<u8> = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').collect();
    letters.extend_from_slice(signs);
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
    let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    let sextet = |at: usize| {
        let bit = |bit: usize| usize::from(bytes[bit / 8] >> (7 - bit % 8) & 1);
        (0..6).fold(0, |value, offset| value << 1 | bit(at * 6 + offset))
    };
    (first..end).map(|at| letters[sextet(at)]).collect()
}

#[cfg(test)]
mod tests {
    use daybreak_core::{Awaited, OnReject, Resumption};

    use super::*;

    const SECRET: &str = "p@ss wörd/+42\"x";

    fn mask(secret: &str) -> Mask {
        let line = format!("{}\n", serde_json::json!({ "a": secret }));
        Mask::of(&Secrets::of_line(&line).expect("secrets"))
    }

    /// From `printf %s … | base64`, `| base64 | tr +/ -_`, Python's `quote`, `quote_plus` and `json.dumps`.
    const PRINTED: [&str; 8] = [
        SECRET,
        "cEBzcyB3w7ZyZC8rNDIieA==",
        "cEBzcyB3w7ZyZC8rNDIieA",
        "dXNlcjpwQHNzIHfDtnJkLys0MiJ4",
        "p%40ss%20w%C3%B6rd%2F%2B42%22x",
        "p%40ss%20w%c3%b6rd%2f%2b42%22x",
        "p%40ss+w%C3%B6rd%2F%2B42%22x",
        "p@ss wörd/+42\\\"x",
    ];

    #[test]
    fn every_form_is_found_also_inside_other_text() {
        let mask = mask(SECRET);
        for printed in PRINTED {
            let masked = mask.text(&format!("key={printed}; next"));
            assert!(masked.contains("***") && masked.starts_with("key=") && masked.ends_with("; next"), "{masked}");
            for piece in ["s wör", "cyB3w7Z", "zIHfDtn", "C3%B6", "c3%b6"] {
                assert!(!masked.contains(piece), "{piece} of {printed} in {masked}");
            }
        }
    }

    #[test]
    fn a_secret_that_comes_in_pieces_is_found_wherever_it_is_cut() {
        let mask = mask(SECRET);
        for printed in PRINTED {
            let text = format!("a {printed} b p@s {printed}");
            let whole = mask.text(&text);
            let bytes = text.as_bytes();
            for first in 0..bytes.len() {
                for second in first..bytes.len() {
                    let mut stream = MaskedStream::new(mask.clone());
                    let mut shown = stream.push(&bytes[..first]);
                    shown.extend(stream.push(&bytes[first..second]));
                    shown.extend(stream.push(&bytes[second..]));
                    shown.extend(stream.finish());
                    assert_eq!(String::from_utf8_lossy(&shown), whole, "cut at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_the_beginning_of_a_secret_is_shown_at_once() {
        let mut stream = MaskedStream::new(mask(SECRET));
        assert_eq!(stream.push(b"step 1 of 2\n"), b"step 1 of 2\n");
        assert_eq!(stream.push(b"then p@ss"), b"then ");
        assert_eq!(stream.push(b"ive"), b"p@ssive");
    }

    #[test]
    fn a_secret_that_is_cut_off_at_the_end_is_masked_too() {
        let mut stream = MaskedStream::new(mask(SECRET));
        stream.push(b"p@ss w");
        assert_eq!(stream.finish(), MASK);
        stream.push(b"p@s");
        assert_eq!(stream.finish(), b"p@s");
    }

    #[test]
    fn lines_of_a_key_are_masked_one_by_one() {
        let mask = mask("-----BEGIN-----\nMIIEvQIBADAN\nabc\n-----END-----");
        assert_eq!(mask.text("got MIIEvQIBADAN and abc"), "got *** and abc");
    }

    #[test]
    fn reasons_and_outputs_are_masked() {
        let mask = mask("12345678");
        let failed = Outcome::Failed { reason: "bad 12345678".into(), cause: "task_error".into(), retry: true };
        match mask.outcome(failed) {
            Outcome::Failed { reason, .. } => assert_eq!(reason, "bad ***"),
            other => panic!("{other:?}"),
        }
        let mut result = daybreak_protocol::TaskResult::default();
        let outputs = serde_json::json!({ "12345678": [{ "a": "x12345678" }, 12_345_678, 7, true, null] });
        result.outputs = outputs.as_object().expect("a map").clone();
        match mask.outcome(Outcome::Succeeded(Box::new(result))) {
            Outcome::Succeeded(result) => {
                let expected = serde_json::json!({ "***": [{ "a": "x***" }, "***", 7, true, null] });
                assert_eq!(Json::Object(result.outputs), expected);
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_waited_for_is_masked() {
        let condition = Awaited::Approval { message: Some("ask 12345678".into()), on_reject: OnReject::Fail };
        let wait =
            |condition| Wait { condition, again_after_us: None, limit_us: None, at_limit: Resumption::Continues };
        match mask("12345678").outcome(Outcome::Deferred(Box::new(wait(condition)))) {
            Outcome::Deferred(wait) => match wait.condition {
                Awaited::Approval { message, .. } => assert_eq!(message.as_deref(), Some("ask ***")),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
        let condition = Awaited::Approval { message: None, on_reject: OnReject::Fail };
        let torn = mask("approval").outcome(Outcome::Deferred(Box::new(wait(condition))));
        assert!(matches!(torn, Outcome::Failed { retry: false, .. }), "{torn:?}");
    }

    #[test]
    fn without_secrets_everything_stays_as_it_is() {
        let mut stream = MaskedStream::new(Mask::default());
        assert_eq!(stream.push(b"anything"), b"anything");
        assert_eq!(stream.finish(), b"");
        assert_eq!(Mask::default().text("anything"), "anything");
    }
}
