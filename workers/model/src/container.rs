//! How an artefact is written: `DAYBREAK-MODEL`, the format version (u16), the payload's length (u64), the SHA-256 of
//! version, length and payload, then the payload: JSON with fixed order and exact floats. Integers are little-endian.
//! Reading checks size, hash, depth and every limit before anything is trusted; any flipped byte is found.

use sha2::{Digest, Sha256};

use crate::{Artifact, EvalError, FORMAT_VERSION, PredictError, validation};

const MAGIC: &[u8; 14] = b"DAYBREAK-MODEL";
const VERSION_END: usize = MAGIC.len() + 2;
const LENGTH_END: usize = VERSION_END + 8;
const HEADER_BYTES: usize = LENGTH_END + 32;

/// Largest artefact.
pub const MAX_ARTIFACT_BYTES: usize = 64 << 20;

/// Deepest nesting of the payload: two levels per level of an expression, and the structure around it.
const MAX_PAYLOAD_DEPTH: usize = 2 * crate::program::MAX_DEPTH + 64;

/// Why an artefact cannot be written, read or used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are something else.
    #[error("this is not a model artefact: the first bytes are not `DAYBREAK-MODEL`")]
    NotAnArtifact,
    /// A format this binary does not read.
    #[error(
        "artefact format {found} is not supported, this binary reads format {FORMAT_VERSION}; train the model again"
    )]
    Version {
        /// The format found.
        found: u16,
    },
    /// Cut off or with something after its end.
    #[error("the artefact is damaged: its header announces {announced} bytes of content, {found} are there")]
    Length {
        /// Bytes announced.
        announced: u64,
        /// Bytes found.
        found: u64,
    },
    /// The content does not match its hash.
    #[error("the artefact is damaged: its content does not match its hash")]
    Hash,
    /// Larger than any artefact may be.
    #[error("the artefact has {0} bytes, more than {MAX_ARTIFACT_BYTES}")]
    TooLarge(usize),
    /// The content is not what the format says.
    #[error("the artefact's content cannot be read")]
    Content(#[source] serde_json::Error),
    /// The content nests too deeply.
    #[error("the artefact's content is nested deeper than {MAX_PAYLOAD_DEPTH}")]
    TooDeep,
    /// The parts do not fit together.
    #[error("the artefact is not usable: {0}")]
    Invalid(String),
    /// A derived column's expression cannot be run.
    #[error("derived column `{column}` cannot be computed")]
    Expression {
        /// The column.
        column: String,
        /// Why.
        source: EvalError,
    },
    /// A golden row cannot be predicted.
    #[error("golden row {row} cannot be predicted")]
    GoldenRow {
        /// Its index.
        row: usize,
        /// Why.
        source: PredictError,
    },
    /// A golden row gives another answer.
    #[error("golden row {row} gives {found} where training gave {expected}; this binary computes something else")]
    GoldenAnswer {
        /// Its index.
        row: usize,
        /// The stored answer.
        expected: f64,
        /// The answer now.
        found: f64,
    },
}

impl Artifact {
    /// The artefact as bytes: the same artefact always gives the same ones.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        validation::validate(self)?;
        let payload = serde_json::to_vec(self).map_err(Error::Content)?;
        let length = u64::try_from(payload.len()).expect("a length in memory fits 64 bits");
        let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&digest(&bytes[MAGIC.len()..], &payload));
        bytes.extend_from_slice(&payload);
        if bytes.len() > MAX_ARTIFACT_BYTES {
            return Err(Error::TooLarge(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads an artefact and checks everything but the golden rows (see [`Artifact::verify`]).
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_ARTIFACT_BYTES {
            return Err(Error::TooLarge(bytes.len()));
        }
        let rest = bytes.strip_prefix(MAGIC).ok_or(Error::NotAnArtifact)?;
        let found = u64::try_from(bytes.len().saturating_sub(HEADER_BYTES)).expect("a length fits 64 bits");
        if bytes.len() < HEADER_BYTES {
            return Err(Error::Length { announced: 0, found });
        }
        let version = u16::from_le_bytes([rest[0], rest[1]]);
        if version != FORMAT_VERSION {
            return Err(Error::Version { found: version });
        }
        let announced = u64::from_le_bytes(bytes[VERSION_END..LENGTH_END].try_into().expect("eight bytes"));
        if announced != found {
            return Err(Error::Length { announced, found });
        }
        let payload = &bytes[HEADER_BYTES..];
        if digest(&bytes[MAGIC.len()..LENGTH_END], payload) != bytes[LENGTH_END..HEADER_BYTES] {
            return Err(Error::Hash);
        }
        let artifact = read(payload)?;
        validation::validate(&artifact)?;
        Ok(artifact)
    }
}

fn digest(header: &[u8], payload: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(header);
    hasher.update(payload);
    hasher.finalize().into()
}

fn read(payload: &[u8]) -> Result<Artifact, Error> {
    if depth(payload) > MAX_PAYLOAD_DEPTH {
        return Err(Error::TooDeep);
    }
    let mut reader = serde_json::Deserializer::from_slice(payload);
    reader.disable_recursion_limit();
    let artifact = serde::Deserialize::deserialize(&mut reader).map_err(Error::Content)?;
    reader.end().map_err(Error::Content)?;
    Ok(artifact)
}

/// Deepest nesting of brackets outside strings.
fn depth(json: &[u8]) -> usize {
    let (mut deepest, mut open) = (0_usize, 0_usize);
    let (mut quoted, mut escaped) = (false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => open += 1,
            b']' | b'}' if !quoted => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}
