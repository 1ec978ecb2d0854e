//! `command`: runs a program of the user. The program and its arguments are a list: no shell reads them, and a value put
//! in by `${…}` stays one word. It sees a clean environment, its own `env` and the facts of the run as `DAYBREAK_…`;
//! what it prints is the task's log, and the JSON object that it writes to the file `DAYBREAK_OUTPUTS` are the task's outputs.
//! Must never hand a token or the server's environment on.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command as Program, ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use daybreak_core::{KindDefinition, ParameterDefinition, ParameterType};
use daybreak_protocol::{Assignment, TaskResult};
use daybreak_runtime::{MaskedStream, Task, TaskContext, TaskError, last_lines};
use daybreak_spec::Timestamp;
use serde::Deserialize;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::time::{Instant, sleep_until};

use crate::outputs_file::OutputsFile;

/// What checking and scheduling know of it.
pub static DEFINITION: KindDefinition = KindDefinition {
    name: "command",
    summary: "runs a program, without a shell; what it prints is the task's log, the JSON object in the file \
              DAYBREAK_OUTPUTS its outputs",
    parameters: &[
        ParameterDefinition {
            name: "argv",
            parameter_type: ParameterType::Argv,
            required: true,
            summary: "the program and its arguments, one list item each",
        },
        ParameterDefinition {
            name: "env",
            parameter_type: ParameterType::Environment,
            required: false,
            summary: "variables the program gets beside PATH, HOME and the DAYBREAK_… facts of the run; `secret://NAME` is a secret",
        },
        ParameterDefinition {
            name: "cwd",
            parameter_type: ParameterType::Path,
            required: false,
            summary: "the folder it runs in, relative to the project or below one of its data_roots; the project itself \
                      when left out",
        },
    ],
    heavy: true,
    side_effects: true,
    gated: false,
    reads: &[],
    makes: &[],
    rules: &[],
};

/// How much of the newest output is kept for the reason of a failure, and how many lines of it are shown.
const TAIL_BYTES: usize = 4 << 10;
const TAIL_LINES: usize = 10;
/// How long output of a program that has ended may still be under way (something it left running may hold the pipe).
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// The task.
pub struct Command;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    argv: Vec<Word>,
    #[serde(default)]
    env: BTreeMap<String, Word>,
    cwd: Option<String>,
}

/// A word as the program sees it; numbers and flags come from `${…}` and from YAML without quotes.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "words have to be text, numbers or true/false")]
enum Word {
    Text(String),
    Whole(i64),
    Number(f64),
    Flag(bool),
}

impl Word {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

#[async_trait]
impl Task for Command {
    fn definition(&self) -> &'static KindDefinition {
        &DEFINITION
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let parameters: Parameters = context.parameters()?;
        let argv: Vec<String> = parameters.argv.into_iter().map(Word::into_text).collect();
        let (name, arguments) = argv
            .split_first()
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| TaskError::lasting("`argv` names no program: write it as the first item of the list"))?;
        let mut program = context.program(name, arguments);
        let data_roots = context.project.data_roots.iter().map(|root| root.as_str());
        program.current_dir(folder(&context.assignment.project_root, data_roots, parameters.cwd.as_deref())?);
        program.envs(parameters.env.into_iter().map(|(name, word)| (name, word.into_text())));
        program.envs(facts(&context.assignment));
        let secrets = context.secrets_of("env")?;
        program.envs(secrets.iter().map(|(name, secret)| (name, secret.expose())));
        let outputs = OutputsFile::new(&context.data_dir, &context.assignment)?;
        program.env("DAYBREAK_OUTPUTS", &outputs.path);
        let (status, output) = run(program, context.masked(), &|bytes| context.log_output(bytes))
            .await
            .map_err(|error| TaskError::lasting(format!("`{name}` could not be started: {error}")))?;
        if !status.success() {
            return Err(failure(&argv, status, &output));
        }
        Ok(TaskResult { outputs: outputs.read()?, ..TaskResult::default() })
    }
}

