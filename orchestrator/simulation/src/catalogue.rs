//! The schedules that simulated DAGs fire by, compiled once for all seeds, and an independent list of their instants.
//! Each kind of plan comes with days on which clocks jump. To add an expression: a line in [`KINDS`].

use std::sync::Arc;

use daybreak_core::{Firings, ScheduleCompiler};
use daybreak_spec::{Dag, Missed, Name, Overlap, Timestamp};
use serde_json::{Value as Json, json};

use crate::chance::Chance;

/// Days on which clocks jump in New York (and an hour earlier in Havana) and in Berlin, spring and autumn.
const JUMPS: [&str; 4] =
    ["2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"];

const MINUTE_S: i64 = 60;
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

struct Kind {
    /// Roughly the time between two firings.
    gap_s: i64,
    /// How far around the jumps the instants are listed.
    reach_s: i64,
    expressions: &'static [(&'static str, &'static str)],
}

const KINDS: [Kind; 3] = [
    Kind {
        gap_s: 5 * MINUTE_S,
        reach_s: 6 * HOUR_S,
        expressions: &[
            ("*/2 * * * *", "America/New_York"),
            ("*/7 * * * *", "Europe/Berlin"),
            ("0,10,20 0-4 * * *", "America/New_York"),
        ],
    },
    Kind {
        gap_s: HOUR_S,
        reach_s: 4 * DAY_S,
        expressions: &[
            ("0 * * * *", "America/New_York"),
            ("30 */2 * * *", "Europe/Berlin"),
            ("15 1-4 * * *", "America/New_York"),
            ("0 2,14 * * *", "Europe/Berlin"),
        ],
    },
    Kind {
        gap_s: DAY_S,
        reach_s: 30 * DAY_S,
        expressions: &[
            ("30 2 * * *", "America/New_York"),
            ("30 1 * * *", "America/New_York"),
            ("0 0 * * *", "America/Havana"),
            ("30 2 * * *", "Europe/Berlin"),
            ("0 3 * * 1-5", "UTC"),
        ],
    },
];

/// The schedules of one DAG.
pub(crate) struct Plan {
    pub firings: Firings,
    pub schedules: Vec<Listed>,
    /// It starts shortly before this jump and serves for it only.
    jump: Option<usize>,
}

/// What is known of a schedule without asking it.
#[derive(Clone)]
pub(crate) struct Listed {
    pub missed: Missed,
    /// With `missed: all`: only the newest so many run.
    pub cap: Option<usize>,
    /// Its instants around the jumps, ascending.
    pub instants: Arc<[Timestamp]>,
}

/// All plans, by kind.
pub struct Catalogue {
    kinds: Vec<Vec<Plan>>,
    pub(crate) jumps: Vec<Timestamp>,
    pub(crate) tasks: Vec<Name>,
}

impl Catalogue {
    /// Compiles every plan.
    #[expect(clippy::new_without_default, reason = "it is work, not a default value")]
    pub fn new() -> Self {
        let jumps: Vec<Timestamp> = JUMPS.iter().map(|at| Timestamp::parse(at).expect("an instant")).collect();
        let kinds = KINDS.iter().map(|kind| plans(kind, &jumps)).collect();
        let tasks = (0..MAX_TASKS).map(|task| Name::parse(&format!("t{task}")).expect("a slug")).collect();
        Self { kinds, jumps, tasks }
    }

    /// Plans of a kind for the days around a jump, by number.
    pub(crate) fn usable(&self, kind: usize, jump: usize) -> Vec<usize> {
        let usable = |plan: &Plan| plan.jump.is_none_or(|only| only == jump);
        (0..self.kinds[kind].len()).filter(|number| usable(&self.kinds[kind][*number])).collect()
    }

    pub(crate) fn plan(&self, (kind, number): PlanId) -> &Plan {
        &self.kinds[kind][number]
    }

    pub(crate) fn kind_count(&self) -> usize {
        self.kinds.len()
    }

    /// From when on all instants around a jump are listed.
    pub(crate) fn listed_from(&self, kind: usize, jump: usize) -> Timestamp {
        self.jumps[jump].plus_micros(-KINDS[kind].reach_s * 1_000_000)
    }

