//! Aggregates over windows `[T - W, T)` of event time, for many T in one pass. Rows are folded per UTC hour, in order of
//! (event time, known time, sequence, row); a window is the fold of its hours in order, the hours at its edges and those
//! with rows not yet settled at T folded anew. So a build alone and one among many give the same bits, at any thread
//! count. To add a function: a line in `result`, and in `Partial` if it is a plain fold.

use daybreak_spec::{AggregateFunction, ColumnType};

use crate::build::partial::{Partial, percentile};
use crate::build::series::Series;
use crate::columns::Values;
use crate::point_in_time::AsOf;
use crate::states::States;

const HOUR_US: i64 = 3_600_000_000;

/// One feature of an aggregates view.
#[derive(Clone, Debug)]
pub(crate) struct Feature {
    pub name: String,
    pub function: AggregateFunction,
    /// Which of the view's expressions.
    pub item: usize,
    pub window_us: i64,
    pub column_type: ColumnType,
}

/// The states of a view's source, by key and time.
pub(crate) struct Sorted {
    /// Per key rank where its states begin; one more entry at the end.
    starts: Vec<u32>,
    events: Vec<i64>,
    from: Vec<i64>,
    until: Vec<i64>,
    series: Vec<Series>,
}

/// What an instant's build holds, but for the key columns.
pub(crate) struct Aggregated {
    /// Ranks of the keys that have a row in the longest window, ascending.
    pub keys: Vec<u32>,
    /// One column per feature.
    pub features: Vec<Values>,
    /// Source rows in the longest window.
    pub source_rows: u64,
}

impl Sorted {
    /// Puts the values of `states` into the order of `as_of`, which was made of the same states with ranks as keys.
    pub fn new(as_of: &AsOf, states: &States, keys: usize) -> Self {
        let mut starts = vec![0];
        let mut order: Vec<u32> = Vec::with_capacity(states.row.len());
        for key in 0..keys as u32 {
            order.extend_from_slice(as_of.of_key(key));
            starts.push(order.len() as u32);
        }
        let take = |from: &[i64]| order.iter().map(|&state| from[state as usize]).collect::<Vec<_>>();
        let events = take(&as_of.rows().events);
        let series = states.values.iter().map(|values| Series::new(values.gather(&order))).collect();
        Self { starts, events, from: take(&states.from), until: take(&states.until), series }
    }
}

/// Features over one expression and one window share what they read.
struct Group {
    item: usize,
    window_us: i64,
    /// Positions in the list of features.
    members: Vec<usize>,
    folds: bool,
}

fn groups(features: &[Feature]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, feature) in features.iter().enumerate() {
        let same = |group: &&mut Group| group.item == feature.item && group.window_us == feature.window_us;
        let folds = needs_fold(feature.function);
        match groups.iter_mut().find(same) {
            Some(group) => {
                group.members.push(at);
                group.folds |= folds;
            }
            None => groups.push(Group { item: feature.item, window_us: feature.window_us, members: vec![at], folds }),
        }
    }
    groups
}

fn needs_fold(function: AggregateFunction) -> bool {
    !matches!(function, AggregateFunction::Percentile(_) | AggregateFunction::CountDistinct)
}

/// The position of a feature whose sum left its range.
#[derive(Debug)]
pub(crate) struct Overflow(pub usize);

/// Computes all features at all instants. `instants` ascend; a view without keys has a row even where there is nothing.
pub(crate) fn aggregate(
    sorted: &Sorted,
    features: &[Feature],
    instants: &[i64],
    global: bool,
) -> Result<Vec<Aggregated>, Overflow> {
    let empty = || Aggregated {
        keys: Vec::new(),
        features: features.iter().map(|feature| Values::with_capacity(feature.column_type, 0)).collect(),
        source_rows: 0,
    };
    let mut outputs: Vec<Aggregated> = instants.iter().map(|_| empty()).collect();
    let groups = groups(features);
    let longest = features.iter().map(|feature| feature.window_us).max().unwrap_or(0);
    let mut scratch = Scratch::default();
    for key in 0..sorted.starts.len() - 1 {
        let rows = KeyRows::new(sorted, key, &groups);
        for (output, &at) in outputs.iter_mut().zip(instants) {
            let (low, high) = rows.window(at, longest);
            let present = rows.count(low, high, at);
            output.source_rows += present;
            if present == 0 && !global {
                continue;
            }
            output.keys.push(key as u32);
            for group in &groups {
                rows.compute(group, features, at, (&mut scratch, &mut output.features))?;
            }
        }
    }
    Ok(outputs)
}

