//! When the clocks of a schedule's zone jump. For people; decides nothing. To add something shown of a jump: a field of
//! [`OffsetChange`].

use daybreak_spec::Timestamp;

use super::CompiledSchedule;
use super::instants::offset;

const SECOND_US: i64 = 1_000_000;
/// No zone has two jumps within a day that cancel out.
const STEP_S: i64 = 86_400;

/// A jump of the clocks of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetChange {
    /// When.
    pub at: Timestamp,
    /// Seconds ahead of UTC before it.
    pub before_s: i64,
    /// Seconds ahead of UTC since.
    pub after_s: i64,
}

impl CompiledSchedule {
    /// The jumps of the clocks of its zone in `[from, to)`, in order; as far as the calendar goes.
    pub fn clock_changes(&self, from: Timestamp, to: Timestamp) -> Vec<OffsetChange> {
        let zone = self.zone();
        let mut changes = Vec::new();
        let second_before = |at: Timestamp| at.micros.saturating_sub(1).div_euclid(SECOND_US);
        let (mut at, last) = (second_before(from), second_before(to));
        while at < last {
            let limit = last.min(at + STEP_S);
            let (Some(before_s), Some(there)) = (offset(zone, at), offset(zone, limit)) else { break };
            if before_s == there {
                at = limit;
                continue;
            }
            let (mut same, mut other, mut after_s) = (at, limit, there);
            while other - same > 1 {
                let middle = same + (other - same) / 2;
                match offset(zone, middle) {
                    Some(found) if found != before_s => (other, after_s) = (middle, found),
                    _ => same = middle,
                }
            }
            changes.push(OffsetChange { at: Timestamp::from_micros(other * SECOND_US), before_s, after_s });
            at = other;
        }
        changes
    }
}
