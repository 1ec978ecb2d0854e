//! Every statement of the store is executed by the stories, on both databases. The statements are gathered from the source;
//! what is executed is told by the store's own trace events, in a process that runs the stories once more.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use daybreak_store::Database;
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqliteConnection};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::World;

/// Names the file that a process writes down what it executes in.
const FILE: &str = "DAYBREAK_TEST_STATEMENTS";

const TARGET: &str = "daybreak_store::statement";

/// Writes down what this process executes, if it was started for that.
pub fn write_down() {
    #[expect(clippy::disallowed_methods, reason = "a test process is told by the one that started it")]
    let Some(file) = std::env::var_os(FILE) else { return };
    // Later stories find it installed.
    let _ = tracing::subscriber::set_global_default(Recorder { file: file.into(), seen: Mutex::default() });
}

struct Recorder {
    file: PathBuf,
    seen: Mutex<BTreeSet<String>>,
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut statement = Statement(String::new());
        event.record(&mut statement);
        // Stories run beside each other: a line is one write, under the lock.
        let mut seen = self.seen.lock().expect("no panic");
        if seen.insert(statement.0.clone()) {
            let mut file = OpenOptions::new().create(true).append(true).open(&self.file).expect("the file opens");
            file.write_all(format!("{}\n", statement.0).as_bytes()).expect("it is written");
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Statement(String);

impl Visit for Statement {
    fn record_str(&mut self, _: &Field, value: &str) {
        value.clone_into(&mut self.0);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Texts of string literals that are statements. A macro may put columns between the two halves of one.
fn in_source(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the source").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            in_source(&entry, found);
            continue;
        }
        let text = std::fs::read_to_string(&entry).expect("the source");
        for literal in literals(&text) {
            let begins = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "FROM ", "WITH "];
            let is_whole = literal.contains("$1") || literal.contains(" FROM ");
            if begins.iter().any(|begin| literal.starts_with(begin)) && is_whole {
                found.insert(literal);
            }
        }
    }
}

/// String literals, with lines that end in a backslash joined as the compiler joins them.
fn literals(text: &str) -> Vec<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (place, part) in code.split('"').enumerate() {
        if place % 2 == 1 {
            found.push(part.split("\\\n").map(str::trim_start).collect::<Vec<_>>().join(""));
        }
    }
    found
}

fn executed(kind: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("statements");
    let own = std::env::current_exe().expect("this process has a path");
    let mut command = Command::new(own);
    command.args([&format!("::{kind}::"), "several_servers", "--skip", "racing"]).env(FILE, &file);
    let output = command.output().expect("the stories run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    std::fs::read_to_string(&file).expect("statements").lines().map(str::to_owned).collect()
}

#[test]
fn every_statement_is_executed_on_both_databases() {
    let mut wanted = BTreeSet::new();
    in_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut wanted);
    assert!(wanted.len() > 60, "the source was not read: {wanted:#?}");
    for kind in ["sqlite", "postgres"] {
        let executed = executed(kind);
        let missing: Vec<_> = wanted
            .iter()
            .filter(|statement| !executed.iter().any(|executed| executed.ends_with(statement.as_str())))
            .filter(|statement| !only_elsewhere(kind, statement))
            .collect();
        assert!(missing.is_empty(), "never executed on {kind}: {missing:#?}");
    }
}

/// SQLite plans without statistics: a statement whose filter and order are not those of an index of the few rows in
/// question reads all that ever ran, each time.
#[tokio::test]
async fn no_statement_reads_the_whole_past() {
    let world = World::on_sqlite().await;
    let Database::Sqlite(path) = &world.database else { unreachable!("it was asked for") };
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.expect("it opens");
    let mut statements = BTreeSet::new();
    in_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut statements);
    let (mut planned, mut slow) = (0, Vec::new());
    for statement in statements {
        let text = statement.split(" FOR ").next().unwrap_or_default();
        let Some(plan) = plan(&mut connection, text).await else { continue };
        planned += 1;
        let of_few = [
            "task_run_ready",
            "task_run_blocked",
            "task_run_running",
            "task_run_retry",
            "task_run_queue_timeout",
            "task_run_total_timeout",
            "run_active",
            "run_deadline",
        ];
        let reads_all = |step: &str| {
            let table =
                step.strip_prefix("SCAN ").is_some_and(|rest| rest.starts_with("task_run") || rest.starts_with("run"));
            table && !of_few.iter().any(|index| step.ends_with(index))
        };
        if plan.iter().any(|step| reads_all(step)) {
            slow.push((text.to_owned(), plan));
        }
    }
    assert!(planned > 50, "only {planned} statements were planned");
    assert!(slow.is_empty(), "{slow:#?}");
}

/// The steps of SQLite's plan; none for a part of a statement.
async fn plan(connection: &mut SqliteConnection, statement: &str) -> Option<Vec<String>> {
    let values = (1..30).take_while(|number| statement.contains(&format!("${number}"))).count();
    let mut query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}")));
    for _ in 0..values {
        query = query.bind(0_i64);
    }
    let rows = query.fetch_all(connection).await.ok()?;
    Some(rows.iter().map(|row| row.get("detail")).collect())
}

/// What the other database alone needs: revisions, marks of commits, locks, files from before the record of migrations;
/// and a commit whose outcome is asked for, which only the stories of outages bring about.
fn only_elsewhere(kind: &str, statement: &str) -> bool {
    let of_postgres = ["commit_mark", "revision = revision + 1", "FOR NO KEY UPDATE"];
    let of_sqlite = ["sqlite_master"];
    let others = if kind == "sqlite" { &of_postgres[..] } else { &of_sqlite[..] };
    // Of outages, and of servers whose leases go by the database's clock (`outages.rs`).
    let in_outages = ["SELECT number FROM commit_mark", "SELECT CAST(extract(epoch FROM clock_timestamp())"];
    others.iter().any(|other| statement.contains(other)) || in_outages.iter().any(|begin| statement.starts_with(begin))
}
