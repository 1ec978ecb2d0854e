//! Kinds of task that misbehave, each in its own way.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use daybreak_core::KindDefinition;
use daybreak_protocol::TaskResult;
use daybreak_runtime::{Registry, Task, TaskContext, TaskError};
use tokio::signal::unix::{SignalKind, signal};

pub const STUBBORN_COMMAND: &str = "test-stubborn";
pub const MULTIPLY_COMMAND: &str = "test-multiply";
pub const EAT_COMMAND: &str = "test-eat";

const HEAVY: KindDefinition = KindDefinition {
    name: "",
    summary: "for tests",
    parameters: &[],
    heavy: true,
    side_effects: false,
    gated: false,
    reads: &[],
    makes: &[],
    rules: &[],
};
static KINDS: [KindDefinition; 16] = [
    KindDefinition { name: "answers", ..HEAVY },
    KindDefinition { name: "refuses", ..HEAVY },
    KindDefinition { name: "panics", ..HEAVY },
    KindDefinition { name: "aborts", ..HEAVY },
    KindDefinition { name: "eats_memory", ..HEAVY },
    KindDefinition { name: "eats_memory_in_parts", ..HEAVY },
    KindDefinition { name: "forks_without_end", ..HEAVY },
    KindDefinition { name: "floods", ..HEAVY },
    KindDefinition { name: "hangs", ..HEAVY },
    KindDefinition { name: "stubborn", side_effects: true, ..HEAVY },
    KindDefinition { name: "leaves_a_daemon", ..HEAVY },
    KindDefinition { name: "polite", side_effects: true, ..HEAVY },
    KindDefinition { name: "starts_a_program", side_effects: true, ..HEAVY },
    KindDefinition { name: "light_answers", heavy: false, ..HEAVY },
    KindDefinition { name: "light_panics", heavy: false, ..HEAVY },
    KindDefinition { name: "light_hangs", heavy: false, ..HEAVY },
];

struct Kind(&'static KindDefinition);

pub fn registry() -> Registry {
    Registry::new(KINDS.iter().map(|definition| Box::new(Kind(definition)) as Box<dyn Task>).collect())
}

#[async_trait]
impl Task for Kind {
    fn definition(&self) -> &'static KindDefinition {
        self.0
    }

    async fn run(&self, context: &TaskContext) -> Result<TaskResult, TaskError> {
        let mut result = TaskResult::default();
        match self.0.name {
            "answers" | "light_answers" => {
                context.log("working");
                println!("{{\"ended\":\"a stray line that looks like a message\"}}");
                result.outputs.insert("threads".to_owned(), threads());
                result.outputs.insert("params".to_owned(), context.parameters_json()?.into());
            }
            "refuses" => return Err(TaskError::lasting("the source `flights` has no rows")),
            "panics" | "light_panics" => panic!("index 7 is out of range"),
            "aborts" => std::process::abort(),
            "eats_memory" => eat_memory(),
            // Each stays below the limit, all together do not.
            "eats_memory_in_parts" => {
                let parts: Vec<_> = (0..4).map(|_| start(&[EAT_COMMAND]).spawn().expect("starts")).collect();
                for mut part in parts {
                    let ended = part.wait().expect("an end");
                    if !ended.success() {
                        return Err(TaskError::passing(format!("a part ended with {ended}")));
                    }
                }
            }
            "forks_without_end" => {
                let ended = start(&[MULTIPLY_COMMAND]).status();
                return Err(TaskError::passing(format!("{ended:?}")));
            }
            "floods" => flood(),
            "hangs" | "light_hangs" => std::future::pending().await,
            "stubborn" => {
                start_stubborn(&context.data_dir.join("grandchild"));
                write_pid(&context.data_dir.join("task"));
                // Blocks its thread and looks at nothing.
                std::thread::park_timeout(Duration::from_secs(600));
            }
            "leaves_a_daemon" => {
                let pid_file = context.data_dir.join("daemon");
                start_stubborn(&pid_file);
                while !pid_file.exists() {
                    std::thread::yield_now();
                }
            }
            "polite" => {
                write_pid(&context.data_dir.join("task"));
                while !context.cancelled() {
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                return Err(TaskError::passing("told to end"));
            }
            "starts_a_program" => {
                let script = "echo $0 $1 $DAYBREAK_TEST; echo $$ > \"$2.tmp\"; mv \"$2.tmp\" \"$2\"; exec sleep 600";
                let file = context.data_dir.join("task").to_string_lossy().into_owned();
                let words = ["-c", script, "zero", "two words", &file].map(str::to_owned);
                let ended = context.program("sh", &words).env("DAYBREAK_TEST", "seen").status();
                return Err(TaskError::passing(format!("{ended:?}")));
            }
            other => unreachable!("{other}"),
        }
        Ok(result)
    }
}

fn threads() -> serde_json::Value {
    std::env::vars().find(|(name, _)| name == "POLARS_MAX_THREADS").map(|(_, value)| value).into()
}

fn eat_memory() -> ! {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    loop {
        eaten.push(vec![1; 8 << 20]);
        assert!(eaten.len() < 1000, "the limit of 200 MB is not kept");
    }
}

/// This binary, as something else.
fn start(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command.args(words).stdin(Stdio::null());
    command
}

/// Keeps 100 MB for a while.
pub fn eat_a_part() -> ExitCode {
    let eaten = vec![1_u8; 100_000_000];
    std::thread::park_timeout(Duration::from_secs(2));
    ExitCode::from(u8::from(eaten.iter().any(|byte| *byte != 1)))
}

/// Starts itself twice, and so on, until it is refused.
pub fn multiply() -> ExitCode {
    for _ in 0..2 {
        if start(&[MULTIPLY_COMMAND]).spawn().is_err() {
            return ExitCode::FAILURE;
        }
    }
    std::thread::park_timeout(Duration::from_secs(600));
    ExitCode::SUCCESS
}

fn flood() {
    use std::io::Write as _;
    let line = [b"0123456789".repeat(100), b"\n".to_vec()].concat();
    let mut out = std::io::stdout().lock();
    for _ in 0..200_000 {
        out.write_all(&line).expect("the log is read");
    }
}

#[expect(clippy::zombie_processes, reason = "that nobody waits for it is the story")]
/// Starts a process in a session of its own that ignores SIGTERM and writes its pid.
fn start_stubborn(pid_file: &Path) {
    start(&[STUBBORN_COMMAND]).arg(pid_file).spawn().expect("starts");
}

pub async fn stubborn_process(pid_file: &str) -> ExitCode {
    rustix::process::setsid().expect("a session of its own");
    let mut terminate = signal(SignalKind::terminate()).expect("a handler");
    write_pid(&PathBuf::from(pid_file));
    loop {
        terminate.recv().await;
    }
}

fn write_pid(path: &Path) {
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, std::process::id().to_string()).expect("written");
    std::fs::rename(temporary, path).expect("renamed");
}
