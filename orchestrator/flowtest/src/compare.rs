//! What came of a run against what its test expects. Every expectation is looked at, each with its place.

use daybreak_core::TaskState;
use daybreak_spec::{FlowTest, Name, Node, Problem, Span, Spanned, TaskExpectation};
use serde_json::{Map, Value as Json};

use crate::{Played, PlayedTask};

/// An expectation that does not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Where it is written.
    pub span: Span,
    /// Of what, e.g. "task `load`" or "parameter `argv` of task `load`".
    pub what: String,
    /// What was expected.
    pub expected: Json,
    /// What it is; null where there is nothing.
    pub found: Json,
    /// Why it is so.
    pub because: Option<String>,
}

impl Mismatch {
    /// As a problem with its place, for people.
    pub fn problem(&self) -> Problem {
        let message = match (words(&self.found), words(&self.expected)) {
            (Some(found), Some(expected)) => format!("{} is {found}, and {expected} was expected", self.what),
            (None, _) | (_, None) => format!("{} is not what was expected", self.what),
        };
        let problem = Problem::error("not_as_expected", self.span, message);
        match &self.because {
            Some(because) => problem.hint(because.clone()),
            None => problem,
        }
    }

    /// Expected and found line by line, where they do not fit one: `-` was expected and is not there, `+` is there.
    pub fn difference(&self) -> Option<String> {
        if words(&self.expected).is_some() && words(&self.found).is_some() {
            return None;
        }
        let (expected, found) = (format!("{:#}", self.expected), format!("{:#}", self.found));
        Some(line_difference(&expected.lines().collect::<Vec<_>>(), &found.lines().collect::<Vec<_>>()))
    }
}

/// A value in a sentence; none for one that is too large for that.
fn words(json: &Json) -> Option<String> {
    match json {
        Json::Null => Some("nothing".to_owned()),
        Json::String(text) => Some(format!("`{text}`")),
        Json::Array(_) | Json::Object(_) => None,
        Json::Bool(_) | Json::Number(_) => Some(json.to_string()),
    }
}

pub(crate) fn mismatches(test: &FlowTest, played: &Played) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let reason = played.state.reason().map(str::to_owned);
    if let Some(wanted) = &test.expect.run {
        let because = reason.clone().or_else(|| unended(played));
        found.extend(text(wanted, "the run".to_owned(), played.state.status().as_str(), because));
    }
    if let Some(wanted) = &test.expect.reason {
        found.extend(part(wanted, "the run's reason".to_owned(), reason.as_deref()));
    }
    for (name, wanted) in &test.expect.tasks {
        if let Some(task) = played.tasks.get(&name.value) {
            found.extend(of_task(name, wanted, task));
        } else if let Some((task, _)) = name.item() {
            // Of a list that nobody asked for there is no item either.
            let because = no_item(name, played).unwrap_or_else(|| format!("task `{task}` never had a list"));
            found.push(not_there(name, because));
        }
    }
    // A mock of an item of a list that was never made says nothing wrong, as that of any task that never ran.
    found.extend(test.mocks.iter().filter_map(|(name, _)| Some(not_there(name, no_item(name, played)?))));
    found.extend(order(&test.expect.order, played));
    found
}

/// Why an item is none of its list, if it has a list.
fn no_item(name: &Spanned<Name>, played: &Played) -> Option<String> {
    let (task, index) = name.item()?;
    let items = *played.items.get(task)?;
    (index as usize >= items).then(|| format!("the list of task `{task}` has {items} items, counted from 0"))
}

fn not_there(name: &Spanned<Name>, because: String) -> Mismatch {
    let what = format!("task `{}`", name.value);
    Mismatch { span: name.span, what, expected: "there".into(), found: "not there".into(), because: Some(because) }
}

/// What a run that has not ended waits for.
fn unended(played: &Played) -> Option<String> {
    let open = played.tasks.iter().find(|(_, task)| task.ended.is_none());
    open.map(|(name, task)| format!("task `{name}` is {} and nothing happens any more", state(task)))
}

fn state(task: &PlayedTask) -> &'static str {
    task.state.as_ref().map_or("not there", |state| state.status().as_str())
}

fn reason(task: &PlayedTask) -> Option<String> {
    Some(match task.state.as_ref()? {
        TaskState::Failed(failure) => failure.reason.clone(),
        TaskState::Skipped { reason } => reason.clone(),
        TaskState::UpstreamFailed { upstream } => format!("`{upstream}` failed"),
        _ => return None,
    })
}

