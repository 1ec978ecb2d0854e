//! Requests that were refused because of who made them, or because what they say is over (a forged token, a stale fence, a
//! worker of another protocol), in the audit: each kind from each address about each thing once an hour, and so many in all, so
//! that nobody can fill the audit by knocking. The metrics count all of them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use daybreak_spec::Timestamp;
use daybreak_store::Caller;

use crate::Server;
use crate::origin::Origin;

const HOUR_US: i64 = 3_600_000_000;

/// Entries of an hour.
const MOST: usize = 200;

/// A request that got no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it was refused with.
    pub code: &'static str,
    /// Who asked, as far as that is known.
    pub by: String,
    /// What it was about: an id, or the route.
    pub subject: String,
    /// In words.
    pub detail: String,
}

/// What has been written in this hour.
#[derive(Default)]
pub(crate) struct Recent(Mutex<(i64, HashSet<String>)>);

impl Recent {
    /// Whether an entry is to be written.
    fn is_new(&self, refused: &Refused, from: &Origin, now: Timestamp) -> bool {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = now.micros.div_euclid(HOUR_US);
        if recent.0 != hour {
            *recent = (hour, HashSet::new());
        }
        let Refused { code, by, subject, .. } = refused;
        recent.1.len() < MOST && recent.1.insert(format!("{code} {by} {subject} {from}"))
    }
}

impl Server {
    /// Writes it to the audit, unless the same was written a moment ago.
    pub(crate) async fn note_refused(&self, refused: Refused, from: &Origin) {
        if !self.refusals.is_new(&refused, from, self.clock.real_now()) {
            return;
        }
        let caller = Caller { by: refused.by, ..from.caller(None) };
        let detail = format!("{}: {}", refused.code, refused.detail);
        if let Err(error) = self.store.note_refused(caller, refused.subject, detail).await {
            tracing::warn!(%error, "a refusal could not be audited");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_written_once_an_hour_and_never_too_many() {
        let recent = Recent::default();
        let about = |subject: usize| Refused {
            code: "stale_attempt",
            by: "a worker".to_owned(),
            subject: subject.to_string(),
            detail: String::new(),
        };
        let written = |subject: usize, second: i64| {
            recent.is_new(&about(subject), &Origin::cli(), Timestamp::from_micros(second * 1_000_000))
        };
        assert_eq!([written(1, 10), written(1, 11), written(2, 12)], [true, false, true]);
        assert_eq!((3..1_000).filter(|subject| written(*subject, 20)).count(), MOST - 2);
        assert!(written(1, 3_600), "another hour");
    }
}
