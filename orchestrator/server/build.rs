//! Builds the web UI (`../ui`) with npm and writes the table of its files that `http/pages.rs` holds in the binary. Where
//! there is no npm the server is built all the same, with a page that says so; where the UI itself is wrong the build fails.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, io};

/// What the bundle is made from; `cargo` comes here again when one of them changes.
const SOURCES: [&str; 7] =
    ["src", "index.html", "openapi.json", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts"];

/// Set, it leaves the pages out: who works on the server alone need not wait for them.
const LEFT_OUT: &str = "DAYBREAK_WITHOUT_UI";

const WITHOUT_NPM: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Daybreak</title>\
    <h1>This server was built without its pages</h1><p>When it was built there was no npm to build them with, or they were \
    left out. Install Node.js and build again; meanwhile <code>daybreak --help</code> does everything.</p></html>";

fn main() {
    let ui = PathBuf::from(variable("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../ui");
    let out = PathBuf::from(variable("OUT_DIR").expect("cargo sets it"));
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", ui.join(source).display());
    }
    println!("cargo::rerun-if-env-changed={LEFT_OUT}");
    let bundle = out.join("ui");
    if variable(LEFT_OUT).is_some() || !packages_are_there(&ui) {
        println!("cargo::warning=the web UI is left out: {LEFT_OUT} is set, or there is no npm");
        let _ = fs::remove_dir_all(&bundle);
        fs::create_dir_all(&bundle)
            .and_then(|()| fs::write(bundle.join("index.html"), WITHOUT_NPM))
            .expect("OUT_DIR is writable");
    } else {
        let built = npm(&ui, &["run", "--silent", "build"]).env("DAYBREAK_UI_OUT", &bundle).status();
        assert!(built.is_ok_and(|status| status.success()), "`npm run build` failed in {}", ui.display());
    }
    let table = table(&bundle).expect("what npm has built can be read");
    fs::write(out.join("pages.rs"), table).expect("OUT_DIR is writable");
}

#[expect(clippy::disallowed_methods, reason = "cargo tells build scripts through the environment")]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn npm(ui: &Path, arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(ui);
    npm
}

/// Whether the packages of the lock file are installed; installs them if they are not. `false`: there is no npm.
fn packages_are_there(ui: &Path) -> bool {
    let changed = |path: PathBuf| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let installed = changed(ui.join("node_modules/.package-lock.json"));
    if installed.is_some() && installed >= changed(ui.join("package-lock.json")) {
        return true;
    }
    let Ok(status) = npm(ui, &["ci", "--no-audit", "--no-fund", "--silent"]).status() else { return false };
    assert!(status.success(), "`npm ci` failed in {}; {LEFT_OUT}=1 builds the server without its pages", ui.display());
    true
}

/// Rust source: every file under its path, packed where the bundle has it packed too.
fn table(bundle: &Path) -> io::Result<String> {
    let mut files = Vec::new();
    walk(bundle, &mut files)?;
    files.sort();
    let mut table = "&[\n".to_owned();
    for file in files.iter().filter(|file| file.extension().is_none_or(|extension| extension != "gz")) {
        let path = file.strip_prefix(bundle).expect("it was found there").to_str().expect("names are ASCII");
        let packed = PathBuf::from(format!("{}.gz", file.display()));
        let packed = if packed.exists() { format!("Some(include_bytes!({packed:?}))") } else { "None".to_owned() };
        let _ = writeln!(table, "    File {{ path: {path:?}, plain: include_bytes!({file:?}), packed: {packed} }},");
    }
    table.push_str("]\n");
    Ok(table)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
