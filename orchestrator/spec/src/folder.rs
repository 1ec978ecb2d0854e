//! The YAML files of a project's folder, in one order on every machine. Reads only regular files inside the project and
//! only as much as the budget allows: no pipes, no devices, no links that lead out. What a file says is not its
//! business.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::calendars::missing;
use crate::decode::ROOT_FILE;
use crate::small_texts::shortened;
use crate::yaml::MAX_BYTES;
use crate::{Problem, Spanned};

/// Most files a project may have.
const MAX_FILES: usize = 5_000;
/// Deepest folder that is looked into.
const MAX_DEPTH: usize = 32;

/// Why a folder cannot be read as a project; what is wrong inside its files are problems.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder itself, or one below it.
    #[error("cannot read the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no `daybreak.yaml`.
    #[error("{} is no project: it has no {ROOT_FILE}; {hint}", path.display())]
    NoProject {
        /// The folder.
        path: PathBuf,
        /// What to do.
        hint: &'static str,
    },
    /// More files than a project may have.
    #[error("{} has more than {MAX_FILES} YAML files; point to the project's own folder", path.display())]
    TooManyFiles {
        /// The folder.
        path: PathBuf,
    },
}

/// A file of the project.
pub(crate) struct Found {
    /// Relative to the project, with `/`.
    pub path: String,
    pub content: Content,
}

/// What reading a file gave.
pub(crate) enum Content {
    Bytes(Vec<u8>),
    /// Larger than the budget.
    TooLarge,
    /// A pipe, a device or a link that leads out of the project.
    NotAFile,
    /// Reading failed.
    Unreadable(String),
}

/// When a file was written last, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// As the file system has it.
    pub modified: SystemTime,
    /// In bytes.
    pub length: u64,
}

/// The YAML files of a project with their stamps: equal as long as nobody has written one, made one or taken one away.
///
/// # Errors
/// As for [`crate::load`].
pub fn stamps(root: &Path) -> Result<Vec<(PathBuf, Option<Stamp>)>, Error> {
    let paths = paths(root)?.into_iter().filter(|(path, _)| !is_test(path));
    Ok(paths
        .map(|(_, path)| {
            let stamp = stamp(&path);
            (path, stamp)
        })
        .collect())
}

/// None for a file that is not there.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(Stamp { modified: metadata.modified().ok()?, length: metadata.len() })
}

/// The project's YAML files as [`paths`] has them, with what they hold.
pub(crate) fn read(root: &Path) -> Result<Vec<Found>, Error> {
    some(root, &|path| !is_test(path))
}

/// The files of flow tests, which are no part of the project itself.
pub(crate) fn read_tests(root: &Path) -> Result<Vec<Found>, Error> {
    some(root, &is_test)
}

/// Whether a file holds flow tests, by its name.
pub(crate) fn is_test(path: &str) -> bool {
    path.ends_with(".test.yaml") || path.ends_with(".test.yml")
}

fn some(root: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Found>, Error> {
    let paths = paths(root)?.into_iter().filter(|(path, _)| wanted(path));
    let inside = [root.canonicalize().map_err(|source| folder_error(root, source))?];
    Ok(paths.map(|(path, file)| Found { path, content: content(&file, &inside) }).collect())
}

fn folder_error(path: &Path, source: io::Error) -> Error {
    Error::Folder { path: path.to_path_buf(), source }
}

/// All YAML files below the folder: `daybreak.yaml` first, then by path. Hidden files and folders, and folders with a
/// `daybreak.yaml` of their own, are other people's.
fn paths(root: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let root_file = root.join(ROOT_FILE);
    fs::read_dir(root).map_err(|source| folder_error(root, source))?;
    if !root_file.is_file() {
        let hint = match root.join("daybreak.yml").is_file() {
            true => "rename its daybreak.yml",
            false => "run `daybreak init`, or name another folder",
        };
        return Err(Error::NoProject { path: root.to_path_buf(), hint });
    }
    let mut paths = Vec::new();
    let mut folders = vec![(root.to_path_buf(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|source| folder_error(&folder, source))? {
            let entry = entry.map_err(|source| folder_error(&folder, source))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let path = entry.path();
            let relative = format!("{prefix}{name}");
            let kind = entry.file_type().map_err(|source| folder_error(&path, source))?;
            if kind.is_dir() {
                let nested = path.join(ROOT_FILE).exists();
                if !nested && depth < MAX_DEPTH {
                    folders.push((path, format!("{relative}/"), depth + 1));
                }
            } else if name.ends_with(".yaml") || name.ends_with(".yml") {
                paths.push((relative, path));
            }
        }
        if paths.len() > MAX_FILES {
            return Err(Error::TooManyFiles { path: root.to_path_buf() });
        }
    }
    paths.sort_by(|(one, _), (other, _)| (one != ROOT_FILE, one).cmp(&(other != ROOT_FILE, other)));
    Ok(paths)
}

/// The text of a file that the YAML names: inside the project or below a data root.
pub(crate) fn text_beside(root: &Path, data_roots: &[String], path: &Spanned<String>) -> Result<String, Problem> {
    let shown = shortened(path);
    if path.contains('\0') || path.contains("://") {
        return Err(Problem::error("bad_path", path.span, format!("`{shown}` is not a path to a local file")));
    }
    let file = root.join(&path.value);
    if !file.exists() {
        return Err(missing(path));
    }
    let folders = std::iter::once(root.to_path_buf()).chain(data_roots.iter().map(|folder| root.join(folder)));
    let inside: Vec<PathBuf> = folders.filter_map(|folder| folder.canonicalize().ok()).collect();
    let (code, message, hint) = match content(&file, &inside) {
        Content::Bytes(bytes) => match String::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(_) => ("file_encoding", format!("`{shown}` is not UTF-8"), "save it as UTF-8"),
        },
        Content::TooLarge => {
            let message = format!("`{shown}` is larger than {} KiB", MAX_BYTES / 1024);
            ("file_too_large", message, "keep the dates that schedules need")
        }
        Content::NotAFile if file.is_file() => (
            "path_outside_project",
            format!("file {} lies outside the project", file.display()),
            "name its folder under `data_roots` in daybreak.yaml, or copy the file into the project",
        ),
        Content::NotAFile => ("not_a_file", format!("`{shown}` is no regular file"), "name a file of dates"),
        Content::Unreadable(why) => {
            ("unreadable_file", format!("`{shown}` cannot be read: {why}"), "make it readable for this user")
        }
    };
    Err(Problem::error(code, path.span, message).hint(hint))
}

fn content(path: &Path, inside: &[PathBuf]) -> Content {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => return Content::Unreadable(error.to_string()),
    };
    let within = path.canonicalize().is_ok_and(|real| inside.iter().any(|folder| real.starts_with(folder)));
    if !metadata.is_file() || !within {
        return Content::NotAFile;
    }
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) + 1;
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() > MAX_BYTES => Content::TooLarge,
        Ok(_) => Content::Bytes(bytes),
        Err(error) => Content::Unreadable(error.to_string()),
    }
}
