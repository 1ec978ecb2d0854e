//! How attempts end, in words for the user: what happened, on what, what to do next. Every way a task or its process
//! can end is one function or one arm here.

use std::time::Duration;

use daybreak_core::too_large;
use daybreak_protocol::{Outcome, TaskResult};
use tokio::task::JoinError;

use crate::TaskError;
use crate::supervise::NOT_STARTED;

/// How much of the log goes into a reason.
const LAST_LINES: usize = 5;

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

pub(crate) fn failed(error: TaskError) -> Outcome {
    Outcome::Failed { reason: error.reason, cause: error.cause.into_owned(), retry: error.retry }
}

pub(crate) fn unknown_kind(kind: &str) -> TaskError {
    TaskError::lasting(format!(
        "this worker does not know the kind `{kind}`: give the task another kind, or run a worker whose version has it"
    ))
}

pub(crate) fn timed_out(timeout: Duration) -> Outcome {
    let reason = format!(
        "the task was ended after its timeout of {:.3} s: raise `timeout:` on the task, or let it do less",
        timeout.as_secs_f64()
    );
    Outcome::Failed { reason, cause: "timeout".to_owned(), retry: true }
}

pub(crate) fn not_started(error: &std::io::Error) -> Outcome {
    let reason = format!("the task's process could not be started: {error}");
    Outcome::Failed { reason, cause: "crashed".to_owned(), retry: true }
}

/// The end of the task's own code.
pub(crate) fn of_task(ended: Result<Result<TaskResult, TaskError>, JoinError>) -> Outcome {
    match ended {
        Ok(Ok(TaskResult { waits: Some(wait), .. })) => Outcome::Deferred(wait),
        Ok(Ok(result)) => checked(result),
        Ok(Err(error)) => failed(error),
        Err(error) => {
            let said = error.try_into_panic().map_or("it was aborted".to_owned(), |panic| panic_text(&*panic));
            // How the standard library and Polars say that memory or threads could not be had.
            let no_memory = said.contains("os error 12") || said.contains("OutOfMemory");
            let cause = if no_memory { "out_of_memory" } else { "crashed" };
            let reason = format!("the task panicked: {said}; `daybreak logs` shows where");
            Outcome::Failed { reason, cause: cause.to_owned(), retry: true }
        }
    }
}

fn checked(result: TaskResult) -> Outcome {
    match too_large(&result.outputs) {
        None => Outcome::Succeeded(Box::new(result)),
        Some(why) => failed(TaskError::lasting(format!("the task's outputs {why}"))),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or("no message".to_owned())
}

/// What a task's processes met that were bounded, or the machine while it ran.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overrun {
    /// The limit it ran under.
    pub(crate) memory_bytes: Option<u64>,
    /// The kernel killed a process for lack of memory.
    pub(crate) killed: bool,
    /// How often another process was refused.
    pub(crate) refused_processes: u64,
    /// All that is the task's own: nothing else was looked at.
    pub(crate) own: bool,
}

impl Overrun {
    /// A failure that this is the reason of. What somebody else on the machine met explains nothing.
    pub(crate) fn explains(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Failed { reason, retry, .. } if self.own && self.killed => {
                let reason = format!("{}; {reason}", self.out_of_memory());
                Outcome::Failed { reason, cause: "out_of_memory".to_owned(), retry }
            }
            Outcome::Failed { mut reason, cause, retry } => {
                self.add_refused(&mut reason);
                Outcome::Failed { reason, cause, retry }
            }
            other => other,
        }
    }

    fn add_refused(&self, reason: &mut String) {
        if self.refused_processes > 0 {
            reason.push_str("; it was refused more processes: let it start fewer at a time");
        }
    }

    fn out_of_memory(&self) -> String {
        match self.memory_bytes {
            Some(bytes) => format!(
                "the task ran out of memory (its limit is {} MB): raise `memory:` on the task, or let it read less",
                bytes / 1_000_000
            ),
            None => "the task ran out of memory, and so did the machine: set `memory:` on its tasks, or give it more"
                .to_owned(),
        }
    }
}

