//! Where the letters of a text stand in its file, whatever YAML made of it: quotes, escapes, blocks, folded lines.
//! Where that cannot be told exactly, the whole value is shown, never a wrong place.

use crate::{SourceFiles, Span, source_files};

/// The places of a text's letters.
pub(crate) struct TextPlace {
    whole: Span,
    /// Line and column of each letter of the text; empty where they cannot be told.
    letters: Vec<(u32, u32)>,
    /// Index of the first letter of each line of the text.
    line_starts: Vec<usize>,
}

impl TextPlace {
    /// For a text of which only the value's span is known: exact if the span is as long as the text.
    pub(crate) fn new(whole: Span, text: &str) -> Self {
        let count = text.chars().count();
        let verbatim = whole.line > 0 && !text.contains(['\n', '\r']) && usize::try_from(whole.length) == Ok(count);
        let columns = whole.column..whole.column.saturating_add(whole.length);
        let letters = columns.filter(|_| verbatim).map(|column| (whole.line, column)).collect();
        Self { whole, letters, line_starts: line_starts(text) }
    }

    /// For a text that stands in a file.
    pub(crate) fn in_file(whole: Span, text: &str, files: &SourceFiles) -> Self {
        let letters = match_letters(whole, text, files.text(whole.file)).unwrap_or_default();
        Self { whole, letters, line_starts: line_starts(text) }
    }

    /// The whole value.
    pub(crate) fn whole(&self) -> Span {
        self.whole
    }

    /// A stretch of the text, in letters.
    pub(crate) fn range(&self, start: usize, length: usize) -> Span {
        let Some(&(line, column)) = self.letters.get(start) else { return self.end_or_whole(start) };
        let last = (start + length.max(1)).min(self.letters.len());
        let same = self.letters[start..last].iter().rev().find(|(other, _)| *other == line);
        let end = same.map_or(column, |(_, end)| *end);
        Span { line, column, length: end.saturating_sub(column) + 1, ..self.whole }
    }

    /// From a line and column of the text (from 1) to another (included), as a SQL parser counts them.
    pub(crate) fn between(&self, start: (u64, u64), end: (u64, u64)) -> Span {
        let Some(first) = self.index(start) else { return self.whole };
        let length = self.index(end).map_or(1, |last| (last + 1).saturating_sub(first));
        self.range(first, length)
    }

    fn index(&self, (line, column): (u64, u64)) -> Option<usize> {
        let line = usize::try_from(line).ok()?.checked_sub(1)?;
        let column = usize::try_from(column).ok()?.checked_sub(1)?;
        Some(self.line_starts.get(line)? + column)
    }

    /// The place right behind the text, else the whole of it.
    fn end_or_whole(&self, start: usize) -> Span {
        match self.letters.last() {
            Some(&(line, column)) if start >= self.letters.len() => {
                Span { line, column: column + 1, length: 1, ..self.whole }
            }
            _ => self.whole,
        }
    }
}

fn line_starts(text: &str) -> Vec<usize> {
    let newlines = text.chars().enumerate().filter(|(_, letter)| *letter == '\n').map(|(at, _)| at + 1);
    std::iter::once(0).chain(newlines).collect()
}

/// Walks text and file together. YAML changes only white space and escapes, so the other letters come in order.
fn match_letters(whole: Span, text: &str, file: &str) -> Option<Vec<(u32, u32)>> {
    let first_line = usize::try_from(whole.line).ok()?.checked_sub(1)?;
    let first_column = usize::try_from(whole.column).ok()?.checked_sub(1)?;
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    let header: Vec<char> = source_files::lines(file).nth(first_line)?.chars().collect();
    let quoted = first_column > 0 && matches!(header.get(first_column - 1), Some('"' | '\''));
    // A plain scalar cannot begin with `|` or `>`: the text of a block begins on the next line.
    let block = !quoted && matches!(header.get(first_column), Some('|' | '>'));
    let (skipped_lines, skipped_columns) = if block { (first_line + 1, 0) } else { (first_line, first_column) };
    let mut rest = source_files::lines(file).skip(skipped_lines).enumerate().flat_map(|(at, line)| {
        let number = u32::try_from(skipped_lines + at + 1).unwrap_or(u32::MAX);
        let from = if at == 0 { skipped_columns } else { 0 };
        let letters = line.chars().enumerate().skip(from).filter(|(_, letter)| !letter.is_whitespace());
        letters.map(move |(column, letter)| (number, u32::try_from(column + 1).unwrap_or(u32::MAX), letter))
    });
    let mut found = Vec::new();
    let mut last = (whole.line, whole.column, ' ');
    for letter in text.chars() {
        if letter.is_whitespace() {
            let (line, column) = found.last().map_or((whole.line, whole.column), |(line, column)| (*line, column + 1));
            found.push((line, column));
            continue;
        }
        let mut next = rest.next()?;
        let doubled = next.2 == '\'' && last.2 == '\'' && quoted;
        if next.2 != letter && (doubled || next.2 == '\\') {
            next = rest.next()?;
        }
        if next.2 != letter {
            return None;
        }
        found.push((next.0, next.1));
        last = next;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(file: &str, line: u32, column: u32, length: u32, text: &str, word: &str) -> (u32, u32, u32) {
        let mut files = SourceFiles::new();
        let file = files.add("x.yaml", file);
        let place = TextPlace::in_file(Span { file, line, column, length }, text, &files);
        let start = text[..text.find(word).expect("the word is in the text")].chars().count();
        let span = place.range(start, word.chars().count());
        (span.line, span.column, span.length)
    }

    #[test]
    fn a_quoted_text_is_placed_inside_its_quotes() {
        assert_eq!(place_of("of: \"a > bc\"", 1, 6, 6, "a > bc", "bc"), (1, 10, 2));
    }

    #[test]
    fn doubled_quotes_and_escapes_are_counted() {
        assert_eq!(place_of("of: 'a = ''X'' AND bc'", 1, 6, 16, "a = 'X' AND bc", "bc"), (1, 20, 2));
        assert_eq!(place_of("of: \"a = \\\"X\\\" + bc\"", 1, 6, 14, "a = \"X\" + bc", "bc"), (1, 18, 2));
    }

    #[test]
    fn literal_and_folded_blocks_are_placed_on_their_lines() {
        let text = "SELECT a\nFROM bc\n";
        assert_eq!(place_of("sql: |\n  SELECT a\n  FROM bc\n", 1, 6, 1, text, "bc"), (3, 8, 2));
        let text = "SELECT a FROM bc\n";
        assert_eq!(place_of("sql: >\n    SELECT a\n    FROM bc\n", 1, 6, 1, text, "bc"), (3, 10, 2));
    }

    #[test]
    fn what_cannot_be_placed_is_shown_whole() {
        assert_eq!(place_of("of: \"\\x41 > bc\"", 1, 6, 9, "A > bc", "bc"), (1, 6, 9));
    }
}