    pub(crate) fn gap_us(kind: usize) -> i64 {
        KINDS[kind].gap_s * 1_000_000
    }
}

/// A plan's kind and its number there.
pub(crate) type PlanId = (usize, usize);

/// Most tasks of a simulated DAG.
pub(crate) const MAX_TASKS: usize = 6;

impl Listed {
    /// The instants in `(from, to]`.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> &[Timestamp] {
        let begin = self.instants.partition_point(|at| *at <= from);
        let end = self.instants.partition_point(|at| *at <= to);
        &self.instants[begin.min(end)..end]
    }
}

fn plans(kind: &Kind, jumps: &[Timestamp]) -> Vec<Plan> {
    let policies = || [Overlap::Queue, Overlap::Skip, Overlap::CancelPrevious];
    let mut plans = Vec::new();
    let mut chance = Chance::new(u64::try_from(kind.gap_s).expect("a length"));
    for expression in kind.expressions {
        for overlap in policies() {
            for missed in [Missed::None, Missed::Last, Missed::All] {
                plans.push(plan(kind, jumps, None, &[(*expression, missed.into(), overlap)]));
            }
            plans.push(plan(
                kind,
                jumps,
                None,
                &[(*expression, Policy { cap: Some(2), missed: Missed::All }, overlap)],
            ));
            for jump in 0..jumps.len() {
                plans.push(plan(kind, jumps, Some(jump), &[(*expression, Missed::All.into(), overlap)]));
            }
            let other = *chance.pick(kind.expressions);
            let missed = [*chance.pick(&[Missed::None, Missed::Last]), Missed::All];
            plans.push(plan(
                kind,
                jumps,
                None,
                &[(*expression, missed[0].into(), overlap), (other, missed[1].into(), overlap)],
            ));
        }
    }
    plans
}

#[derive(Clone, Copy)]
struct Policy {
    missed: Missed,
    cap: Option<u32>,
}

impl From<Missed> for Policy {
    fn from(missed: Missed) -> Self {
        Self { missed, cap: None }
    }
}

type Declared = ((&'static str, &'static str), Policy, Overlap);

/// `started`: the schedules start two gaps before that jump.
fn plan(kind: &Kind, jumps: &[Timestamp], started: Option<usize>, declared: &[Declared]) -> Plan {
    let start = started.map(|jump| jumps[jump].plus_micros(-2 * kind.gap_s * 1_000_000));
    let schedule = |((cron, zone), policy, overlap): &Declared| {
        let start = start.map(|start| start.to_chrono().format("%Y-%m-%dT%H:%M:%S").to_string());
        json!({ "cron": cron, "timezone": zone, "start": start, "end": null, "missed": policy.missed, "missed_cap": policy.cap, "overlap": overlap })
    };
    let retry = json!({ "attempts": 1, "backoff": { "first": "1s", "factor": 1.0, "max": "1s", "jitter": "none" } });
    let schedules: Vec<Json> = declared.iter().map(schedule).collect();
    let dag = json!({ "schedules": schedules, "retry": retry, "params": {}, "tasks": {} });
    let dag: Dag = serde_json::from_value(dag).expect("a DAG");
    let name = Name::parse("dag").expect("a slug");
    let firings = ScheduleCompiler::default().firings(&name, &dag).expect("it compiles");
    let around = |jump: &Timestamp| {
        let reach_us = kind.reach_s * 1_000_000;
        (jump.plus_micros(-reach_us), jump.plus_micros(reach_us))
    };
    let listed = firings.schedules().iter().zip(declared).map(|(schedule, (_, policy, _))| {
        let first = schedule.next_after(Timestamp::from_micros(i64::MIN)).filter(|_| start.is_some());
        let mut instants: Vec<Timestamp> = jumps
            .iter()
            .map(around)
            .flat_map(|(from, to)| schedule.extended_between(from, to))
            .filter(|at| first.is_none_or(|first| *at >= first))
            .collect();
        instants.sort_unstable();
        instants.dedup();
        Listed { missed: policy.missed, cap: policy.cap.map(|cap| cap as usize), instants: instants.into() }
    });
    let schedules = listed.collect();
    Plan { firings, schedules, jump: started }
}
