//! How a command ends badly: a message for people and the exit status that scripts read.

use std::fmt::Display;
use std::io::ErrorKind;

/// Exit statuses: 0 ok, 1 run failed or problems found, 2 usage, 3 configuration or lock, 4 refused by the server,
/// 5 network, 6 worker and server speak other protocols, 74 input/output, 130 interrupted, 141 nobody reads what it prints any more.
#[derive(Debug)]
pub struct Failure {
    /// The process's exit status.
    pub status: u8,
    /// What was tried, on what, what to do next.
    pub message: String,
}

impl Failure {
    /// What was asked for has failed by itself: a run, a check.
    pub fn failed(message: impl Display) -> Self {
        Self { status: 1, message: message.to_string() }
    }
    /// The command line makes no sense.
    pub fn usage(message: impl Display) -> Self {
        Self { status: 2, message: message.to_string() }
    }
    /// The project or the state folder cannot be used.
    pub fn configuration(message: impl Display) -> Self {
        Self { status: 3, message: message.to_string() }
    }
    /// The server said no.
    pub fn refused(message: impl Display) -> Self {
        Self { status: 4, message: message.to_string() }
    }
    /// Worker and server are too far apart to work together.
    pub fn other_protocol(message: impl Display) -> Self {
        Self { status: 6, message: message.to_string() }
    }
    /// A file or folder could not be read or written, and what helps.
    pub fn file(what: impl Display, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            ErrorKind::NotFound => "; make its folder first, or name another",
            ErrorKind::PermissionDenied => "; run as a user who may, or name another folder",
            ErrorKind::ReadOnlyFilesystem => "; it has to lie on a file system that can be written",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "; free some space and try again",
            _ => "",
        };
        Self::input_output(what, format!("{error}{hint}"))
    }
    /// Something of the machine's input or output failed.
    pub fn input_output(what: impl Display, error: impl Display) -> Self {
        Self { status: 74, message: format!("{what}: {error}") }
    }
    /// Everything has been said already.
    pub fn silent(status: u8) -> Self {
        Self { status, message: String::new() }
    }
    /// Ended by Ctrl-C.
    pub fn interrupted() -> Self {
        Self { status: 130, message: "interrupted".into() }
    }
}

impl From<daybreak_protocol::Error> for Failure {
    fn from(error: daybreak_protocol::Error) -> Self {
        let status = if matches!(error, daybreak_protocol::Error::Unavailable { .. }) { 5 } else { 4 };
        Self { status, message: error.to_string() }
    }
}

/// What commands return.
pub type Outcome<T = ()> = Result<T, Failure>;
