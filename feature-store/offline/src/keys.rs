//! Entity keys as small numbers: one id per distinct tuple of key values, so that joins compare numbers and a composite
//! key is never glued together as text. A tuple with a null has no id. Ids depend on the order of arrival and never
//! reach an output; `ranks` gives the order of the values themselves.

use polars::prelude::{Column, DataType, PlHashMap};

use crate::Error;
use crate::columns::integers;

/// The distinct values of one key column.
#[derive(Debug, Default)]
struct Part {
    numbers: PlHashMap<i64, u32>,
    texts: PlHashMap<String, u32>,
}

/// The distinct keys of an entity.
#[derive(Debug, Default)]
pub(crate) struct KeyTable {
    parts: Vec<Part>,
    /// Per further column: (id so far, id of this column's value) -> id.
    pairs: Vec<PlHashMap<(u32, u32), u32>>,
    /// Per id of the last level: its parts' ids, `parts.len()` each.
    members: Vec<u32>,
    count: u32,
}

impl KeyTable {
    /// A table of keys of `arity` columns; of arity 0 there is one key, the empty one.
    pub fn new(arity: usize) -> Self {
        let mut table = Self::default();
        table.parts.resize_with(arity, Part::default);
        table.pairs.resize_with(arity.saturating_sub(1), PlHashMap::default);
        table.count = u32::from(arity == 0);
        table
    }

    /// Number of distinct keys.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Ids of the rows, new keys being added; `None` where a key column is null.
    pub(crate) fn intern(&mut self, columns: &[Column], rows: usize, place: &str) -> Result<Vec<Option<u32>>, Error> {
        let mut ids = vec![Some(0); rows];
        let mut chosen = vec![0; rows * columns.len()];
        for (level, column) in columns.iter().enumerate() {
            let part_ids = self.parts[level].intern(column, place)?;
            for (row, (id, part)) in ids.iter_mut().zip(part_ids).enumerate() {
                chosen[row * columns.len() + level] = part.unwrap_or(0);
                *id = match (*id, part) {
                    (Some(_), Some(part)) if level == 0 => Some(part),
                    (Some(before), Some(part)) => {
                        let pairs = &mut self.pairs[level - 1];
                        let next = pairs.len() as u32;
                        Some(*pairs.entry((before, part)).or_insert(next))
                    }
                    _ => None,
                };
            }
        }
        self.remember(&ids, &chosen, columns.len());
        Ok(ids)
    }

    fn remember(&mut self, ids: &[Option<u32>], chosen: &[u32], arity: usize) {
        if arity == 0 {
            return;
        }
        for (row, id) in ids.iter().enumerate() {
            if let Some(id) = id {
                let start = *id as usize * arity;
                if self.members.len() < start + arity {
                    self.members.resize(start + arity, u32::MAX);
                }
                self.members[start..start + arity].copy_from_slice(&chosen[row * arity..(row + 1) * arity]);
                self.count = self.count.max(id + 1);
            }
        }
    }

    /// Ids of the rows among the keys already there; `None` for a null or unknown key.
    pub(crate) fn find(&self, columns: &[Column], rows: usize, place: &str) -> Result<Vec<Option<u32>>, Error> {
        let mut ids = vec![Some(0); rows];
        for (level, column) in columns.iter().enumerate() {
            let part_ids = self.parts[level].find(column, place)?;
            for (id, part) in ids.iter_mut().zip(part_ids) {
                *id = match (*id, part) {
                    (Some(_), Some(part)) if level == 0 => Some(part),
                    (Some(before), Some(part)) => self.pairs[level - 1].get(&(before, part)).copied(),
                    _ => None,
                };
            }
        }
        Ok(ids)
    }

