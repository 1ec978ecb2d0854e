//! How the rows of a run have to look at any moment, stated again and apart from the code that makes them so. To add a
//! rule: a check in [`broken`].

use daybreak_core::{RunSnapshot, RunStatus, TaskSnapshot, TaskState, TaskStatus};
use serde_json::Value as Json;

/// What the tasks that a task needs allow it to be.
#[derive(PartialEq, Eq)]
enum Expected {
    Waits,
    MayRun,
    Skipped,
    UpstreamFailed,
}

/// A rule that a run breaks. Where people had their hands in it, tasks may stand that others no longer follow from.
pub(crate) fn broken(run: &RunSnapshot, by_hand: bool) -> Option<String> {
    let states = || run.tasks.values().map(|task| task.progress.state.status());
    let status = run.state.status();
    let all_ended = states().all(TaskStatus::is_terminal);
    if status.is_terminal() && !all_ended {
        return Some("it has ended and some task has not".to_owned());
    }
    if status == RunStatus::Running && all_ended {
        return Some("all its tasks have ended and it has not".to_owned());
    }
    if status == RunStatus::Queued && states().any(|state| matches!(state, TaskStatus::Ready | TaskStatus::Running)) {
        return Some("it waits for its turn and some task does not".to_owned());
    }
    let any = |wanted| states().any(|state| state == wanted);
    let right = match status {
        RunStatus::Succeeded => !any(TaskStatus::Failed) && !any(TaskStatus::Cancelled),
        RunStatus::Failed => any(TaskStatus::Failed) || run.overdue || (by_hand && any(TaskStatus::UpstreamFailed)),
        RunStatus::Cancelled => any(TaskStatus::Cancelled),
        RunStatus::Queued | RunStatus::Running | RunStatus::Skipped => true,
    };
    if !right || (run.overdue && status.is_terminal() && status != RunStatus::Failed) {
        return Some(format!("{status} is not what its tasks make it: {:?}", states().collect::<Vec<_>>()));
    }
    if status == RunStatus::Queued {
        return None;
    }
    let wrong = run.tasks.iter().find(|(_, task)| !fits(run, task, by_hand));
    wrong.map(|(name, task)| format!("`{name}` is {} and should not be: {:?}", task.progress.state.status(), run.tasks))
}

fn fits(run: &RunSnapshot, task: &TaskSnapshot, by_hand: bool) -> bool {
    let (status, expected) = (task.progress.state.status(), expected(run, task));
    match status {
        // Nobody waits for what has come.
        TaskStatus::Waiting => expected == Expected::Waits,
        TaskStatus::Cancelled => true,
        _ if by_hand => true,
        // Another task it needs may have failed since.
        TaskStatus::Skipped => expected == Expected::MayRun || any_refused(run, task),
        TaskStatus::UpstreamFailed => expected == Expected::UpstreamFailed,
        TaskStatus::Ready
        | TaskStatus::Running
        | TaskStatus::Deferred
        | TaskStatus::RetryWait
        | TaskStatus::Succeeded
        | TaskStatus::Failed => expected == Expected::MayRun,
    }
}

fn expected(run: &RunSnapshot, task: &TaskSnapshot) -> Expected {
    let parents = || task.parents.iter().map(|parent| &run.tasks[parent].progress.state);
    let failed = |state: &TaskState| {
        matches!(state.status(), TaskStatus::Failed | TaskStatus::Cancelled | TaskStatus::UpstreamFailed)
    };
    if parents().any(failed) {
        Expected::UpstreamFailed
    } else if any_refused(run, task) {
        Expected::Skipped
    } else if parents().all(|state| state.status() == TaskStatus::Succeeded) {
        Expected::MayRun
    } else {
        Expected::Waits
    }
}

/// Some task it needs was skipped, or did not let it pass.
fn any_refused(run: &RunSnapshot, task: &TaskSnapshot) -> bool {
    task.parents.iter().any(|parent| match &run.tasks[parent].progress.state {
        TaskState::Skipped { .. } => true,
        TaskState::Succeeded { outputs } => task.gated && outputs.get("passed") == Some(&Json::Bool(false)),
        _ => false,
    })
}
