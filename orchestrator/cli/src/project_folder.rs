//! Reading the project's folder: its declarations and its texts, while `daybreak check` in a child process says whether
//! anything is wrong with it, so that no server holds what a check needs.

use std::collections::BTreeMap;
use std::process::Stdio;

use daybreak_protocol::{DeclaredAt, Fault, FeatureColumn, ProjectFile, ProjectFiles};
use daybreak_server::{Found, ReadProject, Unsound};
use daybreak_spec::{Loaded, Name, Severity, SourceFiles, Span};
use serde::Deserialize;

use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::machine::own_binary;

/// Why a project is not read.
pub enum Unread {
    /// Its files are wrong.
    Unsound(Unsound),
    /// They could not be looked at.
    Failed(Failure),
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Unread> for Failure {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Unsound(unsound) => Self::configuration(unsound.words),
            Unread::Failed(failure) => failure,
        }
    }
}

impl From<Unread> for Unsound {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Unsound(unsound) => unsound,
            Unread::Failed(failure) => Self::of_all("unreadable_project", failure.message),
        }
    }
}

/// Reads a project that has no problem.
pub fn load_project(home: &Home) -> Result<ReadProject, Unread> {
    let check = std::process::Command::new(own_binary()?)
        .args(["check", "--for-server", "--json"])
        .arg(&home.project)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Failure::input_output("cannot start the check of the project", error))?;
    let loaded = daybreak_spec::load(&home.project);
    let check = check
        .wait_with_output()
        .map_err(|error| Failure::input_output("cannot wait for the check of the project", error))?;
    if !check.status.success() {
        return Err(Unread::Unsound(unsound(&check.stdout, &check.stderr)));
    }
    let loaded = loaded.map_err(Failure::configuration)?;
    let found = found(&loaded, &check.stdout);
    Ok(ReadProject { project: loaded.project, files: texts_of(&loaded.files), found })
}

/// Where its DAGs stand, and what the check has printed of its views.
fn found(loaded: &Loaded, stdout: &[u8]) -> Found {
    let declared = |span: Span| DeclaredAt { file: loaded.files.path(span.file).to_owned(), line: span.line };
    let dags = loaded.project.dags.iter().map(|(name, dag)| (name.clone(), declared(dag.span))).collect();
    let told: Option<ToldFeatures> = serde_json::from_slice(stdout).ok();
    Found { dags, features: told.map(|told| told.features).unwrap_or_default() }
}

/// The texts of the folder as they are now, right or wrong.
pub fn texts(home: &Home) -> Outcome<ProjectFiles> {
    Ok(texts_of(&daybreak_spec::load(&home.project).map_err(Failure::configuration)?.files))
}

fn texts_of(files: &SourceFiles) -> ProjectFiles {
    let all = (0_u32..).take(files.len());
    ProjectFiles::of(
        all.map(|file| ProjectFile { path: files.path(file).to_owned(), text: files.text(file).to_owned() }).collect(),
    )
}

/// What the check prints of a sound project.
#[derive(Deserialize)]
struct ToldFeatures {
    features: BTreeMap<Name, Vec<FeatureColumn>>,
}

/// What it prints of another one.
#[derive(Deserialize)]
struct Told {
    text: String,
    problems: Vec<ToldProblem>,
}

#[derive(Deserialize)]
struct ToldProblem {
    code: String,
    severity: Severity,
    message: String,
    file: Option<String>,
    line: u32,
    column: u32,
    hint: Option<String>,
}

/// Faults that are told one by one; the words have them all.
const MOST_FAULTS: usize = 500;

/// What a check that found something has printed; one that could not be made says why in words alone.
fn unsound(stdout: &[u8], stderr: &[u8]) -> Unsound {
    let words = |text: &str| format!("the project has problems\n{}", text.trim_end());
    let Ok(Told { text, problems }) = serde_json::from_slice(stdout) else {
        let printed = String::from_utf8_lossy(stdout).into_owned() + &String::from_utf8_lossy(stderr);
        return Unsound::of_all("unreadable_project", words(&printed));
    };
    let fault = |problem: ToldProblem| Fault {
        code: problem.code,
        severity: problem.severity,
        message: problem.message,
        line: problem.file.is_some().then_some(problem.line),
        column: problem.file.is_some().then_some(problem.column),
        file: problem.file,
        help: problem.hint,
    };
    Unsound { words: words(&text), faults: problems.into_iter().take(MOST_FAULTS).map(fault).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_check_tells_is_told_one_by_one() {
        let told = br#"{"ok": false, "secrets": {}, "text": "error[cycle]: a needs a\n", "problems": [
            {"code": "cycle", "severity": "error", "message": "a needs a", "hint": "leave it out", "file": "dags.yaml",
             "line": 3, "column": 5, "length": 1, "related": []},
            {"code": "unused", "severity": "warning", "message": "nobody reads it", "hint": null, "file": null,
             "line": 0, "column": 0, "length": 0, "related": []}]}"#;
        let Unsound { words, faults } = unsound(told, b"");
        assert_eq!(words, "the project has problems\nerror[cycle]: a needs a");
        let place = |fault: &Fault| (fault.code.clone(), fault.file.clone(), fault.line, fault.column);
        assert_eq!(place(&faults[0]), ("cycle".to_owned(), Some("dags.yaml".to_owned()), Some(3), Some(5)));
        assert_eq!(place(&faults[1]), ("unused".to_owned(), None, None, None));
        assert_eq!((faults[0].help.as_deref(), faults[1].severity), (Some("leave it out"), Severity::Warning));
    }

    #[test]
    fn what_reading_finds_beside_the_declarations_is_kept() {
        let dags = "dags:\n  nightly:\n    tasks:\n      a: { kind: noop }\n".to_owned();
        let texts = [("daybreak.yaml".to_owned(), "version: 1\n".to_owned()), ("dags/a.yaml".to_owned(), dags)];
        let loaded = daybreak_spec::load_texts(std::path::Path::new("/project"), texts);
        let told = br#"{"ok": true, "problems": [], "features": {"weather": [{"name": "temp", "type": "f64"}]}}"#;
        let found = found(&loaded, told);
        let dag: Vec<_> = found.dags.iter().map(|(name, at)| (name.as_str(), at.file.as_str(), at.line)).collect();
        assert_eq!(dag, [("nightly", "dags/a.yaml", 2)]);
        let features: Vec<_> = found.features.values().flatten().map(|column| column.name.as_str()).collect();
        assert_eq!(features, ["temp"]);
    }

    #[test]
    fn a_check_that_could_not_be_made_is_one_fault() {
        let Unsound { words, faults } = unsound(b"", b"daybreak: no such folder\n");
        assert_eq!(words, "the project has problems\ndaybreak: no such folder");
        assert_eq!((faults.len(), faults[0].code.as_str()), (1, "unreadable_project"));
    }
}
