//! The files that calendars name: one date per line, `#` begins a comment. Reads only regular files inside the project or
//! below a declared data root, links followed, and only as much as the budget allows. A calendar that cannot be read is
//! taken out of the project, so that one mistake is told once. To add a format: its reading in [`dates_of`].

use std::path::Path;

use chrono::NaiveDate;

use crate::small_texts::{parse_date, shortened};
use crate::source_files::lines;
use crate::{Problem, Project, SourceFiles, Span, Spanned};

/// Wrong lines of one file that are told one by one.
const TOLD: usize = 20;

/// Where files beside the YAML come from.
pub(crate) enum Beside<'a> {
    /// The project's folder.
    Folder(&'a Path),
    /// Texts by path.
    Texts(&'a [(String, String)]),
}

/// Fills in the calendars that stand in files, which join `files` for positions.
pub(crate) fn read(project: &mut Project, files: &mut SourceFiles, beside: &Beside<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let roots: Vec<String> = project.data_roots.iter().map(|root| root.value.clone()).collect();
    project.calendars.retain(|_, calendar| {
        let Some(path) = &calendar.path else { return true };
        let text = match text_of(path, &roots, beside) {
            Ok(text) => text,
            Err(problem) => {
                problems.push(problem);
                return false;
            }
        };
        let index = files.add(path.value.clone(), text);
        let (dates, found) = dates_of(index, files.text(index), path);
        let sound = found.is_empty();
        problems.extend(found);
        calendar.dates = dates;
        sound
    });
    problems
}

fn text_of(path: &Spanned<String>, data_roots: &[String], beside: &Beside<'_>) -> Result<String, Problem> {
    match beside {
        Beside::Folder(root) => crate::folder::text_beside(root, data_roots, path),
        Beside::Texts(texts) => {
            let found = texts.iter().find(|(known, _)| *known == path.value);
            found.map(|(_, text)| text.clone()).ok_or_else(|| missing(path))
        }
    }
}

/// There is no such file.
pub(crate) fn missing(path: &Spanned<String>) -> Problem {
    let message = format!("there is no file `{}`", shortened(path));
    Problem::error("file_missing", path.span, message).hint("paths are relative to the project's folder")
}

/// The dates of a file, ascending, or what is wrong with it.
fn dates_of(file: u32, text: &str, path: &Spanned<String>) -> (Vec<NaiveDate>, Vec<Problem>) {
    let (mut dates, mut problems): (Vec<(NaiveDate, Span)>, Vec<Problem>) = (Vec::new(), Vec::new());
    let mut wrong = 0;
    for (number, line) in (1_u32..).zip(lines(text.trim_start_matches('\u{feff}'))) {
        let written = line.split('#').next().unwrap_or_default();
        let word = written.trim();
        if word.is_empty() {
            continue;
        }
        let indent = written.chars().take_while(|letter| letter.is_whitespace()).count();
        let size = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let span = Span { file, line: number, column: size(indent + 1), length: size(word.chars().count()) };
        match parse_date(word) {
            Some(date) => dates.push((date, span)),
            None => {
                wrong += 1;
                if wrong <= TOLD {
                    let message = format!("a line of a calendar must be a date, and `{}` is none", shortened(word));
                    let hint = "write year, month and day, e.g. `2026-12-25`; `#` begins a comment";
                    problems.push(Problem::error("bad_date", span, message).hint(hint));
                }
            }
        }
    }
    if wrong > TOLD {
        let message = format!("`{}` has {} more lines that are no dates", shortened(path), wrong - TOLD);
        problems.push(Problem::error("bad_date", path.span, message));
    }
    if dates.is_empty() && wrong == 0 {
        let problem = Problem::error("empty_list", path.span, format!("`{}` holds no date", shortened(path)));
        problems.push(problem.hint("write one date per line, e.g. `2026-12-25`"));
    }
    dates.sort_unstable();
    for pair in dates.windows(2).filter(|pair| pair[0].0 == pair[1].0).take(TOLD) {
        let message = format!("the calendar names {} twice", pair[1].0);
        problems.push(Problem::error("duplicate_item", pair[1].1, message).related(pair[0].1, "first here"));
    }
    (dates.into_iter().map(|(date, _)| date).collect(), problems)
}
