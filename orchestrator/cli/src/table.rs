//! Plain tables for people: columns padded to the widest cell, no colours, no borders.

use std::fmt::Write as _;

/// Lays out rows under a header; the last column is not padded.
pub fn render(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    for row in std::iter::once(&header).chain(rows) {
        let last = row.len().saturating_sub(1);
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let width = if index == last { 0 } else { *width };
            let _ = write!(text, "{cell:width$}{}", if index == last { "\n" } else { "  " });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = super::render(&["id", "state"], &[vec!["longer".into(), "ok".into()]]);
        assert_eq!(text, "id      state\nlonger  ok\n");
    }
}
