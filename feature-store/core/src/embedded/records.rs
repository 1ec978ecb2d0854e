//! What the store writes about generations: a record per generation and a pointer per view, as JSON (they are few, and
//! a person with `mdb_dump` can read them). Rows have their own compact form.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Generation;

/// Which generation of a view is in service.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// The generation's number.
    pub id: u64,
    /// The one before it, still whole.
    pub previous: Option<u64>,
    /// Publications below it were minted before a rollback and may not undo it.
    pub floor: i64,
    /// Of the rows, as verified before the pointer moved.
    pub checksum: String,
    /// What it is.
    pub generation: Generation,
}

/// A generation that has rows in the store.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// How far it is.
    pub state: State,
    /// What it is.
    pub generation: Generation,
}

/// The life of a generation's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its writer is at work, or was killed.
    Writing,
    /// In service, or kept as the one before.
    Complete,
    /// No reader can reach it; being removed in slices.
    Removing,
}

pub fn encode(record: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(record).expect("names, numbers and lists of them always have a JSON form")
}

pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// The part of a digest that is not rows: everything but the publication number.
pub fn content_header(generation: &Generation) -> Vec<u8> {
    encode(&Generation { publication: 0, ..generation.clone() })
}

/// Count and order-independent checksum of rows: the sum of their hashes modulo 2^128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Rows seen.
    pub rows: u64,
    hashes: u128,
}

impl Sum {
    /// Takes in a row.
    pub fn add(&mut self, key: &[u8], row: &[u8]) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(key.len() as u64).to_le_bytes());
        hasher.update(key);
        hasher.update(row);
        let mut half = [0; 16];
        half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        self.rows += 1;
        self.hashes = self.hashes.wrapping_add(u128::from_le_bytes(half));
    }

    /// As hex.
    pub fn checksum(&self) -> String {
        format!("{:032x}", self.hashes)
    }
}
