//! What follows from the end of a run or from an update of data: which DAGs run, and what alerts tell. Pure: what happened
//! and the business time at which it was seen are arguments. To add something that a run may follow from: a declaration in
//! `spec::follow`, its rule here, its row in the store's `outbox.rs`.

use std::fmt;

use chrono::NaiveTime;
use chrono_tz::Tz;
use daybreak_spec::{After, Alert, AlertEvent, Match, Name, Problem, RunEnd, Timestamp, Updated};

use crate::RunStatus;
use crate::schedule::{date_at, instant_of, zone_of};

/// Data on whose update a DAG may run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Data {
    /// A build newer than all before was made.
    View(Name),
    /// Its files changed.
    Source(Name),
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::View(name) => write!(f, "view `{name}`"),
            Self::Source(name) => write!(f, "source `{name}`"),
        }
    }
}

/// `updated:` of a DAG, ready to decide.
#[derive(Clone, Debug)]
pub struct UpdateRule {
    data: Vec<Data>,
    matching: Match,
    day: Option<Day>,
}

/// The part of a day in which updates count.
#[derive(Clone, Copy, Debug)]
struct Day {
    before: NaiveTime,
    zone: Tz,
}

impl UpdateRule {
    /// Reads a declaration.
    ///
    /// # Errors
    /// `unknown_zone`.
    pub fn compile(declared: &Updated) -> Result<Self, Problem> {
        let zone = zone_of(&declared.timezone)?;
        let views = declared.views.iter().map(|name| Data::View(name.value.clone()));
        let sources = declared.sources.iter().map(|name| Data::Source(name.value.clone()));
        Ok(Self {
            data: views.chain(sources).collect(),
            matching: declared.matching,
            day: declared.before.as_ref().map(|before| Day { before: before.value, zone }),
        })
    }

    /// All that it names.
    pub fn data(&self) -> &[Data] {
        &self.data
    }

    /// How many of it.
    pub fn matching(&self) -> Match {
        self.matching
    }

    /// The time of a day before which updates count and the name of its zone; none: they always do.
    pub fn day(&self) -> Option<(NaiveTime, &'static str)> {
        self.day.map(|day| (day.before, day.zone.name()))
    }

    /// From when on earlier updates count together with one that is seen at `at` (business time); none where that one comes too
    /// late in its day to count itself.
    pub fn counts_from(&self, at: Timestamp) -> Option<Timestamp> {
        let Some(Day { before, zone }) = self.day else { return Some(Timestamp::from_micros(i64::MIN)) };
        let date = date_at(zone, at)?;
        let (from, end) = (instant_of(zone, date.and_time(NaiveTime::MIN))?, instant_of(zone, date.and_time(before))?);
        (at < end).then_some(from)
    }

    /// T of the run that updates of these data make, if they make one: the newest of their instants.
    pub fn completed(&self, seen: &[(Data, Timestamp)]) -> Option<Timestamp> {
        let is_seen = |data: &Data| seen.iter().any(|(of, _)| of == data);
        let enough = match self.matching {
            Match::All => self.data.iter().all(is_seen),
            Match::Any => self.data.iter().any(is_seen),
        };
        if !enough {
            return None;
        }
        seen.iter().filter(|(of, _)| self.data.contains(of)).map(|(_, as_of)| *as_of).max()
    }
}

/// Whether the end of a run of the DAG that is named makes a run.
pub fn follows(after: &After, ended: RunStatus) -> bool {
    match after.ended {
        RunEnd::Succeeded => ended == RunStatus::Succeeded,
        RunEnd::Failed => ended == RunStatus::Failed,
        RunEnd::Any => matches!(ended, RunStatus::Succeeded | RunStatus::Failed | RunStatus::Cancelled),
    }
}

/// What an alert tells of the end of a run; `overdue`: it had not ended by its deadline. One end is told once: by the deadline
/// where the alert tells of deadlines.
pub fn told_of_end(alert: &Alert, ended: RunStatus, overdue: bool) -> Option<AlertEvent> {
    if ended != RunStatus::Failed {
        return None;
    }
    let wanted = |event: &AlertEvent| alert.on.contains(event);
    Some(AlertEvent::Deadline)
        .filter(|event| overdue && wanted(event))
        .or_else(|| Some(AlertEvent::Failed).filter(wanted))
}

