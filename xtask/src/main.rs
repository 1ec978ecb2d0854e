//! Developer commands. `cargo xtask test` passes the tests, `bench` measures, `torture` kills, `cron` shows the table of
//! cases, `simulate` imagines faults. Each is a short list of ordinary commands; to add one, add a variant and a function.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Developer commands of Daybreak")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run every test; names what the machine lacks
    Test {
        /// Handed on to `cargo test`, e.g. a test's name
        rest: Vec<String>,
    },
    /// Write a picture of each page of the web UI, light, dark and narrow
    Screenshots {
        /// Where to
        #[arg(default_value = "target/screenshots")]
        folder: PathBuf,
    },
    /// Build in release and measure: nightly, predict, orchestrator, dags, workers, ui
    Bench {
        /// Name of the bench
        name: String,
        /// One JSON object instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Kill a demo at random moments (--kills) and compare what it leaves with an undisturbed one, or let faults happen among
    /// servers and workers (--faults 500 --db sqlite|postgres --seed 1) and check what has to hold, or end trees of processes
    /// that will not go (--trees 1000)
    Torture {
        /// Handed on; `-- --help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Print the forty cases of cron that schedulers get wrong with our answers, or compare with croner
    Cron {
        /// Compare so many next firings of random expressions and zones instead
        #[arg(long, value_name = "CHECKS")]
        oracle: Option<u64>,
        /// Of the random expressions
        #[arg(long, default_value_t = 1, requires = "oracle")]
        seed: u64,
    },
    /// Simulate the scheduler under faults, one history per seed, on all cores
    Simulate {
        /// Number of seeds
        #[arg(long, default_value_t = 10_000)]
        seeds: u64,
        /// The first of them
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// This one only
        #[arg(long, conflicts_with_all = ["seeds", "from"])]
        seed: Option<u64>,
        /// Print its history
        #[arg(long, requires = "seed")]
        trace: bool,
    },
    /// Licences, sources and who may import what (installs cargo-deny when it is missing)
    Deny,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Task::Test { rest } => test(rest),
        Task::Screenshots { folder } => screenshots(&folder),
        Task::Bench { name, json } => bench(&name, json),
        Task::Torture { rest } => torture(&rest),
        Task::Cron { oracle, seed } => cron(oracle, seed),
        Task::Simulate { seeds, from, seed, trace } => simulate(seed.map_or((from, seeds), |seed| (seed, 1)), trace),
        Task::Deny => deny(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("xtask: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// A cargo that builds what a cargo called by hand builds: `cargo run` tells this program about its own package, and build
/// scripts that watch those variables would compile Polars once more.
fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root());
    let of_this_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| of_this_package.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    command
}

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn run(mut command: Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}

/// What the tests need of Python is put beside the build, not into the system.
fn python_packages() -> Result<PathBuf, String> {
    let folder = target_dir()?.join("python-packages");
    if ["sklearn", "pyarrow", "schemathesis", "moto", "flask", "flask_cors"]
        .iter()
        .all(|package| folder.join(package).exists())
    {
        return Ok(folder);
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"])
        .arg(&folder)
        .args(["-r", "tests/oracle/requirements.txt"])
        .current_dir(root());
    run(pip).map_err(|problem| {
        format!("{problem}\nsome tests need python3 with pip (Debian: apt-get install python3 python3-pip)")
    })?;
    Ok(folder)
}

fn target_dir() -> Result<PathBuf, String> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version", "1", "--no-deps"]);
    let output = metadata.output().map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let key = "\"target_directory\":\"";
    let start = text.find(key).ok_or("cargo metadata names no target folder")? + key.len();
    let end = text[start..].find('"').ok_or("cargo metadata is cut off")? + start;
    Ok(PathBuf::from(&text[start..end]))
}

/// The store's tests start a PostgreSQL of their own from the installed binaries.
fn postgres() -> Result<(), String> {
    let found = "ls /usr/lib/postgresql/*/bin/initdb || command -v initdb";
    installed(found, "postgresql", "the store's tests need PostgreSQL 15 or newer").map(|_| ())
}

/// The tests of the pages drive a real browser.
fn chromium() -> Result<String, String> {
    let found = "command -v chromium || command -v chromium-browser || command -v google-chrome";
    installed(found, "chromium", "the tests of the web UI need Chromium")
}

/// What a command finds, after Debian's package was installed where that is possible.
fn installed(found: &str, package: &str, need: &str) -> Result<String, String> {
    let look = || {
        let found = Command::new("sh").args(["-c", found]).output().ok().filter(|found| found.status.success())?;
        Some(String::from_utf8_lossy(&found.stdout).trim().to_owned())
    };
    if let Some(found) = look() {
        return Ok(found);
    }
    let is_root =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").map_err(|error| error.to_string())?) == 0;
    if is_root {
        for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", package]] {
            // Whether that helped is looked at, not asked.
            let _ = Command::new("apt-get").args(arguments).status();
        }
    }
    look().ok_or_else(|| format!("{need} (Debian: apt-get install {package})"))
}

fn test(rest: Vec<String>) -> Result<(), String> {
    postgres()?;
    let chromium = chromium()?;
    let packages = python_packages()?;
    // The end-to-end tests start the binaries.
    let mut build = cargo();
    build.args(["build", "--workspace", "--all-targets"]);
    run(build)?;
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]).env("PYTHONPATH", packages).args(&rest);
    run(tests)?;
    if !rest.is_empty() {
        return Ok(());
    }
    run(npm("test"))?;
    run(in_browser("e2e", &target_dir()?.join("debug"), &chromium))
}