/// The folder the program runs in: inside the project or a data root, wherever symbolic links lead.
fn folder<'a>(
    project: &Path,
    data_roots: impl Iterator<Item = &'a str>,
    cwd: Option<&str>,
) -> Result<PathBuf, TaskError> {
    let Some(cwd) = cwd else { return Ok(project.to_path_buf()) };
    let asked = project.join(cwd);
    let there = |error: io::Error| {
        TaskError::lasting(format!(
            "the folder {} that the program is to run in is not there: {error}",
            asked.display()
        ))
    };
    let folder = asked.canonicalize().map_err(there)?;
    let allowed = std::iter::once(project.to_path_buf()).chain(data_roots.map(|root| project.join(root)));
    if !allowed.filter_map(|root| root.canonicalize().ok()).any(|root| folder.starts_with(root)) {
        return Err(TaskError::lasting(format!(
            "`cwd: {cwd}` is {}, outside the project and its `data_roots`: name a folder inside, or declare its folder there",
            folder.display()
        )));
    }
    if !folder.is_dir() {
        return Err(TaskError::lasting(format!("{} that the program is to run in is no folder", folder.display())));
    }
    Ok(folder)
}

/// What the program may know of its run.
fn facts(assignment: &Assignment) -> Vec<(&'static str, String)> {
    let instant = |instant: Option<Timestamp>| instant.map(|instant| instant.to_string()).unwrap_or_default();
    vec![
        ("DAYBREAK_RUN_ID", assignment.run_id.clone()),
        ("DAYBREAK_DAG", assignment.dag.to_string()),
        ("DAYBREAK_TASK", assignment.task.to_string()),
        ("DAYBREAK_ATTEMPT", assignment.attempt.to_string()),
        ("DAYBREAK_SCHEDULED_FOR", instant(assignment.scheduled_for)),
        ("DAYBREAK_WINDOW_START", instant(assignment.window_start)),
        ("DAYBREAK_WINDOW_END", instant(Some(assignment.window_end))),
        ("DAYBREAK_PROJECT_ROOT", assignment.project_root.display().to_string()),
    ]
}

/// Runs a program to its end, hands its output on as it comes, and returns how it ended and the newest output.
async fn run(
    mut program: Program,
    mut masked: MaskedStream,
    hand_on: &(dyn Fn(&[u8]) + Sync),
) -> io::Result<(ExitStatus, String)> {
    let (output, output_of_program) = io::pipe()?;
    program.stdin(Stdio::null());
    program.stdout(output_of_program.try_clone()?).stderr(output_of_program);
    let mut program = tokio::process::Command::from(program);
    let mut child = program.spawn()?;
    // The command holds our copies of the writing end; without them the output ends when the last writer does.
    drop(program);
    let mut output = pipe::Receiver::from_owned_fd(OwnedFd::from(output))?;
    let (mut buffer, mut tail, mut ended) = (vec![0; 64 << 10], Vec::new(), None);
    let mut give_up = Instant::now();
    loop {
        tokio::select! {
            read = output.read(&mut buffer) => match read? {
                0 => break,
                read => {
                    let shown = masked.push(&buffer[..read]);
                    hand_on(&shown);
                    keep(&mut tail, &shown);
                }
            },
            status = child.wait(), if ended.is_none() => {
                ended = Some(status?);
                give_up = Instant::now() + LAST_OUTPUT;
            }
            () = sleep_until(give_up), if ended.is_some() => break,
        }
    }
    let status = match ended {
        Some(status) => status,
        None => child.wait().await?,
    };
    let last = masked.finish();
    hand_on(&last);
    keep(&mut tail, &last);
    Ok((status, String::from_utf8_lossy(&tail).into_owned()))
}

/// Keeps the newest output.
fn keep(tail: &mut Vec<u8>, shown: &[u8]) {
    tail.extend_from_slice(shown);
    tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
}

