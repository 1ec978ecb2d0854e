//! Where a value stands in the user's files. Positions are for people (1-based lines and columns, counted in
//! characters); they never take part in the serialised form of a project, nor in equality and hashing of a [`Spanned`].

use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A stretch of one line of one file. `Span::default()` stands for "no position" (values read back from JSON).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Index into [`crate::SourceFiles`].
    pub file: u32,
    /// 1-based line; 0 = no position.
    pub line: u32,
    /// 1-based column in characters.
    pub column: u32,
    /// Length in characters, at least 1 where there is a position.
    pub length: u32,
}

/// A value and where it was written. Compares, hashes and serialises as the value alone.
#[derive(Clone, Copy, Debug)]
pub struct Spanned<T> {
    /// The value itself.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Pairs a value with its position.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// A value that no file holds.
    pub fn unplaced(value: T) -> Self {
        Self::new(value, Span::default())
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
impl<T: Eq> Eq for Spanned<T> {}
impl<T: PartialOrd> PartialOrd for Spanned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}
impl<T: Ord> Ord for Spanned<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}
impl<T: Serialize> Serialize for Spanned<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::unplaced)
    }
}