fn of_task(name: &Spanned<Name>, wanted: &TaskExpectation, task: &PlayedTask) -> Vec<Mismatch> {
    let mut found = Vec::new();
    let what = |thing: &str| format!("{thing} of task `{}`", name.value);
    if let Some(wanted) = &wanted.state {
        found.extend(text(wanted, format!("task `{}`", name.value), state(task), reason(task)));
    }
    if let Some(wanted) = &wanted.attempts
        && wanted.value != task.attempts
    {
        let (expected, is) = (wanted.value.into(), task.attempts.into());
        found.push(Mismatch {
            span: wanted.span,
            what: what("the count of attempts"),
            expected,
            found: is,
            because: reason(task),
        });
    }
    let never = format!("task `{}` was never given parameters: it is {}", name.value, state(task));
    let parameters = (task.parameters.as_ref(), never);
    found.extend(values(&wanted.parameters, parameters, &|key| what(&format!("parameter `{key}`"))));
    let outputs = match &task.state {
        Some(TaskState::Succeeded { outputs }) => Some(outputs),
        _ => None,
    };
    let none = format!("task `{}` left no outputs: it is {}", name.value, state(task));
    found.extend(values(&wanted.outputs, (outputs, none), &|key| what(&format!("output `{key}`"))));
    if let Some(wanted) = &wanted.cause {
        let cause = match &task.state {
            Some(TaskState::Failed(failure)) => failure.cause.as_str(),
            _ => "",
        };
        found.extend(text(wanted, what("the cause"), cause, reason(task)));
    }
    if let Some(wanted) = &wanted.reason {
        found.extend(part(wanted, what("the reason"), reason(task).as_deref()));
    }
    found
}

fn values(
    wanted: &[(Spanned<String>, Node)],
    (there, none): (Option<&Map<String, Json>>, String),
    what: &dyn Fn(&str) -> String,
) -> Vec<Mismatch> {
    let mut found = Vec::new();
    for (key, node) in wanted {
        let (expected, is) = (node.to_json(), there.and_then(|there| there.get(&key.value)));
        if is != Some(&expected) {
            let because = there.is_none().then(|| none.clone());
            let is = is.cloned().unwrap_or(Json::Null);
            found.push(Mismatch { span: node.span, what: what(key), expected, found: is, because });
        }
    }
    found
}

fn text(wanted: &Spanned<String>, what: String, is: &str, because: Option<String>) -> Option<Mismatch> {
    let found = if is.is_empty() { Json::Null } else { is.into() };
    (wanted.value != is).then(|| Mismatch {
        span: wanted.span,
        what,
        expected: wanted.value.as_str().into(),
        found,
        because,
    })
}

/// The expected text has to stand somewhere in it.
fn part(wanted: &Spanned<String>, what: String, is: Option<&str>) -> Option<Mismatch> {
    if is.is_some_and(|is| is.contains(&wanted.value)) {
        return None;
    }
    let found = is.map_or(Json::Null, Json::from);
    Some(Mismatch { span: wanted.span, what, expected: format!("…{}…", wanted.value).into(), found, because: None })
}

fn order(names: &[Spanned<Name>], played: &Played) -> Vec<Mismatch> {
    let mut found = Vec::new();
    for name in names {
        let began = played.tasks.get(&name.value).and_then(|task| task.began);
        if began.is_none() {
            let state = played.tasks.get(&name.value).map_or("not there", state);
            let (expected, found_here) = ("begun".into(), state.into());
            let what = format!("task `{}`", name.value);
            found.push(Mismatch { span: name.span, what, expected, found: found_here, because: None });
        }
    }
    for pair in names.windows(2) {
        let (Some(first), Some(second)) = (played.tasks.get(&pair[0].value), played.tasks.get(&pair[1].value)) else {
            continue;
        };
        if let (Some(ended), Some(began)) = (first.ended, second.began)
            && ended > began
        {
            let (what, expected) =
                (format!("the begin of task `{}`", pair[1].value), format!("after the end of {}", pair[0].value));
            let is = format!("before the end of {}", pair[0].value);
            let because = Some(format!("`{}` does not wait for `{}`", pair[1].value, pair[0].value));
            found.push(Mismatch { span: pair[1].span, what, expected: expected.into(), found: is.into(), because });
        }
    }
    found
}

/// The longest common subsequence of lines stays, the others are marked.
fn line_difference(expected: &[&str], found: &[&str]) -> String {
    let (rows, columns) = (expected.len(), found.len());
    let mut common = vec![vec![0_usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            common[row][column] = match expected[row] == found[column] {
                true => common[row + 1][column + 1] + 1,
                false => common[row + 1][column].max(common[row][column + 1]),
            };
        }
    }
    let (mut row, mut column, mut text) = (0, 0, String::new());
    while row < rows || column < columns {
        let same = row < rows && column < columns && expected[row] == found[column];
        let takes_expected = row < rows && (column == columns || common[row + 1][column] >= common[row][column + 1]);
        let (sign, line) = match (same, takes_expected) {
            (true, _) => (' ', expected[row]),
            (false, true) => ('-', expected[row]),
            (false, false) => ('+', found[column]),
        };
        text.push_str(&format!("{sign} {line}\n"));
        row += usize::from(same || takes_expected);
        column += usize::from(same || !takes_expected);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_both_have_stay() {
        let text = line_difference(&["[", "  1,", "  2", "]"], &["[", "  1,", "  3,", "  4", "]"]);
        assert_eq!(text, "  [\n    1,\n-   2\n+   3,\n+   4\n  ]\n");
    }
}
