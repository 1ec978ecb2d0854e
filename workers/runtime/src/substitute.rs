//! Puts this run's values where parameters say `${…}`. Values are data: what is put in is never read again.

use daybreak_protocol::Assignment;
use daybreak_spec::{Reference, RunValue, Span, Template};
use serde_json::Value as Json;

/// Replaces references in every text of a value, however deep. A text that is one reference and nothing else becomes
/// the value itself.
pub(crate) fn in_value(value: Json, assignment: &Assignment) -> Result<Json, String> {
    match value {
        Json::String(text) => in_text(&text, assignment),
        Json::Array(items) => items.into_iter().map(|item| in_value(item, assignment)).collect(),
        Json::Object(entries) => entries
            .into_iter()
            .map(|(key, value)| Ok((key, in_value(value, assignment)?)))
            .collect::<Result<_, String>>()
            .map(Json::Object),
        other => Ok(other),
    }
}

fn in_text(text: &str, assignment: &Assignment) -> Result<Json, String> {
    let template = Template::parse(text, Span::default())
        .map_err(|problems| problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))?;
    let whole = template.references().next().filter(|reference| format!("${{{}}}", reference.value) == text);
    if let Some(reference) = whole {
        return looked_up(&reference.value, assignment).ok_or_else(|| missing(&reference.value));
    }
    let shown = |reference: &Reference| looked_up(reference, assignment).map(plain);
    template.render(&shown).map(Json::String).map_err(|error| missing(&error.reference))
}

fn looked_up(reference: &Reference, assignment: &Assignment) -> Option<Json> {
    match reference {
        Reference::Run(RunValue::WindowEnd) => Some(assignment.window_end.to_string().into()),
        Reference::Run(RunValue::WindowStart) => assignment.window_start.map(|instant| instant.to_string().into()),
        Reference::Run(RunValue::ScheduledFor) => assignment.scheduled_for.map(|instant| instant.to_string().into()),
        Reference::Run(RunValue::Id) => Some(assignment.run_id.clone().into()),
        Reference::Run(RunValue::Dag) => Some(assignment.dag.as_str().into()),
        Reference::Param(name) => assignment.params.get(name).cloned(),
        Reference::Output { task, key } => assignment.outputs.get(task)?.get(key).cloned(),
    }
}

fn plain(value: Json) -> String {
    match value {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

fn missing(reference: &Reference) -> String {
    let why = match reference {
        Reference::Run(_) => "this run has none (a run by hand has no nominal instant, a first one no window start)",
        Reference::Param(_) => "give it a default under `params:` of the DAG, or a value when you start the run",
        Reference::Output { .. } => "the task left no such output",
    };
    format!("there is no value for `${{{reference}}}`: {why}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn assignment() -> Assignment {
        serde_json::from_value(json!({
            "task_run_id": "a", "fence": 1, "attempt": 1, "run_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "dag": "nightly",
            "task": "judge", "kind": "evaluate", "project_hash": "", "project_root": "/", "scheduled_for": null,
            "window_start": "2013-03-09T07:30:00Z", "window_end": "2013-03-10T07:00:00Z",
            "params": { "limit": 5, "city": "${run.id}" }, "outputs": { "train": { "version": 3 } },
            "timeout_ms": null, "token": "t",
        }))
        .expect("an assignment")
    }

    #[test]
    fn values_are_put_in_at_any_depth_and_keep_their_type_when_they_stand_alone() {
        let parameters = json!({
            "version": "${tasks.train.outputs.version}",
            "argv": ["run", "--from=${run.window_start}", "${run.window_end}/${params.limit}", "$${HOME}"],
            "deep": { "flag": true, "dag": "${run.dag}" },
        });
        let expected = json!({
            "version": 3,
            "argv": ["run", "--from=2013-03-09T07:30:00Z", "2013-03-10T07:00:00Z/5", "${HOME}"],
            "deep": { "flag": true, "dag": "nightly" },
        });
        assert_eq!(in_value(parameters, &assignment()), Ok(expected));
    }

    #[test]
    fn a_value_that_looks_like_a_reference_stays_what_it_is() {
        assert_eq!(in_value(json!("${params.city}"), &assignment()), Ok(json!("${run.id}")));
    }

    #[test]
    fn a_missing_value_says_where_it_would_come_from() {
        let error = in_value(json!("at ${run.scheduled_for}"), &assignment()).expect_err("a run by hand");
        assert!(error.contains("`${run.scheduled_for}`") && error.contains("by hand"));
        let error = in_value(json!(["${params.colour}"]), &assignment()).expect_err("not given");
        assert!(error.contains("params:"));
    }
}
