//! The embedded online store: LMDB through heed. One handle per process, any number of processes: a child publishes
//! while the server reads. Reads take no lock and see one snapshot; every write is durable when its call returns.
//! This is the one file with `unsafe`: opening a memory map. Publication stands in `publish.rs`, removal in `sweep.rs`.

mod open;
mod publish;
mod records;
mod sweep;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use daybreak_spec::{Name, Timestamp, Value};
use heed::types::Bytes;
use heed::{Database, Env, EnvOpenOptions, RoTxn, WithTls};

use crate::embedded::records::Pointer;
use crate::key::EncodedKey;
use crate::store::{Lookup, OnlineStore, Published};
use crate::{Error, FeatureRow, Generation, Online, Status, is_fresh, row_encoding};

/// Address space reserved for the store, in bytes; the file grows with its content only.
pub const MAP_SIZE_BYTES: usize = 64 << 30;
/// Threads that may read at one time, over all processes.
const MAX_READERS: u32 = 2_046;
const DATABASES: u32 = 4;

type Table = Database<'static, Bytes, Bytes>;

/// The store's handle. Share it: a second one in the same process is refused.
pub struct EmbeddedStore {
    env: Env<WithTls>,
    dir: PathBuf,
    /// View -> [`Pointer`] as JSON.
    pointers: Table,
    /// Generation number (8 bytes, big endian) -> [`records::Record`] as JSON.
    generations: Table,
    /// Generation number and key -> row.
    rows: Table,
    /// `format` and `next_generation`.
    meta: Table,
    /// Pointers decoded once; an entry counts only while its bytes equal the stored ones.
    decoded: ArcSwap<HashMap<Name, Arc<Decoded>>>,
}

struct Decoded {
    bytes: Vec<u8>,
    id: u64,
    generation: Arc<Generation>,
}

impl EmbeddedStore {
    /// Opens the store in a folder, making it where it does not exist, and clears the slots of readers that died.
    pub fn open(dir: &Path) -> Result<Arc<Self>, Error> {
        Self::open_with_map(dir, MAP_SIZE_BYTES)
    }

    /// As `open` with another map size in bytes (a multiple of the page size). All processes must use one size.
    pub fn open_with_map(dir: &Path, map_size_bytes: usize) -> Result<Arc<Self>, Error> {
        open::reserve_lock_file(dir, MAX_READERS)?;
        let mut options = EnvOpenOptions::new();
        options.map_size(map_size_bytes).max_readers(MAX_READERS).max_dbs(DATABASES);
        #[expect(
            unsafe_code,
            reason = "opens a memory map: only LMDB writes the file, under its own locks; the folder is private to the \
                      project; no flag that weakens locking or syncing is set; a short file is extended before use"
        )]
        // SAFETY: see the reason above. heed refuses a second handle in this process.
        let env = unsafe { options.open(dir) }.map_err(|error| open::failure(dir, "open", error))?;
        env.clear_stale_readers().map_err(|error| open::failure(dir, "clear dead readers of", error))?;
        open::extend_short_file(&env, dir)?;
        let (pointers, generations, rows, meta) = open::tables(&env, dir)?;
        let decoded = ArcSwap::from_pointee(HashMap::new());
        let store = Self { env, dir: dir.to_owned(), pointers, generations, rows, meta, decoded };
        Ok(Arc::new(store))
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(heed::Error) -> Error + use<'_> {
        move |error| open::failure(&self.dir, action, error)
    }

    fn corrupt(&self, detail: impl Into<String>) -> Error {
        Error::Corrupt { path: self.dir.clone(), detail: detail.into() }
    }

    fn pointer(&self, txn: &RoTxn<'_>, view: &Name) -> Result<Option<Pointer>, Error> {
        let bytes = self.pointers.get(txn, view.as_str().as_bytes()).map_err(self.failed("read from"))?;
        bytes.map(|bytes| self.decode_pointer(view, bytes)).transpose()
    }

    fn decode_pointer(&self, view: &Name, bytes: &[u8]) -> Result<Pointer, Error> {
        records::decode(bytes).ok_or_else(|| self.corrupt(format!("the pointer of view `{view}` does not read back")))
    }

    /// The generation in service, decoded at most once per publication.
    fn resolve(&self, txn: &RoTxn<'_>, view: &Name) -> Result<Option<Arc<Decoded>>, Error> {
        let bytes = self.pointers.get(txn, view.as_str().as_bytes()).map_err(self.failed("read from"))?;
        let Some(bytes) = bytes else { return Ok(None) };
        if let Some(decoded) = self.decoded.load().get(view)
            && decoded.bytes == bytes
        {
            return Ok(Some(Arc::clone(decoded)));
        }
        let pointer = self.decode_pointer(view, bytes)?;
        let generation = Arc::new(pointer.generation);
        let fresh = Arc::new(Decoded { bytes: bytes.to_vec(), id: pointer.id, generation });
        self.decoded.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(view.clone(), Arc::clone(&fresh));
            known
        });
        Ok(Some(fresh))
    }

    fn read(&self, txn: &RoTxn<'_>, lookup: Lookup<'_>, at: Timestamp, scratch: &mut Scratch) -> Result<Online, Error> {
        let Some(decoded) = self.resolve(txn, lookup.view)? else { return Ok(Online::not_found(None)) };
        let generation = Arc::clone(&decoded.generation);
        if !scratch.key.set(lookup.keys) {
            return Ok(Online::not_found(Some(generation)));
        }
        row_key(decoded.id, &scratch.key, &mut scratch.stored);
        let bytes = self.rows.get(txn, &scratch.stored).map_err(self.failed("read from"))?;
        let Some(bytes) = bytes else { return Ok(Online::not_found(Some(generation))) };
        let row = row_encoding::decode(bytes)
            .filter(|row| row.values.len() == generation.feature_names.len())
            .ok_or_else(|| self.corrupt(format!("a row of view `{}` does not read back", lookup.view)))?;
        if row.full_key != scratch.key.full_when_hashed() {
            return Ok(Online::not_found(Some(generation)));
        }
        Ok(answer(generation, row.event_time_us, row.values, at))
    }
}

