//! What every online store promises. Implementations live beside this file and pass `tests/conformance`.

use daybreak_spec::{Name, Timestamp, Value};

use crate::{Error, FeatureRow, Generation, Online};

/// One key of one view.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// The view.
    pub view: &'a Name,
    /// Key values in the order of the view's entity.
    pub keys: &'a [Value],
}

/// How a publication ended. Both are normal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// The generation is the one in service.
    Live {
        /// Rows in it.
        rows: u64,
    },
    /// A newer generation is in service or on its way; this one was dropped.
    Superseded {
        /// T of the newer one.
        as_of: Timestamp,
        /// Its publication number.
        publication: i64,
    },
}

/// Feature rows by key, one whole generation per view.
///
/// Readers see the old generation or the new one and never a mix; a crash at any point leaves one of them whole.
pub trait OnlineStore: Send + Sync {
    /// Answers for several keys from one snapshot, in order, with values withheld that are too old at `at`.
    /// A null in a key is not found; so is a key of another type or length.
    fn get_many(&self, lookups: &[Lookup<'_>], at: Timestamp) -> Result<Vec<Online>, Error>;

    /// Answers for one key.
    fn get(&self, view: &Name, keys: &[Value], at: Timestamp) -> Result<Online, Error> {
        let mut answers = self.get_many(&[Lookup { view, keys }], at)?;
        Ok(answers.pop().expect("one answer per lookup"))
    }

    /// Writes a complete generation beside the one in service, verifies it and puts it in service if its
    /// (as_of, publication) is newer and its publication was minted after the last rollback. Rows come in any order,
    /// `generation.rows` of them.
    fn publish(&self, generation: Generation, rows: &mut dyn Iterator<Item = FeatureRow>) -> Result<Published, Error>;

    /// As `publish`, but an older as_of may replace a newer one: only the publication has to be higher. Publications
    /// minted before it can no longer undo it.
    fn roll_back(&self, generation: Generation, rows: &mut dyn Iterator<Item = FeatureRow>)
    -> Result<Published, Error>;

    /// The generation in service; none before the first publication.
    fn generation(&self, view: &Name) -> Result<Option<Generation>, Error>;

    /// The views that have a generation in service, sorted.
    fn views(&self) -> Result<Vec<Name>, Error>;

    /// BLAKE3 (hex) over T, schema, ttl and all rows in key order: equal content gives equal text, whatever its
    /// publication number and history. Reads everything and checks it against what was verified at publication.
    fn digest(&self, view: &Name) -> Result<String, Error>;
}
