//! What leaves the feature engine and the training, against programs that know nothing of it: plain Python over the raw
//! Parquet, and scikit-learn.

use std::path::Path;
use std::process::Command;

use daybreak_tests::{copy_project, daybreak, json, root};

const AT: &str = "2013-03-20T06:30:00Z";

fn flights() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy_project(&root().join("dags/flights"), folder.path());
    folder
}

fn export(folder: &Path, at: &str, history: &str, file: &str) -> Vec<u8> {
    let output = daybreak(folder, &["training-set", "late_arrival", "--at", at, "--history", history, "-o", file]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(folder.join(file)).expect("an exported file")
}

fn python(script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new("python3");
    command.arg(root().join("tests/oracle").join(script)).args(arguments);
    let output = command.output().expect("python3; `cargo xtask test` sets up its packages");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}\n{err}");
    out.into_owned()
}

#[test]
fn two_hundred_rows_of_a_training_set_equal_plain_python_to_the_bit() {
    let folder = flights();
    export(folder.path(), AT, "30d", "set.parquet");
    let file = folder.path().join("set.parquet");
    let said = python(
        "training_set.py",
        &[folder.path().to_str().expect("a path"), file.to_str().expect("a path"), "200", "20130320"],
    );
    assert!(said.contains("200 rows of") && said.contains(" 0 differences"), "{said}");
}

#[test]
fn a_fit_agrees_with_scikit_learn() {
    let folder = flights();
    let run = json(&daybreak(folder.path(), &["run", "nightly", "--at", AT, "--wait", "--json"]));
    assert_eq!(run["state"], "succeeded", "{run}");
    let models = json(&daybreak(folder.path(), &["models", "--json"]));
    let version = &models[0]["versions"][0];
    let text = |key: &str| version[key].as_str().expect("a version's fact").to_owned();
    let object = text("object");
    let artefact = folder.path().join(".daybreak/artifacts/objects").join(&object[..2]).join(&object);
    // fitted on [T - 67d, T - 7d), where the labels known at T count
    export(folder.path(), AT, "67d", "all.parquet");
    let paths = [folder.path().join("all.parquet"), artefact];
    let paths: Vec<&str> = paths.iter().map(|path| path.to_str().expect("a path")).collect();
    let said = python("logistic_regression.py", &[paths[0], paths[1], &text("fit_from"), &text("fit_to"), "1.0"]);
    assert!(said.contains("worst_coefficient"), "{said}");
}