/// Buffers of one call.
#[derive(Default)]
struct Scratch {
    key: EncodedKey,
    stored: Vec<u8>,
}

fn row_key(id: u64, key: &EncodedKey, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(key.stored());
}

fn answer(generation: Arc<Generation>, event_time_us: Option<i64>, mut values: Vec<Value>, at: Timestamp) -> Online {
    let event_time = event_time_us.filter(|_| generation.ttl_from_event).map(Timestamp::from_micros);
    let measured_from = event_time.unwrap_or(generation.as_of);
    let (status, statuses) = if is_fresh(measured_from, generation.ttl_us, at) {
        let of = |value: &Value| if *value == Value::Null { Status::NullValue } else { Status::Present };
        (Status::Present, values.iter().map(of).collect())
    } else {
        values.fill(Value::Null);
        (Status::OutsideMaxAge, vec![Status::OutsideMaxAge; values.len()])
    };
    let (as_of, measured_from) = (Some(generation.as_of), Some(measured_from));
    Online { status, values, statuses, as_of, measured_from, generation: Some(generation) }
}

impl OnlineStore for EmbeddedStore {
    fn get_many(&self, lookups: &[Lookup<'_>], at: Timestamp) -> Result<Vec<Online>, Error> {
        let txn = self.env.read_txn().map_err(self.failed("read from"))?;
        let mut scratch = Scratch::default();
        let mut answers = Vec::with_capacity(lookups.len());
        for lookup in lookups {
            answers.push(self.read(&txn, *lookup, at, &mut scratch)?);
        }
        Ok(answers)
    }

    fn publish(&self, generation: Generation, rows: &mut dyn Iterator<Item = FeatureRow>) -> Result<Published, Error> {
        self.publish_under(publish::Guard::Newer, generation, rows)
    }

    fn roll_back(
        &self,
        generation: Generation,
        rows: &mut dyn Iterator<Item = FeatureRow>,
    ) -> Result<Published, Error> {
        self.publish_under(publish::Guard::HigherPublication, generation, rows)
    }

    fn generation(&self, view: &Name) -> Result<Option<Generation>, Error> {
        let txn = self.env.read_txn().map_err(self.failed("read from"))?;
        Ok(self.pointer(&txn, view)?.map(|pointer| pointer.generation))
    }

    fn views(&self) -> Result<Vec<Name>, Error> {
        let txn = self.env.read_txn().map_err(self.failed("read from"))?;
        let mut views = Vec::new();
        for entry in self.pointers.iter(&txn).map_err(self.failed("read from"))? {
            let (view, _) = entry.map_err(self.failed("read from"))?;
            let view = std::str::from_utf8(view).ok().and_then(Name::parse);
            views.push(view.ok_or_else(|| self.corrupt("a view's name does not read back"))?);
        }
        Ok(views)
    }

    fn digest(&self, view: &Name) -> Result<String, Error> {
        let txn = self.env.read_txn().map_err(self.failed("read from"))?;
        let pointer = self.pointer(&txn, view)?.ok_or_else(|| Error::NotPublished(view.clone()))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&records::content_header(&pointer.generation));
        let sum = self.scan(&txn, pointer.id, |key, row| {
            for part in [key, row] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        })?;
        if sum.rows != pointer.generation.rows || sum.checksum() != pointer.checksum {
            return Err(self.corrupt(format!("the rows of view `{view}` are not those that were published")));
        }
        Ok(hasher.finalize().to_hex().to_string())
    }
}
