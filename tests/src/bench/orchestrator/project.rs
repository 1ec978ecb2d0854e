//! The projects of the bench, made of `noop` tasks.

use std::fmt::Write as _;
use std::path::Path;

use daybreak_spec::Timestamp;

/// Writes the project of the step cases: `sequence` (40), `fanout` (100 and a join), `single`, `ten`,
/// `items` (one task, once per item of the run's list).
pub fn write_steps(folder: &Path) {
    let mut text = String::from("version: 1\nname: steps\ndags:\n");
    sequence(&mut text, "sequence", 40);
    sequence(&mut text, "ten", 10);
    sequence(&mut text, "single", 1);
    text.push_str("  fanout:\n    tasks:\n");
    for index in 0..100 {
        let _ = writeln!(text, "      t{index}: {{ kind: noop }}");
    }
    let all: Vec<String> = (0..100).map(|index| format!("t{index}")).collect();
    let _ = writeln!(text, "      join: {{ kind: noop, needs: [{}] }}", all.join(", "));
    text.push_str("  items:\n    params: { list: { type: list, default: [] } }\n");
    text.push_str("    tasks: { each: { kind: noop, for_each: \"${params.list}\" } }\n");
    std::fs::write(folder.join("daybreak.yaml"), text).expect("a project");
}

/// A DAG of so many `noop` tasks, one after the other.
pub fn sequence(text: &mut String, name: &str, tasks: u32) {
    let _ = writeln!(text, "  {name}:\n    tasks:\n      t0: {{ kind: noop }}");
    for index in 1..tasks {
        let _ = writeln!(text, "      t{index}: {{ kind: noop, needs: t{} }}", index - 1);
    }
}

/// DAGs in one file: a file may hold ten thousand values.
const DAGS_PER_FILE: u32 = 500;

/// Writes a project of `count` DAGs of one task, all of which fire at `due` (a whole second).
pub fn write_schedules(folder: &Path, count: u32, due: Timestamp) {
    let seconds = due.micros.div_euclid(1_000_000);
    let (minute, hour, second) = (seconds / 60 % 60, seconds / 3_600 % 24, seconds % 60);
    std::fs::write(folder.join("daybreak.yaml"), "version: 1\nname: schedules\n").expect("a project");
    for first in (0..count).step_by(DAGS_PER_FILE as usize) {
        let mut text = String::from("dags:\n");
        for index in first..count.min(first + DAGS_PER_FILE) {
            let _ = writeln!(text, "  d{index}:\n    schedule: {{ cron: \"{second} {minute} {hour} * * *\" }}");
            text.push_str("    tasks: { t: { kind: noop } }\n");
        }
        std::fs::write(folder.join(format!("dags-{first}.yaml")), text).expect("a file of DAGs");
    }
}
