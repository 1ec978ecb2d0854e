//! What is kept of some values so that the same can be had of more of them: count, sums, extremes, spread. Whole
//! numbers are summed exactly; floats in the order given, so the same values in the same hours give the same bits. To
//! add a function that is a plain fold: a field here, a line in `add_*`, `merge` and in `aggregates::result`.

/// The fold of some values.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Partial {
    pub count: u64,
    /// Exact sum of whole numbers.
    pub whole_sum: i128,
    /// Exact sum of their squares; `None` once it has left its range.
    squares: Squares,
    pub whole_min: i64,
    pub whole_max: i64,
    pub float_sum: f64,
    pub float_min: f64,
    pub float_max: f64,
    /// Welford's running mean and sum of squared differences from it.
    mean: f64,
    spread: f64,
}

#[derive(Clone, Copy, Debug)]
struct Squares(Option<i128>);

impl Default for Squares {
    fn default() -> Self {
        Self(Some(0))
    }
}

impl Partial {
    pub fn add_whole(&mut self, value: i64) {
        let first = self.count == 0;
        self.count += 1;
        self.whole_sum += i128::from(value);
        self.squares.0 = self.squares.0.and_then(|sum| sum.checked_add(i128::from(value) * i128::from(value)));
        self.whole_min = if first { value } else { self.whole_min.min(value) };
        self.whole_max = if first { value } else { self.whole_max.max(value) };
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of rows is far below 2^53")]
    pub fn add_float(&mut self, value: f64) {
        let first = self.count == 0;
        self.count += 1;
        self.float_sum = if first { value } else { self.float_sum + value };
        if first || value < self.float_min {
            self.float_min = value;
        }
        if first || value > self.float_max {
            self.float_max = value;
        }
        let step = value - self.mean;
        self.mean += step / self.count as f64;
        self.spread += step * (value - self.mean);
    }

    /// Adds the fold of later values.
    #[expect(clippy::cast_precision_loss, reason = "a count of rows is far below 2^53")]
    pub fn merge(&mut self, later: &Self) {
        if later.count == 0 {
            return;
        }
        if self.count == 0 {
            *self = *later;
            return;
        }
        let (ours, theirs) = (self.count as f64, later.count as f64);
        let step = later.mean - self.mean;
        self.mean += step * (theirs / (ours + theirs));
        self.spread += later.spread + step * step * (ours * theirs / (ours + theirs));
        self.count += later.count;
        self.whole_sum += later.whole_sum;
        self.squares.0 = self.squares.0.zip(later.squares.0).and_then(|(one, other)| one.checked_add(other));
        self.whole_min = self.whole_min.min(later.whole_min);
        self.whole_max = self.whole_max.max(later.whole_max);
        self.float_sum += later.float_sum;
        if later.float_min < self.float_min {
            self.float_min = later.float_min;
        }
        if later.float_max > self.float_max {
            self.float_max = later.float_max;
        }
    }

    /// Sample standard deviation of whole numbers, from exact sums. `None` below two values; `Err` beyond 128 bits.
    #[expect(clippy::cast_precision_loss, reason = "one rounding of an exact number, at the end")]
    pub fn whole_deviation(&self) -> Result<Option<f64>, ()> {
        if self.count < 2 {
            return Ok(None);
        }
        let count = i128::from(self.count);
        let scaled = self.squares.0.and_then(|squares| squares.checked_mul(count));
        let square = self.whole_sum.checked_mul(self.whole_sum);
        let above = scaled.zip(square).and_then(|(scaled, square)| scaled.checked_sub(square)).ok_or(())?;
        Ok(Some((above as f64 / (count * (count - 1)) as f64).sqrt()))
    }

    /// Sample standard deviation of floats. `None` below two values.
    #[expect(clippy::cast_precision_loss, reason = "a count of rows is far below 2^53")]
    pub fn float_deviation(&self) -> Option<f64> {
        (self.count >= 2).then(|| (self.spread / (self.count - 1) as f64).sqrt())
    }
}

/// The linear-interpolated quantile of Hyndman & Fan, type 7: with h = (n - 1) p, x[floor h] + (h - floor h)(x[floor h
/// + 1] - x[floor h]). `values` is reordered. `None` without values.
#[expect(clippy::cast_precision_loss, reason = "a rest below 100")]
pub(crate) fn percentile(values: &mut [f64], percent: u8) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let scaled = last as u128 * u128::from(percent.min(100));
    let (low, rest) = ((scaled / 100) as usize, (scaled % 100) as f64 / 100.0);
    let (_, &mut below, above) = values.select_nth_unstable_by(low, f64::total_cmp);
    if rest == 0.0 {
        return Some(below);
    }
    let next = above.iter().copied().min_by(f64::total_cmp)?;
    Some(below + (next - below) * rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_linear_between_neighbours() {
        assert_eq!(percentile(&mut [4.0, 1.0, 3.0, 2.0], 50), Some(2.5));
        assert_eq!(percentile(&mut [10.0, 0.0], 90), Some(9.0));
        assert_eq!(percentile(&mut [5.0], 90), Some(5.0));
        assert_eq!(percentile(&mut [3.0, 1.0], 100), Some(3.0));
        assert_eq!(percentile(&mut [], 50), None);
    }

    #[test]
    fn merging_folds_equals_folding_all() {
        let values = [1.5, -2.0, 8.25, 0.5, 3.0];
        let mut all = Partial::default();
        values.iter().for_each(|&value| all.add_float(value));
        let (mut first, mut second) = (Partial::default(), Partial::default());
        values[..2].iter().for_each(|&value| first.add_float(value));
        values[2..].iter().for_each(|&value| second.add_float(value));
        first.merge(&second);
        assert_eq!((first.count, first.float_min, first.float_max), (5, -2.0, 8.25));
        let (one, other) = (first.float_deviation().expect("five"), all.float_deviation().expect("five"));
        assert!((one - other).abs() < 1e-12);
    }

    #[test]
    fn whole_numbers_deviate_exactly_and_beyond_128_bits_say_so() {
        let mut partial = Partial::default();
        [2, 4, 4, 4, 5, 5, 7, 9].iter().for_each(|&value| partial.add_whole(value));
        assert_eq!(partial.whole_deviation(), Ok(Some((32.0_f64 / 7.0).sqrt())));
        partial.add_whole(i64::MAX);
        partial.add_whole(i64::MAX);
        partial.add_whole(i64::MAX);
        assert_eq!(partial.whole_deviation(), Err(()));
    }
}