/// A script of the web UI's package; its packages are there once the server is built.
fn npm(script: &str) -> Command {
    let mut npm = Command::new("npm");
    npm.args(["run", "--silent", script]).current_dir(root().join("orchestrator/ui"));
    npm
}

/// One that drives a browser against the binary of a folder.
fn in_browser(script: &str, binaries: &Path, chromium: &str) -> Command {
    let mut command = npm(script);
    command.env("DAYBREAK_BINARY", binaries.join("daybreak")).env("DAYBREAK_CHROMIUM", chromium);
    command.env("DAYBREAK_E2E_OUT", binaries.join("e2e"));
    command
}

fn screenshots(folder: &Path) -> Result<(), String> {
    let chromium = chromium()?;
    let mut build = cargo();
    build.args(["build", "--workspace", "--all-targets"]);
    run(build)?;
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let mut pictures = in_browser("screenshots", &target_dir()?.join("debug"), &chromium);
    pictures.env("DAYBREAK_SCREENSHOTS", &folder);
    run(pictures)?;
    println!("pictures of every page are in {}", folder.display());
    Ok(())
}

/// Builds the whole workspace, so that Polars has the one feature set, and returns the folder of the binaries.
fn release_binaries() -> Result<PathBuf, String> {
    let mut build = cargo();
    build.args(["build", "--release", "--workspace", "--bins"]);
    run(build)?;
    Ok(target_dir()?.join("release"))
}

fn bench(name: &str, json: bool) -> Result<(), String> {
    let mut command = Command::new(release_binaries()?.join("daybreak-bench"));
    command.arg(name).current_dir(root());
    if json {
        command.arg("--json");
    }
    run(command)
}

fn torture(rest: &[String]) -> Result<(), String> {
    let mut command = Command::new(release_binaries()?.join("daybreak-torture"));
    command.args(rest).current_dir(root());
    run(command)
}

/// An example of the package that has no heavy dependency: the table that its tests run.
fn cron(oracle: Option<u64>, seed: u64) -> Result<(), String> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--package", "daybreak-core", "--example", "cron", "--"]);
    if let Some(checks) = oracle {
        command.args(["--oracle", &checks.to_string(), "--seed", &seed.to_string()]);
    }
    run(command)
}

/// The simulation needs nothing of Polars, so that only its own package is built.
fn simulate((from, seeds): (u64, u64), trace: bool) -> Result<(), String> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "daybreak-simulation", "--"]);
    command.args(["--from", &from.to_string(), "--seeds", &seeds.to_string()]);
    if trace {
        command.arg("--trace");
    }
    run(command)
}

fn deny() -> Result<(), String> {
    let mut probe = cargo();
    probe.args(["deny", "--version"]);
    if !probe.output().is_ok_and(|output| output.status.success()) {
        let mut install = cargo();
        install.args(["install", "--locked", "--quiet", "cargo-deny"]);
        run(install)?;
    }
    let mut check = cargo();
    check.args(["deny", "check", "bans", "licenses", "sources"]);
    run(check)
}
