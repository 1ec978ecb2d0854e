//! The state folder `.daybreak/` of a project: where it is, its token, and the note that says where a server listens.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};

/// What a running server leaves in `server.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    /// E.g. `http://127.0.0.1:4321`.
    pub url: String,
    /// The token its API asks for.
    pub token: String,
}

/// A project folder and its state.
#[derive(Clone, Debug)]
pub struct Home {
    /// The project, absolute.
    pub project: PathBuf,
    /// `.daybreak` in it.
    pub state: PathBuf,
}

impl Home {
    /// Finds the project; the folder must hold a `daybreak.yaml`.
    pub fn of(directory: &Path) -> Outcome<Self> {
        let project = directory.canonicalize().map_err(|error| {
            let shown = directory.display();
            let hint = if error.kind() == ErrorKind::NotFound { "; `daybreak init DIR` writes a project" } else { "" };
            Failure::configuration(format!("cannot open the project folder {shown}: {error}{hint}"))
        })?;
        match fs::metadata(project.join("daybreak.yaml")) {
            Ok(file) if file.is_file() => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let shown = project.display();
                return Err(Failure::configuration(format!(
                    "cannot look into the project folder {shown}: {error}; run as a user who may"
                )));
            }
            _ => {
                return Err(Failure::configuration(format!(
                    "{} holds no daybreak.yaml; `daybreak init DIR` writes a project; name its folder if it is another",
                    project.display()
                )));
            }
        }
        let state = project.join(".daybreak");
        Ok(Self { project, state })
    }

    /// The token of the project, made at first use; readable by its owner alone.
    pub fn token(&self) -> Outcome<String> {
        let path = self.state.join("token");
        if let Ok(text) = fs::read_to_string(&path) {
            return Ok(text.trim().to_owned());
        }
        let token = format!("db_local_{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>());
        fs::create_dir_all(&self.state)
            .and_then(|()| write_private(&path, token.as_bytes()))
            .map_err(|error| Failure::file(format!("cannot write {}", path.display()), &error))?;
        Ok(token)
    }

    /// The server that says it runs for this project; it may be gone.
    pub fn running(&self) -> Option<Running> {
        serde_json::from_slice(&fs::read(self.state.join("server.json")).ok()?).ok()
    }

    /// Leaves the note.
    pub fn announce(&self, running: &Running) -> Outcome {
        let path = self.state.join("server.json");
        let text = serde_json::to_vec(running).map_err(|error| Failure::input_output("cannot encode a note", error))?;
        write_private(&path, &text).map_err(|error| Failure::file(format!("cannot write {}", path.display()), &error))
    }

    /// Takes the note away; a server that ends calls it.
    pub fn retire(&self) {
        let _ = fs::remove_file(self.state.join("server.json"));
    }
}

/// Writes a file that its owner alone reads: a reader finds the old one or the new one, whole.
pub fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    let _ = fs::remove_file(&partial);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}