#[derive(Default)]
struct Scratch {
    floats: Vec<f64>,
    codes: Vec<u64>,
}

/// A stretch of one key's states that lies in one hour.
struct Cell {
    start: usize,
    end: usize,
    /// All states of the hour are in their last form at instants after this.
    settled: i64,
    /// Number of rows in their last form.
    rows: u64,
}

struct KeyRows<'a> {
    sorted: &'a Sorted,
    start: usize,
    end: usize,
    cells: Vec<Cell>,
    /// Per item per cell the fold of the last forms; empty for an item that needs none.
    partials: Vec<Vec<Partial>>,
}

impl<'a> KeyRows<'a> {
    fn new(sorted: &'a Sorted, key: usize, groups: &[Group]) -> Self {
        let (start, end) = (sorted.starts[key] as usize, sorted.starts[key + 1] as usize);
        let mut cells: Vec<Cell> = Vec::new();
        let mut hour = i64::MIN;
        for state in start..end {
            let this = sorted.events[state].div_euclid(HOUR_US);
            if this != hour || cells.is_empty() {
                cells.push(Cell { start: state, end: state, settled: i64::MIN, rows: 0 });
                hour = this;
            }
            if let Some(cell) = cells.last_mut() {
                cell.end = state + 1;
                cell.settled = cell.settled.max(sorted.from[state]);
                cell.rows += u64::from(sorted.until[state] == i64::MAX);
            }
        }
        let mut rows = Self { sorted, start, end, cells, partials: Vec::new() };
        for item in 0..sorted.series.len() {
            let folds = groups.iter().any(|group| group.item == item && group.folds);
            let partials = rows.cells.iter().filter(|_| folds).map(|cell| rows.fold_last(item, cell));
            rows.partials.push(partials.collect());
        }
        rows
    }

    /// States with an event time in `[at - window, at)`.
    fn window(&self, at: i64, window_us: i64) -> (usize, usize) {
        let events = &self.sorted.events[self.start..self.end];
        let from = at.saturating_sub(window_us);
        let low = self.start + events.partition_point(|&event| event < from);
        let high = self.start + events.partition_point(|&event| event < at);
        (low, high.max(low))
    }

    fn holds(&self, state: usize, at: i64) -> bool {
        self.sorted.from[state] < at && at <= self.sorted.until[state]
    }

    fn cells_in(&self, low: usize, high: usize) -> impl Iterator<Item = (usize, &Cell)> {
        let first = self.cells.partition_point(|cell| cell.end <= low);
        self.cells.iter().enumerate().skip(first).take_while(move |(_, cell)| cell.start < high)
    }

    fn count(&self, low: usize, high: usize, at: i64) -> u64 {
        let mut total = 0;
        for (_, cell) in self.cells_in(low, high) {
            total += if cell.start >= low && cell.end <= high && cell.settled < at {
                cell.rows
            } else {
                let (from, to) = (cell.start.max(low), cell.end.min(high));
                (from..to).filter(|&state| self.holds(state, at)).count() as u64
            };
        }
        total
    }

    fn fold(&self, item: usize, (low, high): (usize, usize), at: i64) -> Partial {
        let mut total = Partial::default();
        for (index, cell) in self.cells_in(low, high) {
            if cell.start >= low && cell.end <= high && cell.settled < at {
                total.merge(&self.partials[item][index]);
            } else {
                let (from, to) = (cell.start.max(low), cell.end.min(high));
                total.merge(&self.fold_states(item, from..to, |state| self.holds(state, at)));
            }
        }
        total
    }

    fn fold_last(&self, item: usize, cell: &Cell) -> Partial {
        self.fold_states(item, cell.start..cell.end, |state| self.sorted.until[state] == i64::MAX)
    }

    fn fold_states(&self, item: usize, range: std::ops::Range<usize>, counts: impl Fn(usize) -> bool) -> Partial {
        let mut partial = Partial::default();
        match &self.sorted.series[item] {
            Series::Whole { values, valid, .. } => {
                range.filter(|&state| valid[state] && counts(state)).for_each(|state| partial.add_whole(values[state]));
            }
            Series::Float { values, valid } => {
                range.filter(|&state| valid[state] && counts(state)).for_each(|state| partial.add_float(values[state]));
            }
        }
        partial
    }

