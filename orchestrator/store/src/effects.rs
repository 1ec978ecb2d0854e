//! What the rest of the process has to know about a commit. Sent after it, never before; whoever missed one reads the
//! truth instead.

use daybreak_core::RunStatus;
use daybreak_spec::Timestamp;

/// Something that a commit made true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A run ended.
    RunEnded {
        /// Its ULID.
        run_id: String,
        /// How.
        status: RunStatus,
    },
    /// A task waits for its next attempt.
    RetryAt(Timestamp),
    /// An alias moved or a project was deployed.
    RegistryMoved,
}

/// What a transaction has brought about so far.
#[derive(Default)]
pub(crate) struct Effects {
    pub list: Vec<Effect>,
    /// Some task became ready: whoever waits for work is to be served before the commit.
    pub ready: bool,
}
