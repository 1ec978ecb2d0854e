//! From the columns of a row to the numbers an estimator multiplies: imputation, standardisation, one-hot. Fitted once
//! by training, stored in the artefact, applied by the same code in training and serving. Each column gives at most one
//! non-zero number, so a row is prepared without a buffer.
//! To add an encoding: a variant of [`Encoding`], its rule in [`Encoder`], its limits in `validation.rs`.

use daybreak_spec::ColumnType;
use serde::{Deserialize, Serialize};

use crate::{Cell, exact};

/// How each column becomes numbers, in the order of the signature: inputs, features, derived.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// One per column.
    pub columns: Vec<PreparedColumn>,
}

/// How one column becomes numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedColumn {
    /// The column.
    pub name: String,
    /// Its encoding.
    pub encoding: Encoding,
}

/// The encodings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Encoding {
    /// `((x or impute) - mean) / scale`: one number. Dates and instants count in days since 1970.
    Numeric {
        /// Stands in for an absent value: the mean of the fitted rows.
        #[serde(with = "exact::number")]
        impute: f64,
        /// Mean of the fitted rows.
        #[serde(with = "exact::number")]
        mean: f64,
        /// Population standard deviation of the fitted rows after imputation; 1 where they do not vary.
        #[serde(with = "exact::number")]
        scale: f64,
    },
    /// 1 for true, 0 for false: one number.
    Flag {
        /// Stands in for an absent value: the most frequent one, false on a tie.
        impute: bool,
    },
    /// 1 in the place of its category, 0 elsewhere; all 0 for any other text.
    OneHot {
        /// The categories in order.
        categories: Vec<String>,
        /// Stands in for an absent value: the most frequent one, the first in alphabetical order on a tie.
        impute: Option<String>,
    },
}

impl Encoding {
    /// Numbers it makes.
    pub fn width(&self) -> usize {
        match self {
            Self::Numeric { .. } | Self::Flag { .. } => 1,
            Self::OneHot { categories, .. } => categories.len(),
        }
    }

    /// Whether it encodes values of that type.
    pub fn accepts(&self, column_type: ColumnType) -> bool {
        match self {
            Self::Flag { .. } => column_type == ColumnType::Bool,
            Self::OneHot { .. } => column_type == ColumnType::Str,
            Self::Numeric { .. } => {
                column_type.is_number() || matches!(column_type, ColumnType::Date | ColumnType::Datetime)
            }
        }
    }
}

impl Preparation {
    /// Numbers in a prepared row.
    pub fn width(&self) -> usize {
        self.columns.iter().map(|column| column.encoding.width()).sum()
    }

    /// The columns in the form that is applied to rows.
    pub fn encoders(&self) -> Vec<Encoder> {
        let mut offset = 0;
        let mut encoders = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            encoders.push(Encoder::new(column, offset));
            offset += column.encoding.width();
        }
        encoders
    }

    /// The name of each number of a prepared row: the column's, with `=category` for one-hot.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.width());
        for column in &self.columns {
            match &column.encoding {
                Encoding::Numeric { .. } | Encoding::Flag { .. } => names.push(column.name.clone()),
                Encoding::OneHot { categories, .. } => {
                    names.extend(categories.iter().map(|category| format!("{}={category}", column.name)));
                }
            }
        }
        names
    }

    /// Prepares one row of all columns (inputs, features, derived) and gives the positions of imputed columns.
    /// For many rows keep the [`Encoder`]s.
    pub fn apply(&self, cells: &[Cell<'_>], out: &mut Vec<f64>) -> Result<Vec<usize>, String> {
        out.clear();
        out.resize(self.width(), 0.0);
        let mut imputed = Vec::new();
        for (position, (encoder, cell)) in self.encoders().iter().zip(cells).enumerate() {
            let (entry, fate) = encoder.encode(cell).map_err(|detail| format!("{}: {detail}", encoder.name))?;
            if let Some((slot, number)) = entry {
                out[slot] = number;
            }
            if fate == Fate::Imputed {
                imputed.push(position);
            }
        }
        Ok(imputed)
    }
}

/// One column's encoding with its place in the prepared row.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoder {
    /// The column.
    pub name: String,
    /// First place in the prepared row.
    pub offset: usize,
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Numeric { impute: f64, mean: f64, scale: f64 },
    Flag { impute: bool },
    OneHot { sorted: Vec<(String, usize)>, impute: Option<usize> },
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was used as it is.
    Used,
    /// It was absent and another stood in.
    Imputed,
    /// A text that is none of the categories: all zeros.
    Unknown,
}