fn failure(argv: &[String], status: ExitStatus, output: &str) -> TaskError {
    use std::os::unix::process::ExitStatusExt as _;
    let program = argv.join(" ");
    let shown: String = program.chars().take(200).collect();
    let (cause, how) = match (status.code(), status.signal()) {
        (Some(code), _) => (format!("exit_{code}").into(), format!("ended with exit code {code}")),
        (None, signal) => ("task_error".into(), format!("was ended by signal {}", signal.unwrap_or_default())),
    };
    let last = last_lines(output, TAIL_LINES);
    let said = if last.is_empty() { "it printed nothing".to_owned() } else { format!("its last output:\n{last}") };
    TaskError { cause, ..TaskError::passing(format!("`{shown}` {how}; {said}")) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use super::*;

    fn shell(script: &str) -> Program {
        let mut program = Program::new("sh");
        program.args(["-c", script]);
        program
    }

    async fn ran(program: Program) -> (ExitStatus, String, String) {
        let log = Mutex::new(Vec::new());
        let hand_on = |bytes: &[u8]| log.lock().expect("one writer").extend_from_slice(bytes);
        let (status, tail) = run(program, MaskedStream::default(), &hand_on).await.expect("starts");
        (status, tail, String::from_utf8(log.into_inner().expect("one writer")).expect("text"))
    }

    #[tokio::test]
    async fn both_outputs_become_the_log_in_their_order() {
        let (status, _, log) = ran(shell("echo one; echo two >&2; echo three")).await;
        assert!(status.success());
        assert_eq!(log, "one\ntwo\nthree\n");
    }

    #[tokio::test]
    async fn a_failing_program_fails_with_its_last_lines() {
        let (status, tail, _) =
            ran(shell("i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; exit 3")).await;
        let error = failure(&["train.py".to_owned(), "--fast".to_owned()], status, &tail);
        assert!(error.reason.starts_with("`train.py --fast` ended with exit code 3"), "{}", error.reason);
        assert_eq!(error.cause, "exit_3");
        assert!(error.reason.ends_with("line 4998\nline 4999") && error.reason.contains("line 4990\n"));
        assert!(!error.reason.contains("line 4989") && error.retry);
    }

    #[tokio::test]
    async fn a_signal_is_named() {
        let (status, tail, _) = ran(shell("kill -9 $$")).await;
        let error = failure(&["sh".to_owned()], status, &tail);
        assert_eq!(error.reason, "`sh` was ended by signal 9; it printed nothing");
        assert_eq!(error.cause, "task_error");
    }

    #[tokio::test]
    async fn something_left_in_the_background_does_not_hold_the_task_up() {
        let begun = std::time::Instant::now();
        let (status, _, log) = ran(shell("sleep 20 & echo $!")).await;
        assert!(status.success() && begun.elapsed() < Duration::from_secs(10));
        Program::new("kill").arg(log.trim()).status().expect("cleared up");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_cannot_be_started() {
        let error =
            run(Program::new("no-such-program-here"), MaskedStream::default(), &|_| {}).await.expect_err("not there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_folder_outside_the_project_and_its_data_roots_is_refused_wherever_links_lead() {
        let place = tempfile::tempdir().expect("a folder");
        let (project, data) = (place.path().join("project"), place.path().join("data"));
        for folder in [project.join("a"), data.join("b"), place.path().join("other")] {
            fs::create_dir_all(folder).expect("made");
        }
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, project.join(name)).expect("linked");
        link(&place.path().join("other"), "out");
        link(&data.join("b"), "in_data");
        fs::write(project.join("file"), "").expect("written");
        let found = |cwd: &str| folder(&project, ["../data"].into_iter(), Some(cwd));
        let real = |path: PathBuf| path.canonicalize().expect("it is there");
        assert_eq!(folder(&project, std::iter::empty(), None).expect("the project"), project);
        for (cwd, expected) in [("a", project.join("a")), ("../data/b", data.join("b")), ("in_data", data.join("b"))] {
            assert_eq!(found(cwd).expect(cwd), real(expected), "{cwd}");
        }
        for cwd in ["..", "a/../..", "/etc", "out", "../other"] {
            let error = found(cwd).expect_err(cwd);
            assert!(error.reason.contains("outside the project and its `data_roots`") && !error.retry, "{error}");
        }
        assert!(found("not-there").expect_err("nothing").reason.contains("is not there"));
        assert!(found("file").expect_err("a file").reason.contains("no folder"));
        let none = folder(&project, std::iter::empty(), Some("in_data"));
        assert!(none.is_err(), "without data roots the link leads outside");
    }

    #[test]
    fn numbers_and_flags_are_words_and_lists_are_not() {
        let read = |text: &str| serde_json::from_str::<Parameters>(text);
        let parameters = read(r#"{"argv": ["run", 5, 0.5, true, "${x}"], "env": {"N": 1}}"#).expect("words");
        let words: Vec<_> = parameters.argv.into_iter().map(Word::into_text).collect();
        assert_eq!(words, ["run", "5", "0.5", "true", "${x}"]);
        let error = read(r#"{"argv": ["run", ["deep"]]}"#).expect_err("a list in a list");
        assert!(error.to_string().contains("text, numbers or true/false"), "{error}");
        assert!(read(r#"{"argv": ["run"], "shell": true}"#).is_err());
    }
}
