//! Which tasks a worker may be given: those of its queues whose labels it has, all of them.

use std::collections::BTreeSet;

use daybreak_spec::{Labels, Name, Placement};
use serde::{Deserialize, Serialize};

/// What a worker takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Takes {
    /// The queues that it takes from; none: every queue.
    pub queues: Option<BTreeSet<Name>>,
    /// What it has.
    pub labels: Labels,
}

impl Takes {
    /// Whether it may be given a task that is to run there.
    pub fn takes(&self, placement: &Placement) -> bool {
        let of_queue = self.queues.as_ref().is_none_or(|queues| queues.contains(&placement.queue));
        of_queue && placement.labels.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use daybreak_spec::LabelValue;

    fn worker(queues: Option<&[&str]>, labels: &[(&str, &str)]) -> Takes {
        let name = |text: &str| Name::parse(text).expect("a slug");
        Takes {
            queues: queues.map(|queues| queues.iter().map(|queue| name(queue)).collect()),
            labels: labels.iter().map(|(key, value)| (name(key), LabelValue::parse(value).expect("a value"))).collect(),
        }
    }

    #[test]
    fn a_worker_takes_what_is_of_its_queues_and_asks_for_no_label_that_it_lacks() {
        let table: [(Takes, &[&str], &[&str]); 4] = [
            (worker(None, &[]), &["default", "gpu"], &["gpu model=a100"]),
            (worker(Some(&["default"]), &[]), &["default"], &["gpu", "default zone=eu"]),
            (
                worker(Some(&["gpu", "etl"]), &[("model", "a100"), ("zone", "eu")]),
                &["gpu", "etl", "gpu model=a100", "etl zone=eu", "gpu model=a100 zone=eu"],
                &["default", "gpu model=h100", "gpu model=a100 zone=us", "gpu disk=ssd", "default zone=eu"],
            ),
            (worker(Some(&[]), &[]), &[], &["default"]),
        ];
        for (worker, taken, left) in table {
            for (texts, expected) in [(taken, true), (left, false)] {
                for text in texts {
                    let placement = Placement::parse(text).expect("a placement");
                    assert_eq!(worker.takes(&placement), expected, "{worker:?} and {text}");
                }
            }
        }
    }
}
