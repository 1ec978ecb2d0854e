//! The join between "a key at an instant" and feature rows: the newest row of the key, by (event time, known time,
//! sequence, row), that had happened and, if asked, was known by then, and is not older than the ttl. Times are numbers
//! of one unit that the caller chooses. One answer per question, always. Pure: no files, no Polars. To add a rule: a
//! field of [`Rules`], a line in [`AsOf::newest`], a case in the oracle of the tests.

use daybreak_features::{Status, is_fresh};
use daybreak_spec::Timestamp;

/// Feature rows; one entry per row in every list.
#[derive(Clone, Debug, Default)]
pub struct FeatureRows {
    /// The entity, as a number; `None` = a null key, which nothing matches. A global view has one number.
    pub keys: Vec<Option<u32>>,
    /// When the row happened.
    pub events: Vec<i64>,
    /// When it became known; `i64::MAX` = never.
    pub known: Vec<i64>,
    /// Tie breaker; the larger wins.
    pub sequence: Vec<i64>,
}

/// Whether a row at exactly the instant counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Boundary {
    /// It does: time <= instant.
    #[default]
    Inclusive,
    /// It does not: time < instant. Builds use this.
    Exclusive,
}

/// Whether a row counts before it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Knowledge {
    /// It does; known time only breaks ties.
    #[default]
    Ignored,
    /// It counts from its known time on (by the same boundary as the event time).
    Required,
}

/// What a null value of the newest row means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Nulls {
    /// The answer is null.
    #[default]
    Answer,
    /// An older row with a value stands in.
    Skipped,
}

/// How rows are chosen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Inclusive by default.
    pub boundary: Boundary,
    /// Ignored by default.
    pub knowledge: Knowledge,
    /// Largest difference of instant and event time at which a row still counts (inclusive); none = any.
    pub ttl: Option<i64>,
}

/// What was found for one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The row to use.
    Row(usize),
    /// The newest row is older than the ttl.
    Expired(usize),
    /// No row of the key had happened (and was known).
    Nothing,
}

/// Feature rows in the order that questions need. Building it sorts once; a question is a binary search.
#[derive(Clone, Debug)]
pub struct AsOf {
    rows: FeatureRows,
    /// Rows with a key, by (key, event, known, sequence, row).
    order: Vec<u32>,
    /// Per key where its rows begin in `order`; one more entry at the end.
    starts: Vec<u32>,
}

impl AsOf {
    /// Sorts the rows. All lists must have one length, below 2^32.
    pub fn new(rows: FeatureRows) -> Self {
        let keys = rows.keys.iter().flatten().max().map_or(0, |&key| key as usize + 1);
        let mut order: Vec<u32> =
            (0..rows.keys.len() as u32).filter(|&row| rows.keys[row as usize].is_some()).collect();
        order.sort_unstable_by_key(|&row| {
            let at = row as usize;
            (rows.keys[at], rows.events[at], rows.known[at], rows.sequence[at], row)
        });
        let mut starts = vec![0; keys + 1];
        for &row in &order {
            if let Some(key) = rows.keys[row as usize] {
                starts[key as usize + 1] += 1;
            }
        }
        for key in 0..keys {
            starts[key + 1] += starts[key];
        }
        Self { rows, order, starts }
    }

    /// The rows as given.
    pub fn rows(&self) -> &FeatureRows {
        &self.rows
    }

    /// Keys are below this.
    pub fn keys(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// Rows of a key, oldest first.
    pub fn of_key(&self, key: u32) -> &[u32] {
        let key = key as usize;
        match self.starts.get(key..key + 2) {
            Some(bounds) => &self.order[bounds[0] as usize..bounds[1] as usize],
            None => &[],
        }
    }

    /// The newest row of a key at an instant among those that `counts` lets count.
    pub fn newest(&self, key: Option<u32>, at: i64, rules: &Rules, counts: impl Fn(usize) -> bool) -> Found {
        let Some(key) = key else { return Found::Nothing };
        let in_time = |time: i64| match rules.boundary {
            Boundary::Inclusive => time <= at,
            Boundary::Exclusive => time < at,
        };
        let rows = self.of_key(key);
        let happened = rows.partition_point(|&row| in_time(self.rows.events[row as usize]));
        for &row in rows[..happened].iter().rev() {
            let row = row as usize;
            let known = rules.knowledge == Knowledge::Ignored || in_time(self.rows.known[row]);
            if known && counts(row) {
                let event = Timestamp::from_micros(self.rows.events[row]);
                let fresh = is_fresh(event, rules.ttl, Timestamp::from_micros(at));
                return if fresh { Found::Row(row) } else { Found::Expired(row) };
            }
        }
        Found::Nothing
    }

    /// Answers every question, in order: the row whose value is used, and how that came about. `has_value` says per
    /// feature row whether its value is not null.
    pub fn join(
        &self,
        questions: &[(Option<u32>, i64)],
        rules: &Rules,
        nulls: Nulls,
        has_value: &[bool],
    ) -> Vec<(Option<usize>, Status)> {
        let counts = |row: usize| nulls == Nulls::Answer || has_value[row];
        let answer = |&(key, at): &(Option<u32>, i64)| match self.newest(key, at, rules, counts) {
            Found::Row(row) if has_value[row] => (Some(row), Status::Present),
            Found::Row(row) => (Some(row), Status::NullValue),
            Found::Expired(_) => (None, Status::OutsideMaxAge),
            Found::Nothing if self.newest(key, at, rules, |_| true) != Found::Nothing => (None, Status::NullValue),
            Found::Nothing => (None, Status::NotFound),
        };
        questions.iter().map(answer).collect()
    }
}
