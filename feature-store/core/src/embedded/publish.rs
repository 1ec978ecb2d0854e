//! Publication: a complete generation is written beside the one in service in bounded transactions, counted and
//! checked, then the pointer moves in one guarded transaction. A writer that was overtaken finds its record gone or
//! marked and stops; one that was killed leaves a record that the next publisher clears.

use daybreak_failpoints::crossing;
use daybreak_spec::{ColumnType, Name, Value};
use heed::{MdbError, PutFlags, RoTxn, RwTxn};

use crate::embedded::records::{self, Pointer, Record, State, Sum};
use crate::embedded::{EmbeddedStore, row_key};
use crate::key::EncodedKey;
use crate::store::Published;
use crate::{Error, FeatureRow, Generation, row_encoding};

/// Rows and bytes per write transaction: other writers wait no longer than one of these takes.
const SLICE_ROWS: usize = 10_000;
const SLICE_BYTES: usize = 4 << 20;
const NEXT_GENERATION: &[u8] = b"next_generation";

/// What a generation must be for the pointer to move to it.
#[derive(Clone, Copy, Debug)]
pub enum Guard {
    /// A newer (as_of, publication), minted after the last rollback.
    Newer,
    /// A higher publication, at any as_of: a rollback.
    HigherPublication,
}

impl Guard {
    fn allows(self, generation: &Generation, pointer: &Pointer) -> bool {
        match self {
            Self::Newer => generation.publication >= pointer.floor && generation.is_newer_than(&pointer.generation),
            Self::HigherPublication => generation.publication > pointer.generation.publication,
        }
    }

    fn floor(self, generation: &Generation, before: Option<&Pointer>) -> i64 {
        match self {
            Self::Newer => before.map_or(i64::MIN, |pointer| pointer.floor),
            Self::HigherPublication => generation.publication,
        }
    }
}

/// A row ready to be written.
struct Prepared {
    key: Vec<u8>,
    row: Vec<u8>,
    keys: Vec<Value>,
}

impl EmbeddedStore {
    pub(super) fn publish_under(
        &self,
        guard: Guard,
        mut generation: Generation,
        rows: &mut dyn Iterator<Item = FeatureRow>,
    ) -> Result<Published, Error> {
        check_shape(&generation)?;
        let id = match self.begin(guard, &generation)? {
            Begun::Writing(id) => id,
            Begun::Ended(published) => return Ok(published),
        };
        crossing!("cp15.before");
        let result = self.write_and_flip(guard, id, &mut generation, rows);
        match &result {
            Ok(Published::Live { .. }) => {}
            // Best effort: on a full disk it may fail too, and the next publisher clears what is left.
            Ok(Published::Superseded { .. }) | Err(_) => drop(self.abandon(id)),
        }
        // What could not be removed now is removed by the next publisher.
        drop(self.sweep());
        result
    }

    fn write_and_flip(
        &self,
        guard: Guard,
        id: u64,
        generation: &mut Generation,
        rows: &mut dyn Iterator<Item = FeatureRow>,
    ) -> Result<Published, Error> {
        let Some(written) = self.write_rows(id, generation, rows)? else {
            return self.superseded_by(&generation.view);
        };
        generation.rows = written.rows;
        let txn = self.env.read_txn().map_err(self.failed("verify a generation in"))?;
        let stored = self.scan(&txn, id, |_, _| {})?;
        drop(txn);
        if stored != written {
            return Err(self.corrupt(format!("the rows of view `{}` do not read back as written", generation.view)));
        }
        crossing!("cp15.after");
        let flipped = self.flip(guard, id, generation, &written);
        crossing!("cp16.before");
        flipped
    }

    /// Claims a generation number, and marks what killed or overtaken writers of this view have left.
    pub(super) fn begin(&self, guard: Guard, generation: &Generation) -> Result<Begun, Error> {
        let mut txn = self.write_txn()?;
        if let Some(pointer) = self.pointer(&txn, &generation.view)?
            && !guard.allows(generation, &pointer)
        {
            return Ok(Begun::Ended(refusal(generation, &pointer)));
        }
        for (id, mut record) in self.records(&txn)? {
            let other = &record.generation;
            let overtaken = other.as_of <= generation.as_of && other.publication <= generation.publication;
            if other.view == generation.view && record.state == State::Writing && overtaken {
                record.state = State::Removing;
                self.put_record(&mut txn, id, &record)?;
            }
        }
        let id = self.next_generation(&mut txn)?;
        let record = Record { state: State::Writing, generation: generation.clone() };
        self.put_record(&mut txn, id, &record)?;
        self.commit(txn)?;
        Ok(Begun::Writing(id))
    }

