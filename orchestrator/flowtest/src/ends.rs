//! How the attempts of a test end: what a mock says of each try, and of one that takes longer than it may. To add an end
//! that a task can have: a key of `Mock` and its arm here.

use daybreak_core::{AttemptEnd, Awaited, Failure, Resumption, Wait};
use daybreak_spec::{Mock, MockedCause, RetryCause, Timestamp};
use serde_json::{Map, Value as Json};

/// How an attempt will end.
pub(crate) enum End {
    /// As its worker tells.
    Reported(AttemptEnd),
    /// Nobody tells.
    WorkerLost,
}

/// How a try ends (1-based).
pub(crate) fn end_of(mock: &Mock, tries: u32) -> End {
    let fails = mock.fails.as_ref().filter(|fails| fails.times.is_none_or(|times| tries <= times));
    let Some(fails) = fails else { return End::Reported(AttemptEnd::Succeeded { outputs: mock.outputs.clone() }) };
    let reason = fails.reason.clone().unwrap_or_else(|| "the test lets it fail".to_owned());
    let cause = match &fails.cause {
        MockedCause::Final(cause) => return failed(cause, reason, false),
        MockedCause::Tried(RetryCause::Lost) => return End::WorkerLost,
        MockedCause::Tried(RetryCause::Exit(code)) => format!("exit_{code}"),
        MockedCause::Tried(RetryCause::AnyExit) => "exit_1".to_owned(),
        MockedCause::Tried(RetryCause::Error) => "task_error".to_owned(),
        MockedCause::Tried(RetryCause::Timeout) => "timeout".to_owned(),
        MockedCause::Tried(RetryCause::OutOfMemory) => "out_of_memory".to_owned(),
        MockedCause::Tried(RetryCause::Crashed) => "crashed".to_owned(),
    };
    failed(&cause, reason, true)
}

/// The end of an attempt that would take longer than its timeout. A task that waits says itself what comes of that.
pub(crate) fn too_long((takes, timeout): (&str, i64), parameters: &Map<String, Json>, now: Timestamp) -> (i64, End) {
    let reason = format!("it takes {takes}, longer than its timeout");
    let at_limit = match parameters.get("at_timeout").and_then(Json::as_str) {
        None => return (timeout, failed("timeout", reason, true)),
        Some("skip") => Resumption::Skips { reason },
        Some("succeed") => Resumption::Succeeds { outputs: Map::from_iter([("timed_out".to_owned(), true.into())]) },
        Some(_) => Resumption::Fails(Failure { cause: "wait_timeout".to_owned(), reason }),
    };
    let condition = Awaited::Instant { at: now };
    let wait = Wait { condition, again_after_us: None, limit_us: Some(timeout), at_limit };
    (0, End::Reported(AttemptEnd::Deferred(wait)))
}

pub(crate) fn failed(cause: &str, reason: String, retry: bool) -> End {
    End::Reported(AttemptEnd::Failed { failure: Failure { cause: cause.to_owned(), reason }, retry })
}
