//! What can happen, and the order of what is to come. To add a happening: a variant, and its arm in `World::happen`.

use daybreak_core::AttemptEnd;

use crate::commands::{Answer, Command, Held};
use crate::server::FirePlan;
use crate::store::Tx;
use crate::world::Instant;

/// Who is told of an outcome.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Worker { worker: usize, life: u32, session: u64 },
    Fire(FirePlan),
    Lead { asked: Instant },
    Nobody,
}

/// A transaction between its reading and its commit.
pub(crate) struct Open {
    pub server: usize,
    pub life: u32,
    pub store_life: u32,
    pub command: Command,
    pub origin: Origin,
    pub tries: u32,
    /// What was decided; none: it has to be decided again.
    pub decided: Option<(Tx, Answer)>,
}

/// What waits for the next flush.
pub(crate) struct Outcome {
    pub server: usize,
    pub life: u32,
    pub command: Command,
    pub origin: Origin,
    pub answer: Answer,
}

pub(crate) enum Happening {
    /// A worker's request reaches a server.
    Arrives {
        server: usize,
        command: Command,
        origin: Origin,
    },
    /// A server's answer reaches a worker.
    Answered {
        worker: usize,
        life: u32,
        session: u64,
        command: Command,
        answer: Answer,
    },
    Transaction(Box<Open>),
    Flush {
        store_life: u32,
    },
    Beat {
        worker: usize,
        life: u32,
        session: u64,
    },
    Poll {
        worker: usize,
        life: u32,
        session: u64,
    },
    Register {
        worker: usize,
        life: u32,
    },
    TaskEnds {
        worker: usize,
        life: u32,
        held: Held,
        end: AttemptEnd,
    },
    Resend {
        worker: usize,
        life: u32,
        held: Held,
    },
    WorkerUp {
        worker: usize,
    },
    Lead {
        server: usize,
        life: u32,
    },
    Turn {
        server: usize,
        life: u32,
    },
    Sweep {
        server: usize,
        life: u32,
    },
    ServerUp {
        server: usize,
    },
    Fault,
    People,
    Calm,
}

pub(crate) struct Due {
    pub at: Instant,
    pub number: u64,
    pub what: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}