    /// Writes all rows; `None` when a newer publisher has marked this generation in the meantime.
    pub(super) fn write_rows(
        &self,
        id: u64,
        generation: &Generation,
        rows: &mut dyn Iterator<Item = FeatureRow>,
    ) -> Result<Option<Sum>, Error> {
        let mut sum = Sum::default();
        let mut delivered = 0;
        loop {
            let before = delivered;
            let slice = prepare_slice(id, generation, rows, &mut delivered)?;
            if delivered == before {
                break;
            }
            for prepared in &slice {
                sum.add(&prepared.key[size_of::<u64>()..], &prepared.row);
            }
            let mut txn = self.write_txn()?;
            if !self.is_writing(&txn, id)? {
                return Ok(None);
            }
            for prepared in &slice {
                self.insert(&mut txn, &generation.view, prepared)?;
            }
            self.commit(txn)?;
        }
        if delivered == generation.rows {
            return Ok(Some(sum));
        }
        let detail = format!("{} rows were announced and {delivered} came", generation.rows);
        Err(Error::Generation { view: generation.view.clone(), detail })
    }

    fn insert(&self, txn: &mut RwTxn<'_>, view: &Name, prepared: &Prepared) -> Result<(), Error> {
        match self.rows.put_with_flags(txn, PutFlags::NO_OVERWRITE, &prepared.key, &prepared.row) {
            Err(heed::Error::Mdb(MdbError::KeyExist)) => {
                Err(Error::DuplicateKey { view: view.clone(), key: describe(&prepared.keys) })
            }
            other => other.map_err(self.failed("write to")),
        }
    }

    /// Moves the pointer if the guard still allows it, and lets go of the generation before the one before.
    fn flip(&self, guard: Guard, id: u64, generation: &Generation, sum: &Sum) -> Result<Published, Error> {
        let mut txn = self.write_txn()?;
        if !self.is_writing(&txn, id)? {
            drop(txn);
            return self.superseded_by(&generation.view);
        }
        let before = self.pointer(&txn, &generation.view)?;
        if let Some(pointer) = &before
            && !guard.allows(generation, pointer)
        {
            return Ok(refusal(generation, pointer));
        }
        let unreachable = before.as_ref().and_then(|pointer| pointer.previous);
        if let Some(unreachable) = unreachable {
            self.set_state(&mut txn, unreachable, State::Removing)?;
        }
        let record = Record { state: State::Complete, generation: generation.clone() };
        self.put_record(&mut txn, id, &record)?;
        let pointer = Pointer {
            id,
            previous: before.as_ref().map(|pointer| pointer.id),
            floor: guard.floor(generation, before.as_ref()),
            checksum: sum.checksum(),
            generation: generation.clone(),
        };
        let key = generation.view.as_str().as_bytes();
        self.pointers.put(&mut txn, key, &records::encode(&pointer)).map_err(self.failed("write to"))?;
        self.commit(txn)?;
        Ok(Published::Live { rows: generation.rows })
    }

    /// The newest generation of a view, in service or being written.
    fn superseded_by(&self, view: &Name) -> Result<Published, Error> {
        let txn = self.env.read_txn().map_err(self.failed("read from"))?;
        let mut newest: Option<Generation> = None;
        for (_, record) in self.records(&txn)? {
            let counts = record.generation.view == *view && record.state != State::Removing;
            if counts && newest.as_ref().is_none_or(|newest| record.generation.is_newer_than(newest)) {
                newest = Some(record.generation);
            }
        }
        match newest {
            Some(newest) => Ok(Published::Superseded { as_of: newest.as_of, publication: newest.publication }),
            None => Err(Error::Engine {
                action: "publish to",
                path: self.dir.clone(),
                detail: format!("a newer publisher of view `{view}` took over and failed; publish again"),
            }),
        }
    }

    fn next_generation(&self, txn: &mut RwTxn<'_>) -> Result<u64, Error> {
        let bytes = self.meta.get(txn, NEXT_GENERATION).map_err(self.failed("read from"))?;
        let id = match bytes {
            None => 1,
            Some(bytes) => {
                let bytes = bytes.try_into().map_err(|_| self.corrupt("its generation counter does not read back"))?;
                u64::from_be_bytes(bytes)
            }
        };
        let next = (id + 1).to_be_bytes();
        self.meta.put(txn, NEXT_GENERATION, &next).map_err(self.failed("write to"))?;
        Ok(id)
    }