    /// Per id the place of its key among all keys in order of their values (column by column; text by its bytes).
    pub fn ranks(&self) -> Vec<u32> {
        let arity = self.parts.len();
        let part_ranks: Vec<Vec<u32>> = self.parts.iter().map(Part::ranks).collect();
        let tuple = |id: u32| {
            let start = id as usize * arity;
            let members = &self.members[start..start + arity];
            members.iter().zip(&part_ranks).map(|(&member, ranks)| ranks[member as usize]).collect::<Vec<_>>()
        };
        let mut order: Vec<(Vec<u32>, u32)> = (0..self.count).map(|id| (tuple(id), id)).collect();
        order.sort_unstable();
        let mut ranks = vec![0; self.len()];
        for (rank, (_, id)) in order.iter().enumerate() {
            ranks[*id as usize] = rank as u32;
        }
        ranks
    }
}

impl Part {
    fn intern(&mut self, column: &Column, place: &str) -> Result<Vec<Option<u32>>, Error> {
        if *column.dtype() == DataType::String {
            let texts = column.str().map_err(Error::polars(format!("reading key `{}`", column.name())))?;
            let mut ids = Vec::with_capacity(texts.len());
            for text in texts.iter() {
                ids.push(text.map(|text| match self.texts.get(text) {
                    Some(&id) => id,
                    None => {
                        let next = self.texts.len() as u32;
                        self.texts.insert(text.to_owned(), next);
                        next
                    }
                }));
            }
            return Ok(ids);
        }
        let mut ids = Vec::with_capacity(column.len());
        for number in integers(column, place)? {
            let next = self.numbers.len() as u32;
            ids.push(number.map(|number| *self.numbers.entry(number).or_insert(next)));
        }
        Ok(ids)
    }

    fn find(&self, column: &Column, place: &str) -> Result<Vec<Option<u32>>, Error> {
        if *column.dtype() == DataType::String {
            let texts = column.str().map_err(Error::polars(format!("reading key `{}`", column.name())))?;
            return Ok(texts.iter().map(|text| text.and_then(|text| self.texts.get(text).copied())).collect());
        }
        let numbers = integers(column, place)?;
        Ok(numbers.into_iter().map(|number| number.and_then(|number| self.numbers.get(&number).copied())).collect())
    }

    fn ranks(&self) -> Vec<u32> {
        let mut numbers: Vec<(&i64, &u32)> = self.numbers.iter().collect();
        numbers.sort_unstable();
        let mut texts: Vec<(&String, &u32)> = self.texts.iter().collect();
        texts.sort_unstable();
        let mut ranks = vec![0; numbers.len() + texts.len()];
        let ids = numbers.iter().map(|(_, id)| **id).chain(texts.iter().map(|(_, id)| **id));
        for (rank, id) in ids.enumerate() {
            ranks[id as usize] = rank as u32;
        }
        ranks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(name: &str, values: &[Option<&str>]) -> Column {
        Column::new(name.into(), values)
    }

    #[test]
    fn composite_keys_are_told_apart_and_ranked_by_value() {
        let columns =
            [texts("a", &[Some("b"), Some("1"), Some("11")]), texts("b", &[Some("x"), Some("11"), Some("1")])];
        let mut table = KeyTable::new(2);
        let ids = table.intern(&columns, 3, "test").expect("read");
        assert_eq!(ids.iter().flatten().collect::<std::collections::BTreeSet<_>>().len(), 3);
        let ranks = table.ranks();
        let in_order: Vec<u32> = ids.iter().flatten().map(|&id| ranks[id as usize]).collect();
        assert_eq!(in_order, [2, 0, 1]);
    }

    #[test]
    fn a_null_in_a_key_has_no_id_and_an_unknown_key_is_not_found() {
        let mut table = KeyTable::new(1);
        let ids = table.intern(&[texts("a", &[Some("x"), None])], 2, "test").expect("read");
        assert_eq!(ids, [Some(0), None]);
        let found = table.find(&[texts("a", &[Some("y"), Some("x"), None])], 3, "test").expect("read");
        assert_eq!(found, [None, Some(0), None]);
    }

    #[test]
    fn integers_of_any_width_are_one_key() {
        let mut table = KeyTable::new(1);
        let narrow = Column::new("a".into(), [7_i16, 8]);
        let wide = Column::new("a".into(), [8_u64, 9]);
        table.intern(&[narrow], 2, "test").expect("read");
        assert_eq!(table.find(&[wide], 2, "test").expect("read"), [Some(1), None]);
    }
}