/// A task's process that ended without an answer.
#[derive(Debug)]
pub(crate) struct Crash<'a> {
    /// The shim's exit code: the process's own, or 128 + signal; none when the shim itself was killed.
    pub(crate) exit_code: Option<i32>,
    /// The end of the log.
    pub(crate) recent: &'a str,
    pub(crate) overrun: Overrun,
}

impl Crash<'_> {
    pub(crate) fn outcome(&self) -> Outcome {
        let signal = self.exit_code.filter(|code| *code > 128).map(|code| code - 128);
        // Rust's own words before it aborts for lack of memory.
        let refused = self.recent.contains("memory allocation of ") && self.recent.contains(" bytes failed");
        let (cause, what) = match (self.exit_code, signal) {
            (_, Some(6)) if refused => ("out_of_memory", self.overrun.out_of_memory()),
            (_, Some(9)) if self.overrun.killed => ("out_of_memory", self.overrun.out_of_memory()),
            (_, Some(signal)) => ("crashed", format!("the task's process was ended by {}", signal_name(signal))),
            (Some(code), None) if code == i32::from(NOT_STARTED) => {
                ("crashed", "the task's process could not be started".to_owned())
            }
            (Some(code), None) => ("crashed", format!("the task's process ended with exit code {code} and no result")),
            (None, None) => ("crashed", "the process that watches over the task was killed".to_owned()),
        };
        let mut reason = what;
        self.overrun.add_refused(&mut reason);
        let last = last_lines(self.recent, LAST_LINES);
        if !last.is_empty() {
            reason.push_str("; its last output:\n");
            reason.push_str(&last);
        }
        Outcome::Failed { reason, cause: cause.to_owned(), retry: true }
    }
}

/// The last lines of some output that are not empty.
pub fn last_lines(output: &str, count: usize) -> String {
    let lines: Vec<&str> = output.lines().rev().filter(|line| !line.trim().is_empty()).take(count).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL, from outside or by the kernel for lack of memory",
        11 => "SIGSEGV",
        15 => "SIGTERM, from outside",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        _ => return format!("signal {signal}"),
    };
    format!("signal {signal} ({name})")
}

/// How many processes the kernel has killed for lack of memory since it started.
pub(crate) fn kernel_kills() -> u64 {
    let counters = std::fs::read_to_string("/proc/vmstat").unwrap_or_default();
    let line = counters.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crash(exit_code: Option<i32>, recent: &str) -> Crash<'_> {
        Crash { exit_code, recent, overrun: Overrun { memory_bytes: Some(200_000_000), ..Overrun::default() } }
    }

    fn parts(outcome: &Outcome) -> (&str, &str) {
        match outcome {
            Outcome::Failed { reason, cause, .. } => (cause, reason),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_abort_for_lack_of_memory_is_told_apart_from_another_abort() {
        let outcome = crash(Some(134), "reading\nmemory allocation of 1048576 bytes failed\n").outcome();
        let (cause, reason) = parts(&outcome);
        assert_eq!(cause, "out_of_memory");
        assert!(reason.contains("its limit is 200 MB") && reason.contains("raise `memory:`"));
        let outcome = crash(Some(134), "assertion failed\n").outcome();
        let (cause, reason) = parts(&outcome);
        assert_eq!(cause, "crashed");
        assert!(reason.contains("SIGABRT") && reason.ends_with("assertion failed"));
    }

    #[test]
    fn a_kill_while_the_kernel_kills_for_memory_is_out_of_memory() {
        let killed = Crash { overrun: Overrun { killed: true, ..Overrun::default() }, ..crash(Some(137), "") };
        assert_eq!(parts(&killed.outcome()).0, "out_of_memory");
        assert_eq!(parts(&crash(Some(137), "").outcome()).0, "crashed");
    }

    #[test]
    fn outputs_beyond_their_cap_fail_with_their_size() {
        let mut result = TaskResult::default();
        result.outputs.insert("text".to_owned(), "x".repeat(66_000).into());
        let outcome = of_task(Ok(Ok(result)));
        let (cause, reason) = parts(&outcome);
        assert_eq!(cause, "bad_input");
        assert!(reason.contains("at most 65536") && reason.contains("write what is large to a file"));
    }
}
