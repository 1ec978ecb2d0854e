//! `daybreak check` as its users meet it: broken projects and what is said of each.

mod data;
mod invalid;
mod many;
mod sound;

use std::path::Path;

use daybreak_check::{Checked, check};

/// The project that the fixtures break: in order by itself.
const BASE: &str = include_str!("../base.yaml");

/// Checks a project of the base, the data and further files.
fn project_with(files: &[(&str, &str)]) -> (tempfile::TempDir, Checked) {
    let folder = tempfile::tempdir().expect("a folder");
    data::write_data(folder.path());
    write(folder.path(), "daybreak.yaml", BASE);
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    let checked = check(folder.path()).expect("a project");
    (folder, checked)
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}
