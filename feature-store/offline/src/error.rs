//! Why a read, a build or a join could not be done. Nothing here decides what happens next; `is_permanent` tells the
//! caller whether trying again can help. To add a case: a variant that names what was tried, on what, and what to do.

use daybreak_spec::Timestamp;

use crate::SchemaProblem;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that the project does not hold.
    #[error("the project has no {kind} `{name}`")]
    Unknown {
        /// `source`, `feature view`, `model`.
        kind: &'static str,
        /// The name asked for.
        name: String,
    },
    /// The files of a source cannot be used as they are.
    #[error("the files of source `{name}` cannot be used: {}", list(.problems))]
    Schema {
        /// The source.
        name: String,
        /// Everything found wrong.
        problems: Vec<SchemaProblem>,
    },
    /// The declaration does not fit the data; `daybreak check` shows the places.
    #[error("{kind} `{name}` does not fit its data: {detail}; run `daybreak check`")]
    Declaration {
        /// `feature view` or `model`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The first problems, in words.
        detail: String,
    },
    /// Reading or computing failed inside Polars.
    #[error("{what} failed")]
    Polars {
        /// What was tried, on what.
        what: String,
        /// What Polars says.
        #[source]
        source: polars::error::PolarsError,
    },
    /// Polars gave up in a way it does not describe; the data of the file is the likely cause.
    #[error("{what} failed inside the reader: {detail}; check that the files are intact")]
    Panicked {
        /// What was tried, on what.
        what: String,
        /// The panic's message.
        detail: String,
    },
    /// A value that Daybreak does not hold.
    #[error("column `{column}` of {place} holds {detail}")]
    Value {
        /// The column.
        column: String,
        /// The source, view or file.
        place: String,
        /// The value and why it is refused.
        detail: String,
    },
    /// A `sql` view gave two rows for one key.
    #[error(
        "view `{view}` at {as_of} has more than one row for the key {key}; group the query by the entity's keys or pick one row"
    )]
    DuplicateKey {
        /// The view.
        view: String,
        /// The instant.
        as_of: Timestamp,
        /// `column = value` pairs.
        key: String,
    },
    /// A sum left the range of 64-bit integers.
    #[error("feature `{feature}` of view `{view}` leaves the range of 64-bit integers; make its expression a float")]
    Overflow {
        /// The view.
        view: String,
        /// The feature.
        feature: String,
    },
    /// Bytes that are not a build of the view.
    #[error("the stored build of view `{view}` cannot be read: {detail}; build it again")]
    BadBuild {
        /// The view.
        view: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl Error {
    /// Whether trying the same again must fail again; reading from a disk may not.
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Polars { source: polars::error::PolarsError::IO { .. }, .. })
    }

    pub(crate) fn polars(what: impl Into<String>) -> impl FnOnce(polars::error::PolarsError) -> Self {
        let what = what.into();
        move |source| Self::Polars { what, source }
    }
}

fn list(problems: &[SchemaProblem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// Runs something of Polars; a panic in it (broken files can cause one) becomes an error.
pub(crate) fn guarded<T>(
    what: impl Fn() -> String,
    work: impl FnOnce() -> polars::error::PolarsResult<T>,
) -> Result<T, Error> {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(result) => result.map_err(|source| Error::Polars { what: what(), source }),
        Err(payload) => {
            let detail = payload
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_else(|| "no detail".to_owned());
            Err(Error::Panicked { what: what(), detail })
        }
    }
}
