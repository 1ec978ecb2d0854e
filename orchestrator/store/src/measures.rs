//! What the store counts for whoever watches it: states that runs and tasks entered, and how long commits took. Counted after
//! the commit, never before. To add one: a field, its line in [`Measures::register`], the place where it is counted.

use std::collections::BTreeMap;
use std::time::Duration;

use daybreak_core::{RunStatus, TaskStatus};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::effects::Effects;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Entered {
    state: &'static str,
}

/// The counters. Clones share them.
#[derive(Clone)]
pub struct Measures {
    runs: Family<Entered, Counter>,
    tasks: Family<Entered, Counter>,
    commits: Histogram,
    commands: Counter,
    claims: Histogram,
}

impl Default for Measures {
    fn default() -> Self {
        // 0.1 ms to 1.6 s.
        let commits = Histogram::new(exponential_buckets(0.000_1, 4.0, 8));
        // 1 ms to 4 min.
        let claims = Histogram::new(exponential_buckets(0.001, 4.0, 10));
        Self { runs: Family::default(), tasks: Family::default(), commits, commands: Counter::default(), claims }
    }
}

impl Measures {
    /// Shows them in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("daybreak_runs", "Runs that entered a state", self.runs.clone());
        registry.register("daybreak_tasks", "Tasks that entered a state", self.tasks.clone());
        let help = "Time from the first statement of a batch of commands until its commit was durable";
        registry.register_with_unit("daybreak_commit", help, Unit::Seconds, self.commits.clone());
        registry.register("daybreak_committed_commands", "Commands in those commits", self.commands.clone());
        let help = "Time from a task being ready until it was handed out to a worker";
        registry.register_with_unit("daybreak_claim", help, Unit::Seconds, self.claims.clone());
    }

    pub(crate) fn committed(&self, effects: &Effects, commands: usize, took: Duration) {
        count(&self.runs, effects.entered_runs.iter().map(|status| RunStatus::as_str(*status)));
        count(&self.tasks, effects.entered_tasks.iter().map(|status| TaskStatus::as_str(*status)));
        self.commits.observe(took.as_secs_f64());
        self.commands.inc_by(commands as u64);
        for waited_us in &effects.waited_us {
            // A worker has it when it is durable.
            let waited = Duration::from_micros(u64::try_from(*waited_us).unwrap_or_default()) + took;
            self.claims.observe(waited.as_secs_f64());
        }
    }
}

/// A batch has many changes and few states.
fn count(family: &Family<Entered, Counter>, states: impl Iterator<Item = &'static str>) {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    states.for_each(|state| *counts.entry(state).or_default() += 1);
    for (state, count) in counts {
        family.get_or_create(&Entered { state }).inc_by(count);
    }
}
