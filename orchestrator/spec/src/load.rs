//! From a folder to a project and everything wrong with it, in one pass. The only place where folder, YAML, decoding and
//! references meet. Stops for nothing inside the files.

use std::path::{Path, PathBuf};

use crate::calendars::{self, Beside};
use crate::decode::Merger;
use crate::folder::{self, Content};
use crate::report::in_order;
use crate::small_texts::slugified;
use crate::yaml::{self, MAX_BYTES};
use crate::{Declared, Decoder, Error, Name, Node, Problem, Project, SourceFiles, Span, references};

/// A project as read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The folder, absolute.
    pub root: PathBuf,
    /// Its files, for positions.
    pub files: SourceFiles,
    /// Whatever could be decoded; complete only if there is no error among the problems.
    pub project: Project,
    /// Which names are declared and which of them have problems, for checks that go on from here.
    pub declared: Declared,
    /// Everything wrong, by place.
    pub problems: Vec<Problem>,
}

/// Reads the project in a folder.
///
/// # Errors
/// When the folder cannot be read or holds no `daybreak.yaml`. What is wrong inside the files are problems.
pub fn load(root: &Path) -> Result<Loaded, Error> {
    let found = folder::read(root)?;
    let absolute = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let (mut files, mut problems) = (SourceFiles::new(), Vec::new());
    let contents = found.into_iter().map(|file| (file.path, file.content));
    let readable = add_files(&mut files, contents, &mut problems);
    let beside = Beside::Folder(&absolute);
    let read = Read { files, readable, problems };
    Ok(decode(absolute.clone(), read, &beside))
}

/// Reads a project out of texts: paths relative to `root`, `daybreak.yaml` first. Those that are no YAML by their names
/// are what the YAML names.
pub fn load_texts(root: &Path, texts: impl IntoIterator<Item = (String, String)>) -> Loaded {
    let is_yaml = |(path, _): &(String, String)| path.ends_with(".yaml") || path.ends_with(".yml");
    let (yaml, others): (Vec<_>, Vec<_>) =
        texts.into_iter().filter(|(path, _)| !folder::is_test(path)).partition(is_yaml);
    let (mut files, mut problems) = (SourceFiles::new(), Vec::new());
    let contents = yaml.into_iter().map(|(path, text)| match text.len() > MAX_BYTES {
        true => (path, Content::TooLarge),
        false => (path, Content::Bytes(text.into_bytes())),
    });
    let readable = add_files(&mut files, contents, &mut problems);
    decode(root.to_path_buf(), Read { files, readable, problems }, &Beside::Texts(&others))
}

/// Takes files in, and tells of each whether it is text.
pub(crate) fn add_files(
    files: &mut SourceFiles,
    found: impl Iterator<Item = (String, Content)>,
    problems: &mut Vec<Problem>,
) -> Vec<bool> {
    found
        .map(|(path, content)| {
            let (text, problem) = text_of(content);
            let index = files.add(path, text);
            let readable = problem.is_none();
            problems.extend(problem.map(|problem| Problem { span: Span { file: index, ..problem.span }, ..problem }));
            readable
        })
        .collect()
}

/// The YAML files as read.
struct Read {
    files: SourceFiles,
    readable: Vec<bool>,
    problems: Vec<Problem>,
}

fn decode(root: PathBuf, read: Read, beside: &Beside<'_>) -> Loaded {
    let Read { mut files, readable, mut problems } = read;
    let mut trees: Vec<Option<Node>> = Vec::new();
    for (file, readable) in (0u32..).zip(readable) {
        let (tree, found) = if readable { yaml::parse(file, files.text(file)) } else { (None, Vec::new()) };
        problems.extend(found);
        trees.push(tree);
    }
    let mut merger = Merger::new(name_of(&root));
    let mut decoder = Decoder::with_files(&files);
    for (file, tree) in (0u32..).zip(&trees) {
        match tree {
            Some(tree) => merger.add_file(&mut decoder, files.path(file), file, tree),
            None => merger.skip_file(),
        }
    }
    let (mut project, declared) = merger.finish();
    references::check(&project, &declared, &mut decoder);
    problems.extend(decoder.into_problems());
    problems.extend(calendars::read(&mut project, &mut files, beside));
    Loaded { root, files, project, declared, problems: in_order(problems) }
}

/// A project without a name has its folder's.
fn name_of(root: &Path) -> Name {
    let folder = root.file_name().and_then(|name| slugified(&name.to_string_lossy()));
    folder.or_else(|| Name::parse("project")).expect("`project` is a slug")
}

/// The text of a file, or why there is none.
fn text_of(content: Content) -> (String, Option<Problem>) {
    let top = Span { file: 0, line: 1, column: 1, length: 1 };
    let bytes = match content {
        Content::Bytes(bytes) => bytes,
        Content::TooLarge => {
            let message = format!("the file is larger than {} KiB", MAX_BYTES / 1024);
            let problem = Problem::error("yaml_budget", top, message);
            return (String::new(), Some(problem.hint("split it; every `*.yaml` of the project is read and merged")));
        }
        Content::NotAFile => {
            let problem = Problem::error("not_a_file", top, "this is no regular file of the project");
            return (String::new(), Some(problem.hint("links may lead only to files inside the project's folder")));
        }
        Content::Unreadable(why) => {
            let problem = Problem::error("unreadable_file", top, format!("the file cannot be read: {why}"));
            return (String::new(), Some(problem));
        }
    };
    let zeros = bytes.iter().take(4).filter(|byte| **byte == 0).count();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) || zeros > 0 {
        let problem = Problem::error("yaml_encoding", top, "the file is UTF-16 or UTF-32, or no text at all");
        return (String::new(), Some(problem.hint("save it as UTF-8")));
    }
    match String::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
            let line = crate::source_files::lines(&valid).count();
            let column = crate::source_files::lines(&valid).last().map_or(0, |line| line.chars().count()) + 1;
            let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
            let span = Span { file: 0, line: number(line), column: number(column), length: 1 };
            let problem = Problem::error("yaml_encoding", span, "this byte is not UTF-8");
            (valid, Some(problem.hint("save the file as UTF-8")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unit tests check, when a map is dropped, that each key of its table was asked for.
    fn problems_of(text: &str) -> Vec<String> {
        let trading = ("calendars/trading.txt".to_owned(), "2026-11-27\n".to_owned());
        let loaded = load_texts(Path::new("/project"), [("daybreak.yaml".to_owned(), text.to_owned()), trading]);
        loaded.problems.iter().map(|problem| format!("{}: {}", problem.code, problem.message)).collect()
    }

    #[test]
    fn the_canonical_project_and_every_key_are_read_by_the_decoder() {
        assert_eq!(problems_of(include_str!("../tests/fixtures/canonical.yaml")), Vec::<String>::new());
        assert_eq!(problems_of(include_str!("../tests/fixtures/every_key.yaml")), Vec::<String>::new());
    }

    #[test]
    fn a_project_without_a_name_has_its_folders() {
        let name = |folder: &str| name_of(Path::new(folder)).to_string();
        assert_eq!(name("/home/ana/Late Flights"), "late_flights");
        assert_eq!(name("/"), "project");
    }
}
