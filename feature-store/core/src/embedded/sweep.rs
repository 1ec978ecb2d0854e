//! Removal of rows that no reader can reach, in slices, and the walk over one generation. A reader that is still inside
//! an old snapshot keeps seeing it: LMDB reuses a page only when nobody reads it any more.

use heed::{RoTxn, RwTxn};

use crate::Error;
use crate::embedded::EmbeddedStore;
use crate::embedded::records::{self, Record, State, Sum};

/// Rows removed per write transaction.
const SLICE_ROWS: usize = 10_000;

impl EmbeddedStore {
    /// Counts and sums the rows of a generation, in key order, showing each.
    pub(super) fn scan(&self, txn: &RoTxn<'_>, id: u64, mut show: impl FnMut(&[u8], &[u8])) -> Result<Sum, Error> {
        let mut sum = Sum::default();
        let prefix = id.to_be_bytes();
        for entry in self.rows.prefix_iter(txn, &prefix).map_err(self.failed("read from"))? {
            let (key, row) = entry.map_err(self.failed("read from"))?;
            let key = &key[prefix.len()..];
            sum.add(key, row);
            show(key, row);
        }
        Ok(sum)
    }

    /// All generations with rows in the store.
    pub(super) fn records(&self, txn: &RoTxn<'_>) -> Result<Vec<(u64, Record)>, Error> {
        let mut found = Vec::new();
        for entry in self.generations.iter(txn).map_err(self.failed("read from"))? {
            let (key, bytes) = entry.map_err(self.failed("read from"))?;
            let id = key.try_into().map(u64::from_be_bytes).ok();
            let record = id.zip(records::decode(bytes));
            found.push(record.ok_or_else(|| self.corrupt("the record of a generation does not read back"))?);
        }
        Ok(found)
    }

    pub(super) fn record(&self, txn: &RoTxn<'_>, id: u64) -> Result<Option<Record>, Error> {
        let bytes = self.generations.get(txn, &id.to_be_bytes()).map_err(self.failed("read from"))?;
        let decode = |bytes| records::decode(bytes).ok_or_else(|| self.corrupt("a generation does not read back"));
        bytes.map(decode).transpose()
    }

    pub(super) fn put_record(&self, txn: &mut RwTxn<'_>, id: u64, record: &Record) -> Result<(), Error> {
        self.generations.put(txn, &id.to_be_bytes(), &records::encode(record)).map_err(self.failed("write to"))
    }

    /// Changes the state of a generation that has a record.
    pub(super) fn set_state(&self, txn: &mut RwTxn<'_>, id: u64, state: State) -> Result<(), Error> {
        match self.record(txn, id)? {
            Some(record) => self.put_record(txn, id, &Record { state, ..record }),
            None => Ok(()),
        }
    }

    /// Gives up a generation that did not go into service.
    pub(super) fn abandon(&self, id: u64) -> Result<(), Error> {
        let mut txn = self.write_txn()?;
        if self.is_writing(&txn, id)? {
            self.set_state(&mut txn, id, State::Removing)?;
        }
        self.commit(txn)
    }

    /// Removes everything marked. Safe to run from several processes and to be killed at any point.
    pub(super) fn sweep(&self) -> Result<(), Error> {
        let txn = self.env.read_txn().map_err(self.failed("read from"))?;
        let records = self.records(&txn)?;
        drop(txn);
        for (id, record) in records {
            if record.state == State::Removing {
                while self.remove_slice(id)? {}
            }
        }
        Ok(())
    }

    /// Removes some rows of a generation, and its record with the last of them; false when nothing is left.
    fn remove_slice(&self, id: u64) -> Result<bool, Error> {
        let mut txn = self.write_txn()?;
        let prefix = id.to_be_bytes();
        let mut keys = Vec::new();
        for entry in self.rows.prefix_iter(&txn, &prefix).map_err(self.failed("read from"))?.take(SLICE_ROWS) {
            let (key, _) = entry.map_err(self.failed("read from"))?;
            keys.push(key.to_vec());
        }
        for key in &keys {
            self.rows.delete(&mut txn, key).map_err(self.failed("remove old rows from"))?;
        }
        let more = keys.len() == SLICE_ROWS;
        if !more {
            self.generations.delete(&mut txn, &prefix).map_err(self.failed("remove old rows from"))?;
        }
        self.commit(txn)?;
        Ok(more)
    }
}
