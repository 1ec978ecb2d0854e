//! Support of the end-to-end tests: the built binary, private folders, waiting on a condition with a deadline.

pub mod faulty_network;
pub mod memory;
pub mod object_storage;
pub mod postgres;
pub mod roles;
pub mod served;
pub mod tables;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The `daybreak` binary built beside this one (`target/<profile>/daybreak`).
///
/// # Panics
/// When it has not been built: `cargo build --workspace --bins` does.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("this process has a path");
    let folder = own.ancestors().find(|folder| folder.join("daybreak").is_file());
    folder.expect("target/<profile>/daybreak is built; run `cargo build --workspace --bins`").join("daybreak")
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_path_buf()
}

/// Runs `daybreak` with these arguments in a folder.
///
/// # Panics
/// When the binary cannot be started.
pub fn daybreak(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).current_dir(folder).output().expect("daybreak starts")
}

/// Standard output as JSON.
///
/// # Panics
/// When the command failed or printed something else, with all that it said.
pub fn json(output: &Output) -> serde_json::Value {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
}

/// Asks again until there is an answer.
///
/// # Panics
/// After the deadline.
pub fn wait_for<T>(what: &str, deadline: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < deadline, "waited {deadline:?} in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Copies a project (without its state) into a fresh folder.
///
/// # Panics
/// When a file cannot be copied.
pub fn copy_project(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a project").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_name() == ".daybreak" {
            continue;
        }
        if entry.path().is_dir() {
            copy_project(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copied file");
        }
    }
}

/// Seconds to sleep that no other process sleeps, also where the same test runs beside this one. `kind` (1 to 9) tells the
/// tests of one process apart.
pub fn unmistakable_seconds(kind: u8) -> String {
    format!("{kind}{:08}", std::process::id())
}

/// Processes whose command line mentions a text (a private folder's path finds its processes).
pub fn processes_mentioning(text: &str) -> Vec<u32> {
    let own = std::process::id();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| *id != own)
        .filter(|id| {
            let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
            let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
            [line, environment].iter().any(|bytes| String::from_utf8_lossy(bytes).contains(text))
        })
        .collect()
}
