//! What a waiting task becomes, by how the tasks it needs stand: the named rules as in Airflow's table, conditions and
//! teardowns. One pure function over states; never looks at a run. To add a rule: an arm in [`by_rule`], its lines in
//! both tables of `tests/state/triggers.rs`.

use daybreak_spec::{Condition, ConditionTree, EndWord, Name, Rule, TriggerRule};

use crate::TaskStatus;

/// How a task that another one needs stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need<'a> {
    /// The task.
    pub task: &'a Name,
    /// Its state; one that is not terminal is still to come.
    pub status: TaskStatus,
    /// Whether a worker ever took it, or its end was known without one: something may have to be cleared up.
    pub begun: bool,
}

/// What becomes of the task that needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It waits on.
    Wait,
    /// It may run.
    Run,
    /// It is not to be run.
    Skip,
    /// It is left out because something it needs failed.
    UpstreamFailed,
}

/// Decides on a waiting task. A task that needs nothing runs, whatever its rule.
pub fn decide(trigger: &TriggerRule, needs: &[Need<'_>]) -> Verdict {
    if needs.is_empty() {
        return Verdict::Run;
    }
    match trigger {
        TriggerRule::Rule(rule) => by_rule(*rule, &Count::of(needs)),
        TriggerRule::When(condition) => by_condition(condition, needs),
        TriggerRule::Teardown if needs.iter().any(|need| !need.status.is_terminal()) => Verdict::Wait,
        TriggerRule::Teardown if needs.iter().any(|need| need.begun) => Verdict::Run,
        TriggerRule::Teardown => Verdict::Skip,
    }
}

/// How many of them stand how.
#[derive(Default)]
struct Count {
    open: usize,
    succeeded: usize,
    /// By itself, or because somebody asked for its end.
    failed: usize,
    left_out: usize,
    skipped: usize,
}

impl Count {
    fn of(needs: &[Need<'_>]) -> Self {
        let mut count = Self::default();
        for need in needs {
            *match need.status {
                TaskStatus::Succeeded => &mut count.succeeded,
                TaskStatus::Failed | TaskStatus::Cancelled => &mut count.failed,
                TaskStatus::UpstreamFailed => &mut count.left_out,
                TaskStatus::Skipped => &mut count.skipped,
                TaskStatus::Waiting
                | TaskStatus::Ready
                | TaskStatus::Running
                | TaskStatus::Deferred
                | TaskStatus::RetryWait => &mut count.open,
            } += 1;
        }
        count
    }
}

/// The first line of a rule that holds decides; a rule whose lines all fail waits for the rest.
fn by_rule(rule: Rule, count: &Count) -> Verdict {
    use Verdict::{Run, Skip, UpstreamFailed, Wait};
    let succeeded = count.succeeded > 0;
    let failed = count.failed + count.left_out > 0;
    let skipped = count.skipped > 0;
    let all_ended = count.open == 0;
    let lines: &[(bool, Verdict)] = match rule {
        Rule::AllSuccess => &[(failed, UpstreamFailed), (skipped, Skip), (all_ended, Run)],
        Rule::AllFailed => &[(succeeded || skipped, Skip), (all_ended, Run)],
        Rule::AllDone => &[(all_ended, Run)],
        Rule::AllDoneMinOneSuccess => &[(skipped, Skip), (all_ended && succeeded, Run), (all_ended, UpstreamFailed)],
        Rule::AllSkipped => &[(succeeded || failed, Skip), (all_ended, Run)],
        Rule::OneSuccess => &[(succeeded, Run), (all_ended && failed, UpstreamFailed), (all_ended, Skip)],
        Rule::OneFailed => &[(failed, Run), (all_ended, Skip)],
        Rule::OneDone => &[(succeeded || count.failed > 0, Run), (all_ended, Skip)],
        Rule::NoneFailed => &[(failed, UpstreamFailed), (all_ended, Run)],
        Rule::NoneFailedMinOneSuccess => &[(failed, UpstreamFailed), (all_ended && succeeded, Run), (all_ended, Skip)],
        Rule::NoneSkipped => &[(skipped, Skip), (all_ended, Run)],
        Rule::Always => &[(true, Run)],
    };
    lines.iter().find(|(holds, _)| *holds).map_or(Wait, |(_, verdict)| *verdict)
}

/// Decided as soon as nothing that is still to come can change it. A task that is needed and not named is waited for.
fn by_condition(condition: &Condition, needs: &[Need<'_>]) -> Verdict {
    match holds(&condition.tree, needs) {
        Some(false) => Verdict::Skip,
        Some(true) => {
            let named = condition.tasks();
            let waited_for =
                |need: &Need<'_>| !need.status.is_terminal() && !named.iter().any(|task| task.value == *need.task);
            if needs.iter().any(waited_for) { Verdict::Wait } else { Verdict::Run }
        }
        None => Verdict::Wait,
    }
}

/// `None`: it depends on what is still to come.
fn holds(tree: &ConditionTree, needs: &[Need<'_>]) -> Option<bool> {
    match tree {
        ConditionTree::Is(task, word) => {
            let status = needs.iter().find(|need| *need.task == task.value)?.status;
            status.is_terminal().then(|| is(status, *word))
        }
        ConditionTree::Not(inner) => holds(inner, needs).map(|holds| !holds),
        ConditionTree::All(parts) => among(parts, needs, false),
        ConditionTree::Any(parts) => among(parts, needs, true),
    }
}

/// One part that is `decisive` settles it; otherwise all have to be known.
fn among(parts: &[ConditionTree], needs: &[Need<'_>], decisive: bool) -> Option<bool> {
    let mut all_known = true;
    for part in parts {
        match holds(part, needs) {
            Some(value) if value == decisive => return Some(decisive),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decisive)
}

fn is(status: TaskStatus, word: EndWord) -> bool {
    match word {
        EndWord::Succeeded => status == TaskStatus::Succeeded,
        EndWord::Failed => status == TaskStatus::Failed,
        EndWord::Skipped => status == TaskStatus::Skipped,
        EndWord::UpstreamFailed => status == TaskStatus::UpstreamFailed,
        EndWord::Cancelled => status == TaskStatus::Cancelled,
        EndWord::Done => status.is_terminal(),
    }
}
