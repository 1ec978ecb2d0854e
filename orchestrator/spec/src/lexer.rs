//! Words and signs of the small texts that are read by hand (gates, conditions), with their places. What is a word is each
//! text's own business.

use crate::Span;
use crate::expression::TextPlace;

#[derive(Clone, Copy)]
pub(crate) struct Word<'t> {
    pub text: &'t str,
    /// First letter, counted from 0.
    pub start: usize,
}

/// Splits a text. `length`: of the word or sign that begins with this letter, in bytes of the rest.
pub(crate) fn words(text: &str, length: impl Fn(char, &str) -> usize) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut start) = (text, 0);
    while let Some(first) = rest.chars().next() {
        let length = if first.is_whitespace() { first.len_utf8() } else { length(first, rest) };
        if !first.is_whitespace() {
            found.push(Word { text: &rest[..length], start });
        }
        start += rest[..length].chars().count();
        rest = &rest[length..];
    }
    found
}

/// Where a word stands; `end`, in letters, where there is none.
pub(crate) fn span(place: &TextPlace, word: Option<&Word<'_>>, end: usize) -> Span {
    match word {
        Some(word) => place.range(word.start, word.text.chars().count()),
        None => place.range(end, 1),
    }
}
