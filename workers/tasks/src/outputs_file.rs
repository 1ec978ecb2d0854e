//! The file that a program writes what it hands on to: a JSON object of at most 64 KiB. Must never follow a link or wait for
//! a pipe.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use daybreak_core::MAX_OUTPUTS_BYTES;
use daybreak_protocol::Assignment;
use daybreak_runtime::TaskError;
use serde_json::{Map, Value as Json};

/// The file that a program writes its outputs to; gone with this value.
pub(crate) struct OutputsFile {
    pub path: PathBuf,
}

impl OutputsFile {
    pub fn new(data_dir: &Path, assignment: &Assignment) -> Result<Self, TaskError> {
        let folder = data_dir.join("outputs");
        fs::create_dir_all(&folder).map_err(|error| {
            TaskError::passing(format!("the folder {} for outputs cannot be made: {error}", folder.display()))
        })?;
        let path = folder.join(format!("{}.{}.json", assignment.task_run_id, assignment.fence));
        Ok(Self { path })
    }

    /// What the program wrote; nothing where it wrote nothing.
    pub fn read(&self) -> Result<Map<String, Json>, TaskError> {
        let unread = |error: io::Error| TaskError::lasting(format!("its DAYBREAK_OUTPUTS cannot be read: {error}"));
        // What it wrote is a file of its own: not a pipe that nobody ends, not a link to somewhere else.
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => {
                return Err(TaskError::lasting("its DAYBREAK_OUTPUTS is no plain file: write the JSON object into it"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
            Err(error) => return Err(unread(error)),
        }
        // One byte more than is handed on tells that it is too much, and nobody reads a flood.
        let limit = MAX_OUTPUTS_BYTES as u64 + 1;
        let mut text = Vec::new();
        fs::File::open(&self.path).and_then(|file| file.take(limit).read_to_end(&mut text)).map_err(unread)?;
        if text.len() > MAX_OUTPUTS_BYTES {
            return Err(TaskError::lasting(format!(
                "its DAYBREAK_OUTPUTS is larger than the {MAX_OUTPUTS_BYTES} bytes that are handed on: write what is \
                 large to a file or an artefact and hand on its name"
            )));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        serde_json::from_slice(&text).map_err(|error| {
            TaskError::lasting(format!("its DAYBREAK_OUTPUTS is no JSON object such as {{\"rows\": 5}}: {error}"))
        })
    }
}

impl Drop for OutputsFile {
    fn drop(&mut self) {
        // Where it was never written, or cannot be taken away, nothing depends on that.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(write: impl FnOnce(&Path)) -> Result<Map<String, Json>, TaskError> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = OutputsFile { path: folder.path().join("outputs.json") };
        write(&file.path);
        let read = file.read();
        let path = file.path.clone();
        drop(file);
        assert!(fs::symlink_metadata(path).is_err(), "it is taken away");
        read
    }

    #[test]
    fn outputs_are_the_json_object_that_the_program_wrote() {
        assert_eq!(read_of(|_| {}).expect("nothing"), Map::new());
        assert_eq!(read_of(|path| fs::write(path, "\n").expect("written")).expect("nothing"), Map::new());
        let outputs = read_of(|path| fs::write(path, r#"{"rows": 5, "names": ["a"]}"#).expect("written"));
        assert_eq!(Json::Object(outputs.expect("an object")), serde_json::json!({ "rows": 5, "names": ["a"] }));
    }

    #[test]
    fn outputs_that_are_none_fail_the_task_with_what_to_do() {
        let written = |text: String| read_of(|path| fs::write(path, text).expect("written")).expect_err("refused");
        let error = written("rows=5".to_owned());
        assert!(error.reason.contains("no JSON object such as") && !error.retry, "{error}");
        assert!(written("[1]".to_owned()).reason.contains("no JSON object"));
        let error = written(format!("{{\"text\": \"{}\"}}", "x".repeat(MAX_OUTPUTS_BYTES)));
        assert!(error.reason.contains("write what is large to a file") && !error.retry, "{error}");
        let linked = |path: &Path| std::os::unix::fs::symlink("/etc/hostname", path).expect("linked");
        assert!(read_of(linked).expect_err("a link").reason.contains("no plain file"));
    }
}
