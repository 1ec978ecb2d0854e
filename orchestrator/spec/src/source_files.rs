//! The texts that positions point into. Knows paths and lines, never what the text means, and never opens a file
//! (`folder.rs` does). A new question about a place in a text = a method here.

/// The files of a project in reading order; `Span::file` is the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceFiles {
    files: Vec<SourceFile>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SourceFile {
    path: String,
    text: String,
}

impl SourceFiles {
    /// No files yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file and gives its index. `path` is relative to the project, with `/`.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> u32 {
        let index = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(SourceFile { path: path.into(), text: text.into() });
        index
    }

    /// The file's path relative to the project; empty for an index that no file has.
    pub fn path(&self, file: u32) -> &str {
        self.get(file).map_or("", |file| file.path.as_str())
    }

    /// The file's whole text; empty where it could not be read as text.
    pub fn text(&self, file: u32) -> &str {
        self.get(file).map_or("", |file| file.text.as_str())
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// A line without its end, counted from 1.
    pub fn line(&self, file: u32, line: u32) -> Option<&str> {
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        lines(self.text(file)).nth(index)
    }

    fn get(&self, file: u32) -> Option<&SourceFile> {
        self.files.get(usize::try_from(file).ok()?)
    }
}

/// The lines of a text as YAML counts them: ended by `\r\n`, `\n` or `\r`.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let Some(end) = current.find(['\n', '\r']) else {
            rest = None;
            return Some(current);
        };
        let ending = if current[end..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&current[end + ending..]);
        Some(&current[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_ending_of_yaml_ends_a_line() {
        let found: Vec<&str> = lines("a\nb\r\nc\rd\n").collect();
        assert_eq!(found, ["a", "b", "c", "d", ""]);
    }

    #[test]
    fn a_place_outside_the_files_is_empty() {
        let mut files = SourceFiles::new();
        let file = files.add("daybreak.yaml", "version: 1\n");
        assert_eq!(files.line(file, 1), Some("version: 1"));
        assert_eq!((files.line(file, 0), files.line(file, 9)), (None, None));
        assert_eq!((files.path(7), files.text(7)), ("", ""));
    }
}
