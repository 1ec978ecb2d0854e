//! What a task sees while it runs: its assignment, the project as it was when the run began, the stores, a log. A task
//! asks for nothing else; in particular not for the time.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use daybreak_artifacts::{Artifacts, Bucket};
use daybreak_core::ScheduleCompiler;
use daybreak_protocol::{Assignment, Orchestrator};
use daybreak_spec::{Dag, NodeValue, Project, SecretMention, Task, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::mask::{Mask, MaskedStream};
use crate::supervise::ShimArguments;
use crate::wire::SHIM_COMMAND;
use crate::{AttemptLog, Secret, Secrets, TaskError, project, substitute};

/// At most one line of progress in this time.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// What one attempt works with.
pub struct TaskContext {
    /// The attempt: run, window, fence, outputs of earlier tasks.
    pub assignment: Assignment,
    /// The project as it was when the run began.
    pub project: Arc<Project>,
    /// Objects: builds, models.
    pub artifacts: Artifacts,
    /// The server, as this attempt may see it.
    pub orchestrator: Arc<dyn Orchestrator>,
    /// The state folder (online store, temporary files).
    pub data_dir: PathBuf,
    /// How buckets are asked, name and prefix apart, in the worker's own process; none: not at all.
    pub buckets: Option<Bucket>,
    log: Option<AttemptLog>,
    secrets: Secrets,
    /// The binary whose shim starts programs so that they end with this process.
    shim: Option<PathBuf>,
    cancel: Cancel,
    progress_said: Mutex<Option<Instant>>,
}

/// Whether an attempt has been told to end. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl TaskContext {
    /// A context whose log is this process's stdout, as in a child.
    pub fn new(
        assignment: Assignment,
        project: Arc<Project>,
        artifacts: Artifacts,
        orchestrator: Arc<dyn Orchestrator>,
        data_dir: PathBuf,
    ) -> Self {
        let (cancel, progress_said) = (Cancel::default(), Mutex::new(None));
        Self {
            assignment,
            project,
            artifacts,
            orchestrator,
            data_dir,
            buckets: None,
            log: None,
            secrets: Secrets::default(),
            shim: None,
            cancel,
            progress_said,
        }
    }

    /// The same with a log file, as for a task in the worker's own process.
    pub fn logging_to(self, log: impl Into<AttemptLog>) -> Self {
        Self { log: Some(log.into()), ..self }
    }

    pub(crate) fn asking_buckets(self, buckets: Option<Bucket>) -> Self {
        Self { buckets, ..self }
    }

    pub(crate) fn with_secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// The secrets in a parameter that is a map, by the map's keys. Only what stands in the project itself is a
    /// reference; a value that came with the run never is.
    ///
    /// # Errors
    /// When the snapshot does not hold the task, or a secret that it names was not handed to this process.
    pub fn secrets_of(&self, parameter: &str) -> Result<Vec<(String, Secret<String>)>, TaskError> {
        let Some(NodeValue::Map(entries)) = self.declaration()?.parameter(parameter).map(|node| &node.value) else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for (key, node) in entries {
            let Some(SecretMention::Reference(name)) = node.as_text().map(SecretMention::of) else { continue };
            let secret = self.secrets.get(&name);
            let secret =
                secret.ok_or_else(|| TaskError::lasting(format!("the secret `{name}` did not reach the task")))?;
            found.push((key.value.clone(), secret.clone()));
        }
        Ok(found)
    }

    /// Keeps this attempt's secrets out of output that comes in pieces.
    pub fn masked(&self) -> MaskedStream {
        MaskedStream::new(Mask::of(&self.secrets))
    }

    pub(crate) fn starting_programs_by(self, executable: PathBuf) -> Self {
        Self { shim: Some(executable), ..self }
    }

    /// A command for a program of the user. In a child process the kernel ends the program when the child dies, however
    /// that happens.
    pub fn program(&self, program: &str, arguments: &[String]) -> Command {
        let Some(shim) = &self.shim else {
            let mut command = Command::new(program);
            command.args(arguments);
            return command;
        };
        let mut argv = vec![OsString::from(program)];
        argv.extend(arguments.iter().map(OsString::from));
        let mut command = Command::new(shim);
        command.arg(SHIM_COMMAND).args(ShimArguments::become_program(argv).encode());
        command
    }

    /// The DAG of the run.
    ///
    /// # Errors
    /// When the snapshot does not hold it.
    pub fn dag(&self) -> Result<&Dag, TaskError> {
        project::dag(&self.project, &self.assignment)
    }

    /// This task as it was declared.
    ///
    /// # Errors
    /// When the snapshot does not hold it.
    pub fn declaration(&self) -> Result<&Task, TaskError> {
        project::task(&self.project, &self.assignment)
    }

    /// The task's parameters with `${…}` replaced, in the kind's own type. What was left out is up to the type's
    /// defaults; where it is a list, one value may stand alone only if the type says so.
    ///
    /// # Errors
    /// When a reference has no value in this run, or a value does not fit the type: the message names the parameter.
    pub fn parameters<T: DeserializeOwned>(&self) -> Result<T, TaskError> {
        let parameters = Json::Object(self.parameters_json()?);
        serde_json::from_value(parameters).map_err(|error| {
            let Assignment { dag, task, kind, .. } = &self.assignment;
            TaskError::lasting(format!("the parameters of task `{task}` ({kind}) of DAG `{dag}` do not fit: {error}"))
        })
    }

    /// The task's parameters with `${…}` replaced, as plain JSON. A text that is one reference and nothing else becomes
    /// the value itself, a number stays a number.
    ///
    /// # Errors
    /// When a reference has no value in this run.
    pub fn parameters_json(&self) -> Result<Map<String, Json>, TaskError> {
        rendered_parameters(self.declaration()?, &self.assignment)
    }

    /// The instants at which this task's DAG fires in `[from, to]`, oldest first, also those before its `start` and
    /// after its `end`: the schedule extended backwards, on which a model's history stands. Empty without a schedule.
    ///
    /// # Errors
    /// When the snapshot does not hold the DAG or its schedule cannot be read.
    pub fn firings_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Timestamp>, TaskError> {
        let firings = ScheduleCompiler::of(&self.project).nominal(self.dag()?).map_err(|problems| {
            let messages: Vec<_> = problems.into_iter().map(|problem| problem.message).collect();
            TaskError::lasting(format!("the schedule of `{}`: {}", self.assignment.dag, messages.join("; ")))
        })?;
        Ok(firings.extended_between(from, to))
    }

    /// Writes a line to the attempt's log.
    pub fn log(&self, line: &str) {
        self.log_output(format!("{line}\n").as_bytes());
    }

    /// Writes output of another program to the attempt's log, in chunks cut anywhere.
    pub fn log_output(&self, bytes: &[u8]) {
        match &self.log {
            Some(log) => log.bytes(bytes),
            // A log that takes no more is no reason to fail.
            None => {
                let mut stdout = std::io::stdout().lock();
                let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
            }
        }
    }

    /// Says how far the task is, e.g. `views built: 3 of 4`. The log gets at most one such line a second, and always the
    /// last one.
    pub fn progress(&self, what: &str, done: u64, total: u64) {
        let mut said = self.progress_said.lock().unwrap_or_else(PoisonError::into_inner);
        if done >= total || said.is_none_or(|said| said.elapsed() >= PROGRESS_EVERY) {
            *said = Some(Instant::now());
            self.log(&format!("{what}: {done} of {total}"));
        }
    }

    /// Whether the attempt has been told to end. A task that runs long in one piece looks now and then and returns.
    pub fn cancelled(&self) -> bool {
        self.cancel.0.load(Ordering::Acquire)
    }

    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }
}

/// The parameters of a task as an attempt is given them: `${…}` replaced by this run's values.
///
/// # Errors
/// When a reference has no value in this run.
pub fn rendered_parameters(task: &Task, assignment: &Assignment) -> Result<Map<String, Json>, TaskError> {
    let mut parameters = Map::new();
    for (name, node) in &task.parameters {
        let value = substitute::in_value(&node.to_json(), assignment)
            .map_err(|problem| TaskError::lasting(format!("parameter `{}`: {problem}", name.value)))?;
        parameters.insert(name.value.clone(), value);
    }
    Ok(parameters)
}
