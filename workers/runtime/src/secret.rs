//! Secrets: `secret://NAME` in a project stands for a value that only the worker has. It is looked up when an attempt
//! begins, in the worker's environment and then in a folder of files, and handed to the task's process in memory.
//! Nothing here can be printed or serialised by accident; the one way to the value is [`Secret::expose`]. To add a
//! place where secrets come from: a field of [`SecretSource`] and a line in its `get`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use daybreak_spec::{Name, Node, NodeValue, SecretMention, Task};

use crate::TaskError;

/// What a variable of the worker that holds a secret begins with.
const PREFIX: &str = "DAYBREAK_SECRET_";
/// A shorter one could not be told from other text in a log.
const LEAST_BYTES: usize = 4;
const MOST_BYTES: u64 = 64 << 10;

/// A value that is neither shown nor written anywhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Takes a value in.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for whoever hands it on to a program or a server.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

/// Where a worker finds secrets.
#[derive(Clone, Default)]
pub struct SecretSource {
    environment: BTreeMap<String, Secret<OsString>>,
    folder: Option<PathBuf>,
}

impl SecretSource {
    /// From the process's variables, and a folder of files whose names are the secrets'. The folder goes before the one
    /// that a project names.
    pub fn new(variables: impl Iterator<Item = (OsString, OsString)>, folder: Option<PathBuf>) -> Self {
        let ours = |(name, value): (OsString, OsString)| {
            let name = name.to_str().filter(|name| name.starts_with(PREFIX))?.to_owned();
            Some((name, Secret::new(value)))
        };
        Self { environment: variables.filter_map(ours).collect(), folder }
    }

    /// All secrets that a task refers to.
    ///
    /// # Errors
    /// One that names every secret that cannot be had, and what to do.
    pub(crate) fn of_task(&self, task: &Task, project_folder: Option<&Path>) -> Result<Secrets, TaskError> {
        let folder = self.folder.as_deref().or(project_folder);
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        for (_, node) in &task.parameters {
            for name in names_in(node) {
                match self.get(&name, folder) {
                    Ok(secret) => drop(found.insert(name, secret)),
                    Err(why) => missing.push(why),
                }
            }
        }
        missing.sort();
        missing.dedup();
        if missing.is_empty() {
            return Ok(Secrets(found));
        }
        Err(TaskError { cause: "missing_secret".into(), ..TaskError::lasting(missing.join("; ")) })
    }

    fn get(&self, name: &Name, folder: Option<&Path>) -> Result<Secret<String>, String> {
        let variable = variable(name);
        let (place, text) = match (self.environment.get(&variable), folder) {
            (Some(value), _) => {
                let text = value.expose().to_str().ok_or(format!("the secret `{name}` in {variable} is not UTF-8"))?;
                (variable, text.to_owned())
            }
            (None, Some(folder)) => {
                let file = folder.join(name.as_str());
                let text = read(&file).map_err(|why| {
                    format!("the secret `{name}` is not there: {variable} is not set for the worker, and {why}")
                })?;
                (file.display().to_string(), text)
            }
            (None, None) => {
                return Err(format!(
                    "the secret `{name}` is not there: set {variable} for the worker, or name a folder of files with \
                     `secrets: {{ folder: … }}` in daybreak.yaml"
                ));
            }
        };
        if text.len() < LEAST_BYTES {
            return Err(format!(
                "the secret `{name}` in {place} is shorter than {LEAST_BYTES} bytes, too short to be kept out of logs"
            ));
        }
        if text.contains('\0') {
            return Err(format!("the secret `{name}` in {place} holds a zero byte, which no program can be given"));
        }
        Ok(Secret::new(text))
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets in the environment, folder {:?}", self.environment.len(), self.folder)
    }
}

/// The variable of a secret: `api-key` is in `DAYBREAK_SECRET_API_KEY`.
fn variable(name: &Name) -> String {
    format!("{PREFIX}{}", name.as_str().to_ascii_uppercase().replace('-', "_"))
}

/// A file that only its owner may read; one line end at its end is no part of the secret.
fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    // What is looked at is what is read, also where somebody changes the path meanwhile.
    let file = File::open(path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let metadata = file.metadata().map_err(|error| format!("{shown} cannot be looked at: {error}"))?;
    if !metadata.is_file() {
        return Err(format!("{shown} is no regular file"));
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(format!("{shown} can be read by others than its owner: chmod 600 {shown}"));
    }
    let mut text = String::new();
    let read = file.take(MOST_BYTES + 1).read_to_string(&mut text);
    read.map_err(|_| format!("{shown} is not UTF-8 text"))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(format!("{shown} is larger than {MOST_BYTES} bytes"));
    }
    let without = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    Ok(without.map_or_else(|| text.clone(), str::to_owned))
}