    pub(super) fn write_txn(&self) -> Result<RwTxn<'_>, Error> {
        self.env.write_txn().map_err(self.failed("write to"))
    }

    pub(super) fn commit(&self, txn: RwTxn<'_>) -> Result<(), Error> {
        txn.commit().map_err(self.failed("write to"))
    }

    pub(super) fn is_writing(&self, txn: &RoTxn<'_>, id: u64) -> Result<bool, Error> {
        Ok(self.record(txn, id)?.is_some_and(|record| record.state == State::Writing))
    }
}

/// Whether there is something to write.
pub enum Begun {
    Writing(u64),
    Ended(Published),
}

/// The same publication again is the one in service; anything else has been overtaken.
fn refusal(generation: &Generation, pointer: &Pointer) -> Published {
    let live = &pointer.generation;
    if (live.as_of, live.publication) == (generation.as_of, generation.publication) {
        return Published::Live { rows: live.rows };
    }
    Published::Superseded { as_of: live.as_of, publication: live.publication }
}

fn check_shape(generation: &Generation) -> Result<(), Error> {
    let pairs = [
        ("keys", generation.key_names.len(), generation.key_types.len()),
        ("features", generation.feature_names.len(), generation.feature_types.len()),
    ];
    for (what, names, types) in pairs {
        if names != types {
            let detail = format!("{names} names and {types} types of {what}");
            return Err(Error::Generation { view: generation.view.clone(), detail });
        }
    }
    Ok(())
}

/// Takes rows up to the slice's bounds, checks and encodes them, in key order. Rows whose key holds a null are counted
/// as delivered and left out: no read could find them.
fn prepare_slice(
    id: u64,
    generation: &Generation,
    rows: &mut dyn Iterator<Item = FeatureRow>,
    delivered: &mut u64,
) -> Result<Vec<Prepared>, Error> {
    let mut slice = Vec::new();
    let (mut bytes, mut key) = (0, EncodedKey::default());
    for row in rows {
        *delivered += 1;
        check_row(generation, *delivered, &row)?;
        if key.set(&row.keys) {
            let (mut stored, mut encoded) = (Vec::new(), Vec::new());
            row_key(id, &key, &mut stored);
            row_encoding::encode(key.full_when_hashed(), row.event_time_us, &row.values, &mut encoded);
            bytes += stored.len() + encoded.len();
            slice.push(Prepared { key: stored, row: encoded, keys: row.keys });
        }
        if slice.len() >= SLICE_ROWS || bytes >= SLICE_BYTES {
            break;
        }
    }
    slice.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    Ok(slice)
}

fn check_row(generation: &Generation, number: u64, row: &FeatureRow) -> Result<(), Error> {
    let parts = [
        ("key", &generation.key_names, &generation.key_types, &row.keys),
        ("feature", &generation.feature_names, &generation.feature_types, &row.values),
    ];
    for (what, names, types, values) in parts {
        if values.len() != names.len() {
            let detail = format!("{} values where the view has {} {what}s", values.len(), names.len());
            return Err(Error::Row { view: generation.view.clone(), number, detail });
        }
        for ((name, column_type), value) in names.iter().zip(types).zip(values) {
            if !fits(*column_type, value) {
                let detail = format!("{what} `{name}` is {} and holds {}", column_type.name(), describe_value(value));
                return Err(Error::Row { view: generation.view.clone(), number, detail });
            }
        }
    }
    Ok(())
}

fn fits(column_type: ColumnType, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => column_type == ColumnType::Bool,
        Value::Int(_) => column_type.is_integer(),
        Value::Float(_) => matches!(column_type, ColumnType::F32 | ColumnType::F64),
        Value::Text(_) => column_type == ColumnType::Str,
        Value::Date(_) => column_type == ColumnType::Date,
        Value::Instant(_) => column_type == ColumnType::Datetime,
    }
}

fn describe(keys: &[Value]) -> String {
    let parts: Vec<String> = keys.iter().map(describe_value).collect();
    format!("({})", parts.join(", "))
}

fn describe_value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => format!("\"{text}\""),
        Value::Date(days) => format!("day {days}"),
        Value::Instant(micros) => daybreak_spec::Timestamp::from_micros(*micros).to_string(),
    }
}
