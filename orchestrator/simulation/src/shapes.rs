//! Random DAGs of a few tasks. To add a trait of tasks: a line in [`template`].

use std::rc::Rc;

use daybreak_core::{RunSnapshot, RunState, TaskProgress, TaskSnapshot};
use daybreak_spec::{Backoff, Duration, Jitter, Retry, TriggerRule};

use crate::catalogue::{Catalogue, MAX_TASKS};
use crate::chance::Chance;
use crate::world::SECOND;

/// What every run of a DAG begins as.
pub(crate) fn template(chance: &mut Chance, catalogue: &Catalogue) -> Rc<RunSnapshot> {
    let count = 1 + chance.below(MAX_TASKS - 1).min(chance.below(MAX_TASKS));
    let wide = chance.happens(500);
    let mut tasks = Vec::new();
    for place in 0..count {
        let parents = (0..place).filter(|other| if wide { chance.happens(350) } else { *other + 1 == place });
        let parents = parents.map(|parent| catalogue.tasks[parent].clone()).collect();
        let snapshot = TaskSnapshot {
            parents,
            trigger: TriggerRule::default(),
            tolerated: false,
            retry: retry(chance),
            gated: chance.happens(300),
            timeout_us: chance.happens(500).then(|| chance.between(3, 20) * SECOND),
            fan_out: None,
            progress: TaskProgress::new(),
        };
        tasks.push((catalogue.tasks[place].clone(), snapshot));
    }
    Rc::new(RunSnapshot {
        state: RunState::Queued,
        cancel_requested: None,
        overdue: false,
        tasks: tasks.into_iter().collect(),
        needed_by: Default::default(),
    })
}

fn retry(chance: &mut Chance) -> Retry {
    let duration = |seconds: i64| Duration::parse(&format!("{seconds}s")).expect("a duration");
    let backoff = Backoff {
        first: duration(chance.between(1, 4)),
        factor: 2.0,
        max: duration(10),
        jitter: if chance.happens(500) { Jitter::Full } else { Jitter::None },
    };
    Retry { attempts: 1 + u32::try_from(chance.below(3)).expect("small"), backoff, only: Vec::new() }
}