#[cfg(test)]
mod tests {
    use daybreak_spec::{Span, Spanned};

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("an instant")
    }

    fn rule(matching: Match, before: Option<&str>) -> UpdateRule {
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").expect("a time");
        let declared = Updated {
            span: Span::default(),
            views: vec![Spanned::unplaced(name("carriers"))],
            sources: vec![Spanned::unplaced(name("weather"))],
            matching,
            before: before.map(|text| Spanned::unplaced(time(text))),
            timezone: Spanned::unplaced("America/New_York".to_owned()),
        };
        UpdateRule::compile(&declared).expect("a rule")
    }

    #[test]
    fn all_waits_for_each_and_takes_the_newest_instant() {
        let (view, source) = (Data::View(name("carriers")), Data::Source(name("weather")));
        let (early, late) = (at("2013-03-10T07:00:00Z"), at("2013-03-10T09:00:00Z"));
        let all = rule(Match::All, None);
        assert_eq!(all.completed(&[(view.clone(), late)]), None);
        assert_eq!(all.completed(&[(view.clone(), late), (source.clone(), early)]), Some(late));
        assert_eq!(rule(Match::Any, None).completed(&[(source, early)]), Some(early));
        // A view of the name of a source is not that source.
        assert_eq!(all.completed(&[(view, late), (Data::View(name("weather")), early)]), None);
    }

    #[test]
    fn a_day_counts_from_its_own_midnight_to_the_time_on_its_clock() {
        let rule = rule(Match::All, Some("09:00"));
        // 8:59 in winter and, on the day of the change, in summer time.
        assert_eq!(rule.counts_from(at("2013-03-09T13:59:59Z")), Some(at("2013-03-09T05:00:00Z")));
        assert_eq!(rule.counts_from(at("2013-03-10T12:59:59Z")), Some(at("2013-03-10T05:00:00Z")));
        assert_eq!(rule.counts_from(at("2013-03-10T13:00:00Z")), None);
        assert_eq!(rule.counts_from(at("2013-03-11T03:59:59Z")), None);
        assert_eq!(rule.counts_from(at("2013-03-11T04:00:00Z")), Some(at("2013-03-11T04:00:00Z")));
    }

    #[test]
    fn an_end_is_told_once_and_a_missed_deadline_as_such() {
        let alert = |on: &[AlertEvent]| Alert {
            span: Span::default(),
            on: on.to_vec(),
            dags: None,
            run: Spanned::unplaced(name("tell")),
        };
        let both = alert(&[AlertEvent::Failed, AlertEvent::Deadline]);
        assert_eq!(told_of_end(&both, RunStatus::Failed, true), Some(AlertEvent::Deadline));
        assert_eq!(told_of_end(&both, RunStatus::Failed, false), Some(AlertEvent::Failed));
        assert_eq!(told_of_end(&both, RunStatus::Cancelled, false), None);
        assert_eq!(told_of_end(&alert(&[AlertEvent::Failed]), RunStatus::Failed, true), Some(AlertEvent::Failed));
        assert_eq!(told_of_end(&alert(&[AlertEvent::Deadline]), RunStatus::Failed, false), None);
        assert_eq!(told_of_end(&alert(&[AlertEvent::Retry]), RunStatus::Failed, true), None);
    }

    #[test]
    fn only_the_ends_that_are_named_are_followed() {
        let after = |ended| After { dag: Spanned::unplaced(name("nightly")), ended };
        let ends = [RunStatus::Succeeded, RunStatus::Failed, RunStatus::Cancelled, RunStatus::Skipped];
        let counted = |end| ends.map(|status| follows(&after(end), status));
        assert_eq!(counted(RunEnd::Succeeded), [true, false, false, false]);
        assert_eq!(counted(RunEnd::Failed), [false, true, false, false]);
        assert_eq!(counted(RunEnd::Any), [true, true, true, false]);
    }
}
