//! Real processes under a real worker. This binary is also what the worker starts (shim and task's process) and the
//! worker that one story kills, so it brings its own small harness, which speaks enough of libtest's command line for
//! `cargo test` and nextest. A new story is a function in `stories.rs` or `leases.rs` and a line in their lists.
#![expect(clippy::unwrap_used, reason = "tests")]

mod kinds;
mod leases;
mod server;
mod stories;

use std::process::ExitCode;

use daybreak_runtime::{CHILD_COMMAND, SHIM_COMMAND, child_main, supervise_main};

/// A behaviour and the story that shows it.
pub type Story = (&'static str, fn());

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some(SHIM_COMMAND) => supervise_main(),
        Some(CHILD_COMMAND) => in_runtime(child_main(kinds::registry())),
        Some(kinds::STUBBORN_COMMAND) => in_runtime(kinds::stubborn_process(&words[1])),
        Some(kinds::MULTIPLY_COMMAND) => kinds::multiply(),
        Some(kinds::EAT_COMMAND) => kinds::eat_a_part(),
        Some(stories::DOOMED_WORKER_COMMAND) => in_runtime(stories::doomed_worker(&words[1])),
        _ => run_stories(&words),
    }
}

fn in_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}

fn run_stories(words: &[String]) -> ExitCode {
    let has = |option: &str| words.iter().any(|word| word == option);
    let all = stories::STORIES.iter().chain(leases::STORIES);
    if has("--list") {
        if !has("--ignored") {
            all.for_each(|(name, _)| println!("{name}: test"));
        }
        return ExitCode::SUCCESS;
    }
    let filter = words.iter().find(|word| !word.starts_with('-'));
    let wanted =
        |name: &str| filter.is_none_or(|filter| if has("--exact") { filter == name } else { name.contains(filter) });
    let mut failed = 0;
    for (name, story) in all.filter(|(name, _)| wanted(name)) {
        let ok = std::panic::catch_unwind(story).is_ok();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        failed += u8::from(!ok);
    }
    ExitCode::from(failed.min(1))
}