    fn compute(
        &self,
        group: &Group,
        features: &[Feature],
        at: i64,
        (scratch, columns): (&mut Scratch, &mut [Values]),
    ) -> Result<(), Overflow> {
        let series = &self.sorted.series[group.item];
        let bounds = self.window(at, group.window_us);
        let partial = if group.folds { self.fold(group.item, bounds, at) } else { Partial::default() };
        for &member in &group.members {
            let valid = (bounds.0..bounds.1).filter(|&state| series.is_valid(state) && self.holds(state, at));
            let number = match features[member].function {
                AggregateFunction::Percentile(percent) => {
                    scratch.floats.clear();
                    scratch.floats.extend(valid.map(|state| as_float(series, state)));
                    Number::Float(percentile(&mut scratch.floats, percent))
                }
                AggregateFunction::CountDistinct => {
                    scratch.codes.clear();
                    scratch.codes.extend(valid.map(|state| code(series, state)));
                    scratch.codes.sort_unstable();
                    scratch.codes.dedup();
                    Number::Whole(Some(scratch.codes.len() as i64))
                }
                function => result(function, series, &partial).ok_or(Overflow(member))?,
            };
            push(&mut columns[member], number, series);
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "quantiles are floats by definition")]
fn as_float(series: &Series, state: usize) -> f64 {
    match series {
        Series::Whole { values, .. } => values[state] as f64,
        Series::Float { values, .. } => values[state],
    }
}

/// A number that is the same for equal values only.
fn code(series: &Series, state: usize) -> u64 {
    match series {
        Series::Whole { values, .. } => values[state] as u64,
        Series::Float { values, .. } if values[state] == 0.0 => 0,
        Series::Float { values, .. } => values[state].to_bits(),
    }
}

enum Number {
    Whole(Option<i64>),
    Float(Option<f64>),
}

/// The value of a plain fold; `None` where it leaves its range.
#[expect(clippy::cast_precision_loss, reason = "a mean is one rounding of two exact numbers")]
fn result(function: AggregateFunction, series: &Series, partial: &Partial) -> Option<Number> {
    use AggregateFunction as F;
    let some = partial.count > 0;
    let count = partial.count as f64;
    Some(match (series, function) {
        (_, F::Count) => Number::Whole(Some(partial.count as i64)),
        (Series::Whole { .. }, F::Sum) => Number::Whole(Some(i64::try_from(partial.whole_sum).ok()?)),
        (Series::Whole { .. }, F::Mean) => Number::Float(some.then(|| partial.whole_sum as f64 / count)),
        (Series::Whole { .. }, F::Min) => Number::Whole(some.then_some(partial.whole_min)),
        (Series::Whole { .. }, F::Max) => Number::Whole(some.then_some(partial.whole_max)),
        (Series::Whole { .. }, F::Std) => Number::Float(partial.whole_deviation().ok()?),
        (Series::Float { .. }, F::Sum) => Number::Float(Some(partial.float_sum)),
        (Series::Float { .. }, F::Mean) => Number::Float(some.then(|| partial.float_sum / count)),
        (Series::Float { .. }, F::Min) => Number::Float(some.then_some(partial.float_min)),
        (Series::Float { .. }, F::Max) => Number::Float(some.then_some(partial.float_max)),
        (Series::Float { .. }, F::Std) => Number::Float(partial.float_deviation()),
        (_, F::CountDistinct | F::Percentile(_)) => Number::Float(None),
    })
}

#[expect(clippy::cast_precision_loss, reason = "only for a column declared as float")]
fn push(column: &mut Values, number: Number, series: &Series) {
    match (column, number) {
        (Values::Int(rows) | Values::Instant(rows), Number::Whole(value)) => rows.push(value),
        (Values::Bool(rows), Number::Whole(value)) => rows.push(value.map(|value| value != 0)),
        (Values::Date(rows), Number::Whole(value)) => rows.push(value.and_then(|value| i32::try_from(value).ok())),
        (Values::Float(rows), Number::Float(value)) => rows.push(value.filter(|value| !value.is_nan())),
        (Values::Float(rows), Number::Whole(value)) => rows.push(value.map(|value| value as f64)),
        (Values::Text(rows), Number::Whole(value)) => rows.push(match series {
            Series::Whole { words, .. } => value.and_then(|rank| words.get(rank as usize).cloned()),
            Series::Float { .. } => None,
        }),
        (Values::Int(rows) | Values::Instant(rows), Number::Float(_)) => rows.push(None),
        (Values::Bool(rows), Number::Float(_)) => rows.push(None),
        (Values::Date(rows), Number::Float(_)) => rows.push(None),
        (Values::Text(rows), Number::Float(_)) => rows.push(None),
    }
}
