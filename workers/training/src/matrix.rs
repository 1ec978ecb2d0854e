//! The prepared rows as one matrix, column by column in memory: that is what linfa's products over columns read fastest.
//! Built by the encoders that serving uses, so a row of it is exactly what serving multiplies.

use daybreak_model::{Encoder, Preparation};
use ndarray::{Array2, ShapeBuilder};

use crate::Error;
use crate::table::Table;

/// Most numbers in the matrix (1 GiB).
const MAX_NUMBERS: usize = 1 << 27;

/// Prepared rows.
#[derive(Debug)]
pub struct Matrix {
    /// Rows by prepared columns, column-major.
    pub numbers: Array2<f64>,
    /// The prepared columns' names.
    pub names: Vec<String>,
}

impl Matrix {
    /// Prepares the fitted rows of a table.
    pub(crate) fn new(preparation: &Preparation, table: &Table<'_>) -> Result<Self, Error> {
        let (rows, width) = (table.rows.len(), preparation.width());
        if width == 0 {
            return Err(Error::NoNumbers);
        }
        if rows.saturating_mul(width) > MAX_NUMBERS {
            return Err(Error::TooLarge { rows, width });
        }
        let mut data = vec![0.0; rows * width];
        for (place, encoder) in preparation.encoders().iter().enumerate() {
            fill(encoder, place, table, &mut data)?;
        }
        let numbers = Array2::from_shape_vec((rows, width).f(), data).expect("the vector has rows x width numbers");
        Ok(Self { numbers, names: preparation.names() })
    }

    /// `intercept + weights · row` for each row, summed in the order in which serving sums.
    pub(crate) fn sums(&self, weights: &[f64], intercept: f64) -> Vec<f64> {
        let mut sums = vec![intercept; self.numbers.nrows()];
        for (column, weight) in self.numbers.columns().into_iter().zip(weights) {
            for (sum, number) in sums.iter_mut().zip(column) {
                *sum += weight * number;
            }
        }
        sums
    }
}

fn fill(encoder: &Encoder, place: usize, table: &Table<'_>, data: &mut [f64]) -> Result<(), Error> {
    let rows = table.rows.len();
    for (row, cell) in table.cells(place).enumerate() {
        let entry = encoder.encode(&cell).map_err(|detail| Error::DerivedType {
            column: encoder.name.clone(),
            row: table.rows[row],
            detail,
        })?;
        if let (Some((slot, number)), _) = entry {
            data[slot * rows + row] = number;
        }
    }
    Ok(())
}
