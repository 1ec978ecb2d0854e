//! What commands say: what was asked for on standard output, everything beside it on standard error. Whoever reads may go
//! away (`daybreak runs | head -1`): a command then ends without a word and with the status of a program that the pipe's
//! signal ended; words beside the result are lost. Nothing else in this package prints, and nothing here panics.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal as _, Write as _};

use daybreak_artifacts::uncoloured;

use crate::failure::{Failure, Outcome};

/// 128 and the number of SIGPIPE, as shells tell of it.
const READER_GONE: u8 = 141;

/// A line of what was asked for.
///
/// # Errors
/// When it cannot be written; silent when nobody reads any more.
pub fn line(line: impl Display) -> Outcome {
    text(format_args!("{line}\n"))
}

/// What was asked for, its own line ends included.
///
/// # Errors
/// As [`line()`].
pub fn text(text: impl Display) -> Outcome {
    let mut out = std::io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).map_err(|error| unwritten(&error))
}

/// A piece of a log as standard output takes it: colours for a terminal, which is left without, and for nothing else.
pub fn of_log(text: &str) -> String {
    if std::io::stdout().is_terminal() && text.contains('\x1b') {
        return format!("{text}\x1b[0m");
    }
    uncoloured(text)
}

/// What a command that writes to standard output by itself ends with when it cannot.
pub fn unwritten(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::silent(READER_GONE),
        _ => Failure::file("cannot write to standard output", error),
    }
}

/// A line for people beside the result. What cannot be shown keeps nothing from being done.
pub fn aside(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