/// The secrets that a value refers to, however deep.
fn names_in(node: &Node) -> Vec<Name> {
    match &node.value {
        NodeValue::Text(text) => match SecretMention::of(text) {
            SecretMention::Reference(name) => vec![name],
            SecretMention::None | SecretMention::Inside => Vec::new(),
        },
        NodeValue::List(items) => items.iter().flat_map(names_in).collect(),
        NodeValue::Map(entries) => entries.iter().flat_map(|(_, value)| names_in(value)).collect(),
        NodeValue::Null | NodeValue::Bool(_) | NodeValue::Int(_) | NodeValue::Float(_) => Vec::new(),
    }
}

/// The secrets of one attempt.
#[derive(Clone, Default)]
pub struct Secrets(BTreeMap<Name, Secret<String>>);

impl Secrets {
    /// The secret of that name.
    pub(crate) fn get(&self, name: &Name) -> Option<&Secret<String>> {
        self.0.get(name)
    }

    /// Their values, for those who keep them out of logs.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|secret| secret.expose().as_str())
    }

    /// As the line that goes to the task's own process, through a socket and nowhere else.
    pub(crate) fn to_line(&self) -> Vec<u8> {
        let exposed: BTreeMap<&str, &str> =
            self.0.iter().map(|(name, secret)| (name.as_str(), secret.expose().as_str())).collect();
        crate::wire::line(&exposed)
    }

    /// Reads that line.
    pub(crate) fn of_line(line: &str) -> Result<Self, serde_json::Error> {
        let exposed: BTreeMap<Name, String> = serde_json::from_str(line)?;
        Ok(Self(exposed.into_iter().map(|(name, value)| (name, Secret::new(value))).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).expect("a name")
    }

    fn source(folder: Option<&Path>) -> SecretSource {
        let variables =
            [("DAYBREAK_SECRET_API_KEY", "from-environment"), ("PATH", "/bin"), ("DAYBREAK_SECRET_PIN", "123")];
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        SecretSource::new(variables, folder.map(Path::to_path_buf))
    }

    fn got(source: &SecretSource, secret: &str, folder: Option<&Path>) -> Result<String, String> {
        source.get(&name(secret), folder).map(|secret| secret.expose().clone())
    }

    fn write(folder: &Path, secret: &str, content: &str, mode: u32) {
        let path = folder.join(secret);
        std::fs::write(&path, content).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
    }

    #[test]
    fn the_environment_goes_before_files_and_a_last_line_end_is_no_part() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "api-key", "from-file", 0o600);
        write(folder.path(), "token", "two\nlines\r\n", 0o400);
        let source = source(None);
        let at = Some(folder.path());
        assert_eq!(got(&source, "api-key", at).as_deref(), Ok("from-environment"));
        assert_eq!(got(&source, "token", at).as_deref(), Ok("two\nlines"));
    }

    #[test]
    fn a_secret_that_cannot_be_had_says_where_it_was_looked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "open", "readable", 0o640);
        let (source, at) = (source(None), Some(folder.path()));
        for (secret, folder, words) in [
            ("nowhere", None, &["`nowhere`", "DAYBREAK_SECRET_NOWHERE", "secrets: { folder"][..]),
            ("nowhere", at, &["DAYBREAK_SECRET_NOWHERE", "/nowhere cannot be read"]),
            ("open", at, &["others than its owner", "chmod 600"]),
            ("pin", None, &["`pin`", "shorter than 4"]),
        ] {
            let why = got(&source, secret, folder).expect_err(secret);
            assert!(words.iter().all(|word| why.contains(word)), "{why}");
            assert!(!why.contains("readable") && !why.contains("123"), "the value is never told: {why}");
        }
    }

    #[test]
    fn all_secrets_that_are_missing_are_told_at_once_and_trying_again_does_not_help() {
        let texts = [(
            "daybreak.yaml".to_owned(),
            "version: 1\ndags:\n  d:\n    tasks:\n      t: { kind: command, env: { A: secret://one, B: secret://api-key, \
             C: secret://two, D: plain } }\n"
                .to_owned(),
        )];
        let loaded = daybreak_spec::load_texts(Path::new("/p"), texts);
        let task = &loaded.project.dags["d"].tasks["t"];
        let Err(error) = source(None).of_task(task, None) else { panic!("two are missing") };
        assert_eq!((error.cause.as_ref(), error.retry), ("missing_secret", false));
        assert!(error.reason.contains("`one`") && error.reason.contains("`two`"), "{}", error.reason);
        assert!(!error.reason.contains("api-key"), "{}", error.reason);
    }

    #[test]
    fn nothing_that_holds_secrets_shows_them() {
        assert!(!format!("{:?}", source(None)).contains("from-environment"));
        let secrets = Secrets(BTreeMap::from([(name("a"), Secret::new("hidden\n\"x\"".to_owned()))]));
        let line = String::from_utf8(secrets.to_line()).expect("text");
        let read = Secrets::of_line(&line).expect("its own form");
        assert_eq!(read.get(&name("a")).map(|secret| secret.expose().as_str()), Some("hidden\n\"x\""));
    }
}
