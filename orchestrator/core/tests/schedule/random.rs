//! Random expressions, zones and instants under a seed, and croner's next firings beside ours: what the tests run some
//! thousands of and `cargo xtask cron --oracle` a million. Must not read a clock. Left out, because croner is wrong there:
//! lists and ranges of fixed times near a jump of the clock (rows 3 and 4 of the table) and jumps of two hours and more
//! (rows 12 and 13).

use chrono::{DateTime, Offset, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use daybreak_core::ScheduleCompiler;
use daybreak_spec::Timestamp;

use crate::table::schedule;

/// Firings asked for after each instant.
const IN_A_ROW: usize = 4;
/// Instants asked about of each expression.
const INSTANTS: usize = 5;
/// Seconds from 2015-01-01 to 2035-01-01.
const FROM_S: i64 = 1_420_070_400;
const TO_S: i64 = 2_051_222_400;
/// No clock jumps further apart from its neighbours than this reaches.
const NEAR_S: i64 = 27 * 3_600;

/// What came of a run.
#[derive(Default)]
pub struct Outcome {
    /// Next firings compared.
    pub checks: u64,
    /// Expressions that were asked about.
    pub expressions: u64,
    /// Comparisons left out as listed above.
    pub left_out: u64,
    /// In words, at most a few.
    pub differences: Vec<String>,
}

/// Compares at least so many next firings.
pub fn compare(seed: u64, checks: u64) -> Outcome {
    let mut random = Random(seed);
    let mut outcome = Outcome::default();
    while outcome.checks < checks && outcome.differences.len() < 20 {
        let expression = random.expression();
        let zone = TZ_VARIANTS[random.below(TZ_VARIANTS.len() as u64) as usize];
        compare_one(&expression, zone, &mut random, &mut outcome);
    }
    outcome
}

fn compare_one(expression: &str, zone: Tz, random: &mut Random, outcome: &mut Outcome) {
    let ours = match ScheduleCompiler::default().schedule(&schedule(expression, zone.name())) {
        Ok(ours) => ours,
        Err(found) if found.iter().any(|problem| problem.code == "cron_never_fires") => return,
        Err(found) => return outcome.differences.push(format!("{expression} is refused: {found:?}")),
    };
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    let theirs = match parser.parse(expression) {
        Ok(theirs) => theirs,
        Err(error) => return outcome.differences.push(format!("croner refuses {expression}: {error}")),
    };
    outcome.expressions += 1;
    let alike = judged_alike(expression);
    for _ in 0..INSTANTS {
        let mut after = FROM_S + random.below((TO_S - FROM_S).unsigned_abs()) as i64;
        for _ in 0..IN_A_ROW {
            let found = ours.next_after(Timestamp::from_micros(after * 1_000_000)).map(|at| at.micros / 1_000_000);
            let expected = croner_next(&theirs, zone, after);
            let until = found.unwrap_or(after).max(expected.unwrap_or(after));
            if !judges(zone, alike, (after, until)) {
                outcome.left_out += 1;
                break;
            }
            if found != expected {
                let words = |at: Option<i64>| at.and_then(|at| DateTime::<Utc>::from_timestamp(at, 0));
                let (after, found, expected) = (words(Some(after)), words(found), words(expected));
                let zone = zone.name();
                outcome
                    .differences
                    .push(format!("{expression} in {zone} after {after:?}: {found:?}, croner {expected:?}"));
                return;
            }
            outcome.checks += 1;
            let Some(found) = found else { break };
            after = found;
        }
    }
}

/// Whether croner calls the expression what we call it: one fixed time, or a schedule that follows real time.
fn judged_alike(expression: &str) -> bool {
    let mut fields = expression.split(' ').take(2);
    let single = |field: Option<&str>| field.is_some_and(|field| field.bytes().all(|byte| byte.is_ascii_digit()));
    let wildcard = expression.split(' ').take(2).any(|field| field.starts_with('*'));
    wildcard || single(fields.next()) && single(fields.next())
}

/// Whether croner is a judge between two instants: it always is where clocks do not jump.
fn judges(zone: Tz, alike: bool, (from, to): (i64, i64)) -> bool {
    let offset =
        |at: i64| zone.offset_from_utc_datetime(&DateTime::from_timestamp(at, 0).unwrap_or_default().naive_utc());
    let jump = |at: i64, before: i64| {
        i64::from(offset(at).fix().local_minus_utc() - offset(before).fix().local_minus_utc()).abs()
    };
    for edge in [from, to] {
        let near = [edge - NEAR_S, edge, edge + NEAR_S];
        let jumps = jump(near[1], near[0]).max(jump(near[2], near[1]));
        if jumps >= 7_200 || (jumps > 0 && !alike) {
            return false;
        }
    }
    // Far apart, only a whole gap that was jumped over matters.
    alike || to - from < 2 * NEAR_S || steady(zone, from, to)
}

/// Whether no clock jumps from one instant to the other, looking once a day.
fn steady(zone: Tz, from: i64, to: i64) -> bool {
    let offset =
        |at: i64| zone.offset_from_utc_datetime(&DateTime::from_timestamp(at, 0).unwrap_or_default().naive_utc()).fix();
    let here = offset(from);
    let days = usize::try_from((to - from) / 86_400).unwrap_or_default();
    days < 4_000 && (0..=days).all(|day| offset(from + day as i64 * 86_400) == here)
}

fn croner_next(cron: &Cron, zone: Tz, after: i64) -> Option<i64> {
    let after = zone.timestamp_opt(after, 0).single()?;
    cron.find_next_occurrence(&after, false).ok().map(|at| at.timestamp())
}

/// SplitMix64: every seed is a good one.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// Five fields in all the forms that both sides know.
    pub fn expression(&mut self) -> String {
        let month = match self.below(6) {
            0 => self.field(1, 12),
            1 => "mar,nov".to_owned(),
            _ => "*".to_owned(),
        };
        let fields = [self.field(0, 59), self.field(0, 23), self.day_of_month(), month, self.day_of_week()];
        fields.join(" ")
    }

    fn field(&mut self, least: u64, most: u64) -> String {
        let (one, other) = (self.between(least, most), self.between(least, most));
        let (low, high) = (one.min(other), one.max(other));
        match self.below(10) {
            0..3 => one.to_string(),
            3..5 => "*".to_owned(),
            5..7 => format!("*/{}", self.between(2, (most - least) / 2)),
            7 => format!("{low}-{high}"),
            8 => format!("{low}-{high}/{}", self.between(1, 4)),
            _ if low == high => low.to_string(),
            _ => format!("{low},{high}"),
        }
    }

    fn day_of_month(&mut self) -> String {
        match self.below(12) {
            0..3 => self.field(1, 31),
            3 => "L".to_owned(),
            4 => "LW".to_owned(),
            5 => format!("{}W", self.between(1, 31)),
            _ => "*".to_owned(),
        }
    }

    fn day_of_week(&mut self) -> String {
        match self.below(11) {
            0 => self.between(0, 7).to_string(),
            1 => format!("{}-{}", self.between(1, 3), self.between(4, 7)),
            2 => format!("{}#{}", self.between(0, 6), self.between(1, 5)),
            3 => format!("{}L", self.between(0, 6)),
            4 => "mon,thu".to_owned(),
            _ => "*".to_owned(),
        }
    }
}
