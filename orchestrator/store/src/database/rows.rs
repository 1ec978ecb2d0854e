//! One statement for many rows. A text is written for one row, `… VALUES ($1, $2) …`, and sent for up to
//! [`MOST`] at once: what a statement costs beyond its rows is paid once. The portions are powers of two, so that each
//! text has few variants and all of them stay prepared. Values stand nowhere but in the row, each once and in order.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::query::{Query, Value};
use super::{Column, Connection, Dialect, Row};
use crate::Error;

const MOST: usize = 64;

const BEFORE_ROW: &str = "VALUES ";

/// A row's values in the order of the text.
pub(crate) type Values = Vec<Value<'static>>;

/// How many rows of the database it changed.
pub(crate) async fn execute_rows(
    text: &'static str,
    rows: Vec<Values>,
    connection: &mut Connection,
) -> Result<u64, Error> {
    let mut changed = 0;
    for portion in portions(rows) {
        changed += many(text, portion, connection.dialect()).execute(&mut *connection).await?;
    }
    Ok(changed)
}

/// The first column of every row that it finds.
pub(crate) async fn fetch_rows<T>(
    text: &'static str,
    rows: Vec<Values>,
    connection: &mut Connection,
) -> Result<Vec<T>, Error>
where
    T: for<'r> Column<'r>,
{
    let mut found = Vec::new();
    for portion in portions(rows) {
        found.append(&mut many(text, portion, connection.dialect()).fetch_values(&mut *connection).await?);
    }
    Ok(found)
}

/// Every row that it finds.
pub(crate) async fn fetch_whole_rows(
    text: &'static str,
    rows: Vec<Values>,
    connection: &mut Connection,
) -> Result<Vec<Row>, Error> {
    let mut found = Vec::new();
    for portion in portions(rows) {
        found.append(&mut many(text, portion, connection.dialect()).fetch_all(&mut *connection).await?);
    }
    Ok(found)
}

fn portions(rows: Vec<Values>) -> impl Iterator<Item = Vec<Values>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let size = 1 << rows.len().min(MOST).checked_ilog2()?;
        Some(rows.by_ref().take(size).collect())
    })
}

fn many(text: &'static str, rows: Vec<Values>, dialect: Dialect) -> Query<'static> {
    Query::repeated(text, repeated(text, rows.len(), dialect), rows.into_iter().flatten().collect())
}

/// The text for so many rows. Texts are few and kept for ever.
fn repeated(text: &'static str, count: usize, dialect: Dialect) -> &'static str {
    type Texts = HashMap<(&'static str, usize, Dialect), &'static str>;
    static TEXTS: LazyLock<Mutex<Texts>> = LazyLock::new(Mutex::default);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    texts.entry((text, count, dialect)).or_insert_with(|| Box::leak(repeat(text, count, dialect).into_boxed_str()))
}

fn repeat(text: &str, count: usize, dialect: Dialect) -> String {
    let begin = text.find(BEFORE_ROW).map_or(text.len(), |place| place + BEFORE_ROW.len());
    let end = begin + length_of_row(&text[begin..]);
    let row = &text[begin..end];
    let width = row.matches('$').count();
    let rows: Vec<String> = (0..count).map(|index| renumbered(row, index * width, dialect)).collect();
    [&text[..begin], &rows.join(", "), &text[end..]].concat()
}

/// Up to the parenthesis that closes the first one.
fn length_of_row(text: &str) -> usize {
    let mut depth = 0_i32;
    let closing = text.char_indices().find(|(_, letter)| {
        depth += i32::from(*letter == '(') - i32::from(*letter == ')');
        depth == 0
    });
    closing.map_or(text.len(), |(place, _)| place + 1)
}

/// To SQLite `$7` is a name, and it searches all names for each value: there the values just stand in order.
fn renumbered(row: &str, by: usize, dialect: Dialect) -> String {
    let mut parts = row.split('$');
    let mut renumbered = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        let number: usize = part[..digits].parse().unwrap_or_default();
        match dialect {
            Dialect::Sqlite => renumbered.push('?'),
            Dialect::Postgres => renumbered.push_str(&format!("${}", number + by)),
        }
        renumbered.push_str(&part[digits..]);
    }
    renumbered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_repeated_with_numbers_of_its_own() {
        let text = "x VALUES ($1, CAST($2 AS TEXT)) ON y (z)";
        let three = "x VALUES ($1, CAST($2 AS TEXT)), ($3, CAST($4 AS TEXT)), ($5, CAST($6 AS TEXT)) ON y (z)";
        assert_eq!(repeat(text, 3, Dialect::Postgres), three);
        assert_eq!(repeat(text, 1, Dialect::Postgres), text);
        assert_eq!(repeat(text, 2, Dialect::Sqlite), "x VALUES (?, CAST(? AS TEXT)), (?, CAST(? AS TEXT)) ON y (z)");
    }

    #[test]
    fn any_number_of_rows_goes_in_few_sizes() {
        for count in 0..300 {
            let sizes: Vec<usize> = portions(vec![Values::new(); count]).map(|portion| portion.len()).collect();
            assert_eq!(sizes.iter().sum::<usize>(), count);
            assert!(sizes.iter().all(|size| size.is_power_of_two() && *size <= MOST), "{sizes:?}");
        }
    }
}