impl Encoder {
    fn new(column: &PreparedColumn, offset: usize) -> Self {
        let rule = match &column.encoding {
            Encoding::Numeric { impute, mean, scale } => Rule::Numeric { impute: *impute, mean: *mean, scale: *scale },
            Encoding::Flag { impute } => Rule::Flag { impute: *impute },
            Encoding::OneHot { categories, impute } => {
                let mut sorted: Vec<(String, usize)> =
                    categories.iter().enumerate().map(|(place, category)| (category.clone(), offset + place)).collect();
                sorted.sort();
                let impute = impute.as_ref().and_then(|text| find(&sorted, text));
                Rule::OneHot { sorted, impute }
            }
        };
        Self { name: column.name.clone(), offset, rule }
    }

    /// The one place of the prepared row that this value fills, and the number there; all its other places are 0.
    pub fn encode(&self, cell: &Cell<'_>) -> Result<(Option<(usize, f64)>, Fate), String> {
        let offset = self.offset;
        match (&self.rule, cell) {
            (Rule::Numeric { impute, mean, scale }, Cell::Null) => {
                Ok((Some((offset, (impute - mean) / scale)), Fate::Imputed))
            }
            (Rule::Flag { impute }, Cell::Null) => Ok((Some((offset, indicator(*impute))), Fate::Imputed)),
            (Rule::OneHot { impute, .. }, Cell::Null) => Ok((impute.map(|slot| (slot, 1.0)), Fate::Imputed)),
            (Rule::Flag { .. }, Cell::Bool(flag)) => Ok((Some((offset, indicator(*flag))), Fate::Used)),
            (Rule::OneHot { sorted, .. }, Cell::Text(text)) => Ok(match find(sorted, text) {
                Some(slot) => (Some((slot, 1.0)), Fate::Used),
                None => (None, Fate::Unknown),
            }),
            (Rule::Numeric { mean, scale, .. }, cell) => match cell.number() {
                Some(number) => Ok((Some((offset, (number - mean) / scale)), Fate::Used)),
                None => Err(format!("expected a number, found {}", cell.kind())),
            },
            (Rule::Flag { .. }, cell) => Err(format!("expected a boolean, found {}", cell.kind())),
            (Rule::OneHot { .. }, cell) => Err(format!("expected text, found {}", cell.kind())),
        }
    }
}

fn find(sorted: &[(String, usize)], text: &str) -> Option<usize> {
    let found = sorted.binary_search_by(|(category, _)| category.as_str().cmp(text)).ok()?;
    Some(sorted[found].1)
}

fn indicator(flag: bool) -> f64 {
    f64::from(u8::from(flag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preparation() -> Preparation {
        let column = |name: &str, encoding| PreparedColumn { name: name.to_owned(), encoding };
        let categories = vec!["UA".to_owned(), "AA".to_owned()];
        Preparation {
            columns: vec![
                column("distance", Encoding::Numeric { impute: 10.0, mean: 10.0, scale: 2.0 }),
                column("carrier", Encoding::OneHot { categories, impute: Some("AA".to_owned()) }),
                column("early", Encoding::Flag { impute: true }),
            ],
        }
    }

    fn applied(cells: &[Cell<'_>]) -> (Vec<f64>, Vec<usize>) {
        let mut out = Vec::new();
        let imputed = preparation().apply(cells, &mut out).expect("cells fit");
        (out, imputed)
    }

    #[test]
    fn a_row_is_standardised_and_spread() {
        let row = [Cell::Int(14), Cell::Text("UA".into()), Cell::Bool(false)];
        assert_eq!(applied(&row), (vec![2.0, 1.0, 0.0, 0.0], vec![]));
        assert_eq!(preparation().names(), ["distance", "carrier=UA", "carrier=AA", "early"]);
    }

    #[test]
    fn absent_values_are_replaced_and_named() {
        assert_eq!(applied(&[Cell::Null, Cell::Null, Cell::Null]), (vec![0.0, 0.0, 1.0, 1.0], vec![0, 1, 2]));
    }

    #[test]
    fn an_unknown_category_is_all_zeros_and_reported() {
        let encoders = preparation().encoders();
        assert_eq!(encoders[1].encode(&Cell::Text("ZZ".into())), Ok((None, Fate::Unknown)));
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        let encoders = preparation().encoders();
        assert_eq!(encoders[0].encode(&Cell::Bool(true)), Err("expected a number, found a boolean".to_owned()));
        assert!(encoders[1].encode(&Cell::Int(1)).is_err());
        assert!(encoders[2].encode(&Cell::Text("true".into())).is_err());
    }
}
