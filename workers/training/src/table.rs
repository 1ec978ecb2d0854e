//! The columns of a signature over a training set: the raw ones as they are, the derived ones computed by the same
//! evaluator that serving uses, and the rows that take part.

use std::collections::BTreeMap;

use daybreak_model::{Cell, Column, ColumnBuilder, ColumnValues, Program, Signature, TrainingSet};
use daybreak_spec::Missing;

use crate::Error;

/// Columns in the signature's order and the rows that are fitted.
#[derive(Debug)]
pub(crate) struct Table<'a> {
    raw: Vec<&'a ColumnValues>,
    derived: Vec<ColumnValues>,
    /// Indices into the set, ascending.
    pub rows: Vec<usize>,
    /// Rows left out, by the first column that refused them.
    pub refused: BTreeMap<String, u64>,
}

impl<'a> Table<'a> {
    /// Finds and checks the columns, leaves out the rows that `missing: refuse` refuses, computes the derived columns.
    pub fn new(signature: &Signature, set: &'a TrainingSet) -> Result<Self, Error> {
        let raw = raw_columns(signature, set)?;
        let (rows, refused) = usable_rows(signature, &raw, set.rows());
        let mut table = Self { raw, derived: Vec::new(), rows, refused };
        let names: Vec<&str> = signature.columns().collect();
        for derived in &signature.derived {
            let earlier = &names[..table.raw.len() + table.derived.len()];
            let mut resolve = |wanted: &str| earlier.iter().position(|name| *name == wanted);
            let program = Program::compile(&derived.expr, &mut resolve).map_err(|source| Error::Derived {
                column: derived.name.clone(),
                row: 0,
                source,
            })?;
            let values = table.compute(&derived.name, &program, set.rows())?;
            table.derived.push(values);
        }
        Ok(table)
    }

    /// The column at that place of the signature.
    pub fn column(&self, place: usize) -> &ColumnValues {
        match place.checked_sub(self.raw.len()) {
            Some(derived) => &self.derived[derived],
            None => self.raw[place],
        }
    }

    /// The cells of the fitted rows of a column.
    pub fn cells(&self, place: usize) -> impl Iterator<Item = Cell<'_>> {
        let column = self.column(place);
        self.rows.iter().map(move |row| column.cell(*row))
    }

    /// One value per row of the set; rows that are left out are absent.
    fn compute(&self, name: &str, program: &Program, rows: usize) -> Result<ColumnValues, Error> {
        let mut builder = ColumnBuilder::new();
        let mut fitted = self.rows.iter().copied().peekable();
        for row in 0..rows {
            let cell = if fitted.next_if_eq(&row).is_some() {
                program.run(&|place| self.column(place).cell(row)).map_err(|source| Error::Derived {
                    column: name.to_owned(),
                    row,
                    source,
                })?
            } else {
                Cell::Null
            };
            builder.push(cell).map_err(|detail| Error::DerivedType { column: name.to_owned(), row, detail })?;
        }
        Ok(builder.finish())
    }
}

/// The raw columns in the signature's order, with their types checked.
pub(crate) fn raw_columns<'a>(signature: &Signature, set: &'a TrainingSet) -> Result<Vec<&'a ColumnValues>, Error> {
    set.check()?;
    let mut columns = Vec::with_capacity(signature.raw_len());
    for (name, column_type) in signature.raw_columns() {
        let Column { values, .. } = set.column(name).ok_or_else(|| Error::NoColumn(name.to_owned()))?;
        if !values.holds(column_type) {
            return Err(Error::ColumnType { column: name.to_owned(), expected: column_type.name() });
        }
        columns.push(values);
    }
    Ok(columns)
}

fn usable_rows(signature: &Signature, raw: &[&ColumnValues], rows: usize) -> (Vec<usize>, BTreeMap<String, u64>) {
    let names: Vec<&str> = signature.columns().collect();
    let refusing: Vec<usize> = (0..raw.len()).filter(|place| signature.missing_at(*place) == Missing::Refuse).collect();
    let mut refused = BTreeMap::new();
    let mut usable = Vec::with_capacity(rows);
    for row in 0..rows {
        match refusing.iter().find(|place| raw[**place].cell(row).is_null()) {
            Some(place) => *refused.entry(names[*place].to_owned()).or_insert(0) += 1,
            None => usable.push(row),
        }
    }
    (usable, refused)
}
