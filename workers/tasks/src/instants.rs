//! Which instants of a view a history stands on. Pure: firings come as a function, no store is asked.

use daybreak_runtime::TaskError;
use daybreak_spec::{Name, Timestamp};

const DAY_US: i64 = 86_400_000_000;
/// How far before the first observation its newest earlier firing is looked for.
const SLACKS_US: [i64; 4] = [2 * DAY_US, 16 * DAY_US, 128 * DAY_US, 1_024 * DAY_US];
/// Most builds of one view that one task makes a history of.
const MOST_INSTANTS: usize = 5_000;

/// The instants whose builds answer observations in `[from, to)`, oldest first: from the newest firing whose build was
/// available at `from` (`delay_us` after it) up to the last one before `to`.
///
/// # Errors
/// When the DAG fires so often that there would be too many.
pub(crate) fn needed(
    view: &Name,
    firings: impl Fn(Timestamp, Timestamp) -> Result<Vec<Timestamp>, TaskError>,
    (from, to): (Timestamp, Timestamp),
    delay_us: i64,
) -> Result<Vec<Timestamp>, TaskError> {
    let first = from.plus_micros(-delay_us);
    let mut instants = Vec::new();
    for slack in SLACKS_US {
        instants = firings(first.plus_micros(-slack), to)?;
        if instants.first().is_some_and(|instant| *instant <= first) {
            break;
        }
    }
    let earlier = instants.partition_point(|instant| *instant <= first);
    instants.drain(..earlier.saturating_sub(1));
    instants.retain(|instant| instant.plus_micros(delay_us) < to);
    if instants.len() > MOST_INSTANTS {
        return Err(TaskError::lasting(format!(
            "the observations from {from} to {to} stand on {} builds of view `{view}`, more than {MOST_INSTANTS}; train in \
             a DAG that fires less often, or shorten `history`",
            instants.len()
        )));
    }
    Ok(instants)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(from: Timestamp, to: Timestamp) -> Result<Vec<Timestamp>, TaskError> {
        let first = from.micros.div_euclid(DAY_US) + i64::from(from.micros.rem_euclid(DAY_US) > 0);
        Ok((first..=to.micros.div_euclid(DAY_US)).map(|day| Timestamp::from_micros(day * DAY_US)).collect())
    }

    fn day(number: i64) -> Timestamp {
        Timestamp::from_micros(number * DAY_US)
    }

    fn view() -> Name {
        Name::parse("v").expect("a slug")
    }

    #[test]
    fn the_newest_firing_before_the_first_observation_is_needed_and_none_before_it() {
        let from = day(10).plus_micros(DAY_US / 2);
        assert_eq!(needed(&view(), daily, (from, day(13)), 0).expect("few"), [day(10), day(11), day(12)]);
    }

    #[test]
    fn a_firing_at_the_first_observation_answers_it() {
        assert_eq!(needed(&view(), daily, (day(10), day(11)), 0).expect("few"), [day(10)]);
    }

    #[test]
    fn a_publish_delay_needs_an_earlier_build() {
        assert_eq!(needed(&view(), daily, (day(10), day(12)), 1).expect("few"), [day(9), day(10), day(11)]);
    }

    #[test]
    fn rare_firings_are_looked_for_further_back() {
        let yearly = |from: Timestamp, to: Timestamp| {
            Ok((0..10).map(|year| day(365 * year)).filter(|at| *at >= from && *at <= to).collect())
        };
        assert_eq!(needed(&view(), yearly, (day(700), day(800)), 0).expect("few"), [day(365), day(730)]);
    }

    #[test]
    fn a_dag_without_a_schedule_needs_nothing() {
        assert!(needed(&view(), |_, _| Ok(Vec::new()), (day(10), day(12)), 0).expect("none").is_empty());
    }

    #[test]
    fn too_many_instants_are_refused_with_the_way_out() {
        let minutely = |from: Timestamp, to: Timestamp| {
            Ok((from.micros / 60_000_000..to.micros / 60_000_000)
                .map(|at| Timestamp::from_micros(at * 60_000_000))
                .collect())
        };
        let error = needed(&view(), minutely, (day(10), day(70)), 0).expect_err("refused");
        assert!(error.reason.contains("shorten `history`"), "{}", error.reason);
    }
}
