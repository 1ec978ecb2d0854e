//! The rules of the house that a machine can check: who imports whom, how long files and functions are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::spanned::Spanned as _;
use syn::visit::Visit;

const FILE_LINES: usize = 400;
const TEST_FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 70;

/// What every package may import: it is nothing in a release build.
const FOR_ALL: &str = "daybreak-failpoints";

/// Package -> what it may import of ours (the table in ARCHITECTURE.md), beside [`FOR_ALL`].
fn import_table() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        (FOR_ALL, &[][..]),
        ("daybreak-spec", &[]),
        ("daybreak-core", &["daybreak-spec"]),
        ("daybreak-protocol", &["daybreak-spec", "daybreak-core"]),
        ("daybreak-store", &["daybreak-spec", "daybreak-core", "daybreak-protocol"]),
        ("daybreak-artifacts", &["daybreak-spec"]),
        ("daybreak-simulation", &["daybreak-spec", "daybreak-core"]),
        (
            "daybreak-server",
            &["daybreak-spec", "daybreak-core", "daybreak-protocol", "daybreak-store", "daybreak-artifacts"],
        ),
        ("daybreak-features", &["daybreak-spec"]),
        ("daybreak-offline", &["daybreak-spec", "daybreak-features", "daybreak-artifacts"]),
        ("daybreak-model", &["daybreak-spec"]),
        ("daybreak-training", &["daybreak-spec", "daybreak-model"]),
        ("daybreak-runtime", &["daybreak-spec", "daybreak-core", "daybreak-protocol", "daybreak-artifacts"]),
        (
            "daybreak-tasks",
            &[
                "daybreak-spec",
                "daybreak-core",
                "daybreak-protocol",
                "daybreak-runtime",
                "daybreak-artifacts",
                "daybreak-training",
                "daybreak-model",
                "daybreak-features",
                "daybreak-offline",
            ],
        ),
        (
            "daybreak-serving",
            &["daybreak-spec", "daybreak-protocol", "daybreak-artifacts", "daybreak-model", "daybreak-features"],
        ),
        ("daybreak-flowtest", &["daybreak-spec", "daybreak-core", "daybreak-protocol", "daybreak-runtime"]),
        (
            "daybreak-check",
            &["daybreak-spec", "daybreak-core", "daybreak-offline", "daybreak-tasks", "daybreak-training"],
        ),
    ])
}

/// Heavy crate -> the packages that may import it.
fn heavy_crates() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("serde-saphyr", &["daybreak-spec"][..]),
        ("petgraph", &["daybreak-core"]),
        ("cron", &["daybreak-core"]),
        ("sqlx", &["daybreak-store"]),
        ("object_store", &["daybreak-artifacts"]),
        ("heed", &["daybreak-features"]),
        ("polars", &["daybreak-offline"]),
        ("linfa", &["daybreak-training"]),
        ("axum", &["daybreak-server", "daybreak-serving", "daybreak"]),
        ("reqwest", &["daybreak-protocol", "daybreak-tasks", "daybreak-artifacts", "daybreak"]),
        ("clap", &["daybreak", "xtask"]),
        ("opentelemetry", &["daybreak"]),
    ])
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

#[test]
fn packages_import_only_what_the_table_allows() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let (table, heavy) = (import_table(), heavy_crates());
    let ours: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        if ["daybreak-tests"].contains(&package.name.as_str()) {
            continue;
        }
        let normal = package.dependencies.iter().filter(|dep| dep.kind == cargo_metadata::DependencyKind::Normal);
        for dependency in normal {
            let name = dependency.name.as_str();
            let allowed = table.get(package.name.as_str());
            if name == FOR_ALL {
                continue;
            }
            if ours.contains(name) && allowed.is_some_and(|allowed| !allowed.contains(&name)) {
                wrong.push(format!("{} may not import {name}", package.name));
            }
            if heavy.get(name).is_some_and(|allowed| !allowed.contains(&package.name.as_str())) {
                wrong.push(format!("{} may not import the heavy crate {name}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_package_is_in_the_import_table() {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata");
    let free = ["daybreak", "daybreak-tests", "xtask"];
    let table = import_table();
    let unknown: Vec<_> = metadata
        .packages
        .iter()
        .map(|package| package.name.to_string())
        .filter(|name| !free.contains(&name.as_str()) && !table.contains_key(name.as_str()))
        .collect();
    assert!(unknown.is_empty(), "not in the import table: {unknown:?}");
}

#[test]
fn files_and_functions_keep_their_limits() {
    let mut wrong = Vec::new();
    for path in rust_files(&root()) {
        let text = std::fs::read_to_string(&path).expect("a source file");
        let shown = path.strip_prefix(root()).expect("below the root").display().to_string();
        let is_test = shown.contains("/tests/") || shown.starts_with("tests/") || shown.ends_with("tests.rs");
        let (lines, limit) = (text.lines().count(), if is_test { TEST_FILE_LINES } else { FILE_LINES });
        if lines > limit {
            wrong.push(format!("{shown}: {lines} lines, limit {limit}"));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{shown}: the first line does not say what the file is for (`//!`)"));
        }
        let mut functions = Functions { file: shown, wrong: &mut wrong };
        functions.visit_file(&syn::parse_file(&text).expect("a file that compiles"));
    }
    assert!(wrong.is_empty(), "{} breaches:\n{}", wrong.len(), wrong.join("\n"));
}

struct Functions<'a> {
    file: String,
    wrong: &'a mut Vec<String>,
}

impl Functions<'_> {
    fn look(&mut self, name: &syn::Ident, block: &syn::Block, arguments: usize) {
        let lines = block.span().end().line - block.span().start().line + 1;
        if lines > FUNCTION_LINES {
            self.wrong.push(format!("{}: fn {name} has {lines} lines, limit {FUNCTION_LINES}", self.file));
        }
        if arguments > 6 {
            self.wrong.push(format!("{}: fn {name} takes {arguments} arguments, limit 5 and self", self.file));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.look(&item.sig.ident, &item.block, item.sig.inputs.len());
        syn::visit::visit_item_fn(self, item);
    }
    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.look(&item.sig.ident, &item.block, item.sig.inputs.len());
        syn::visit::visit_impl_item_fn(self, item);
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}
