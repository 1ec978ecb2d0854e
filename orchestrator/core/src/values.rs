//! What `${…}` stands for in one run, for whoever puts values into parameters: a worker before it runs a task, the server
//! where a list or a key is known without running anything. Values are data: what is put in is never read again. To add a
//! reference: a variant of `daybreak_spec::Reference` and its arm in [`Values::lookup`].

use std::collections::BTreeSet;
use std::sync::Arc;

use daybreak_spec::{Name, Reference, RunValue, Span, Template, Timestamp};
use serde_json::{Map, Value as Json};

use crate::state::{Failure, MAX_ITEMS, TaskState, TaskStatus};

/// What a task hands on to those that come after it.
#[derive(Clone, Copy, Debug)]
pub enum Handed<'a> {
    /// It succeeded.
    Outputs(&'a Map<String, Json>),
    /// Nothing, and where it stands, if that is known.
    Nothing(Option<TaskStatus>),
}

impl<'a> Handed<'a> {
    /// What a task that stands there hands on; none: a task that there is none of.
    #[must_use]
    pub fn of(state: Option<&'a TaskState>) -> Self {
        match state {
            Some(TaskState::Succeeded { outputs }) => Self::Outputs(outputs),
            Some(other) => Self::Nothing(Some(other.status())),
            None => Self::Nothing(None),
        }
    }
}

/// The values of one run, as one of its tasks sees them.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// The run's ULID.
    pub run_id: &'a str,
    /// The DAG.
    pub dag: &'a str,
    /// Nominal instant; none for a manual run.
    pub scheduled_for: Option<Timestamp>,
    /// Previous firing.
    pub window_start: Option<Timestamp>,
    /// T.
    pub window_end: Timestamp,
    /// The run's parameters.
    pub params: &'a Map<String, Json>,
    /// What its tasks have handed on.
    pub handed: &'a dyn Fn(&Name) -> Handed<'a>,
    /// The item of a `for_each` and its place in the list.
    pub item: Option<(&'a Json, u32)>,
}

impl Values<'_> {
    /// A value with every reference in its texts replaced, however deep. A text that is one reference and nothing else
    /// becomes the value itself.
    ///
    /// # Errors
    /// What has no value and why, in words for whoever wrote the reference.
    pub fn put_into(&self, value: &Json) -> Result<Json, String> {
        match value {
            Json::String(text) => self.put_into_text(text),
            Json::Array(items) => items.iter().map(|item| self.put_into(item)).collect(),
            Json::Object(entries) => {
                let put = |(key, value): (&String, &Json)| Ok((key.clone(), self.put_into(value)?));
                entries.iter().map(put).collect::<Result<_, String>>().map(Json::Object)
            }
            other => Ok(other.clone()),
        }
    }

    /// The list that a `for_each` names.
    ///
    /// # Errors
    /// As the task fails that cannot have one.
    pub fn list(&self, declared: &Json) -> Result<Arc<[Json]>, Failure> {
        let failed = |reason: String| Failure { cause: "bad_list".to_owned(), reason };
        let put = self.put_into(declared);
        match put.map_err(|why| failed(format!("its `for_each` has no list: {why}")))? {
            Json::Array(items) => Ok(items.into()),
            other => {
                let shown: String = other.to_string().chars().take(100).collect();
                Err(failed(format!("its `for_each` needs a list of at most {MAX_ITEMS} items, not {shown}")))
            }
        }
    }

    fn put_into_text(&self, text: &str) -> Result<Json, String> {
        let template = Template::parse(text, Span::default())
            .map_err(|problems| problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))?;
        if let Some((reference, default)) = template.alone() {
            let found = self.lookup(&reference.value).or(default);
            return found.ok_or_else(|| self.missing(&reference.value));
        }
        let shown = |reference: &Reference| self.lookup(reference).map(plain);
        template.render(&shown).map(Json::String).map_err(|error| self.missing(&error.reference))
    }

    fn lookup(&self, reference: &Reference) -> Option<Json> {
        match reference {
            Reference::Run(RunValue::WindowEnd) => Some(self.window_end.to_string().into()),
            Reference::Run(RunValue::WindowStart) => self.window_start.map(|instant| instant.to_string().into()),
            Reference::Run(RunValue::ScheduledFor) => self.scheduled_for.map(|instant| instant.to_string().into()),
            Reference::Run(RunValue::Id) => Some(self.run_id.into()),
            Reference::Run(RunValue::Dag) => Some(self.dag.into()),
            Reference::Param(name) => self.params.get(name).cloned(),
            Reference::Output { task, key } => match (self.handed)(task) {
                Handed::Outputs(outputs) => outputs.get(key).cloned(),
                Handed::Nothing(_) => None,
            },
            Reference::Item { key: None } => self.item.map(|(item, _)| item.clone()),
            Reference::Item { key: Some(key) } => self.item?.0.get(key).cloned(),
            Reference::Index => self.item.map(|(_, index)| index.into()),
        }
    }

    fn missing(&self, reference: &Reference) -> String {
        let why = match reference {
            Reference::Run(_) => {
                "this run has none (a run by hand has no nominal instant, a first one no window start)".to_owned()
            }
            Reference::Param(_) => {
                "give it a default under `params:` of the DAG, or a value when you start the run".to_owned()
            }
            Reference::Output { task, .. } => {
                let why = match (self.handed)(task) {
                    Handed::Nothing(Some(status)) => format!("task `{task}` is {status} and handed on nothing"),
                    Handed::Outputs(_) => format!("task `{task}` handed on no such output"),
                    Handed::Nothing(None) => format!("task `{task}` handed on nothing to this one"),
                };
                format!("{why}; `${{{reference}:-text}}` is `text` then")
            }
            Reference::Item { key: Some(key) } if self.item.is_some() => {
                format!("the item is no map with the key `{key}`; `${{{reference}:-text}}` is `text` then")
            }
            Reference::Item { .. } | Reference::Index => "the task has no `for_each`".to_owned(),
        };
        format!("there is no value for `${{{reference}}}`: {why}")
    }
}

/// The tasks whose outputs a declared value asks for, in any text of it; of a text that does not read, none.
#[must_use]
pub fn tasks_named(value: &Json) -> BTreeSet<Name> {
    let mut found = BTreeSet::new();
    name_tasks(value, &mut found);
    found
}

fn name_tasks(value: &Json, found: &mut BTreeSet<Name>) {
    match value {
        Json::String(text) if text.contains("${") => {
            let template = Template::parse(text, Span::default());
            for reference in template.iter().flat_map(Template::references) {
                if let Reference::Output { task, .. } = &reference.value {
                    found.insert(task.clone());
                }
            }
        }
        Json::Array(items) => items.iter().for_each(|item| name_tasks(item, found)),
        Json::Object(entries) => entries.values().for_each(|value| name_tasks(value, found)),
        _ => {}
    }
}

/// A value as it stands within a text.
#[must_use]
pub fn plain(value: Json) -> String {
    match value {
        Json::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn put(value: Json) -> Result<Json, String> {
        let map = |json: Json| json.as_object().expect("a map").clone();
        let params = map(json!({ "limit": 5, "city": "${run.id}" }));
        let outputs = map(json!({ "version": 3, "list": [1, 2] }));
        let handed = |task: &Name| match task.as_str() {
            "train" => Handed::Outputs(&outputs),
            _ => Handed::Nothing(Some(TaskStatus::Skipped)),
        };
        let item = json!({ "city": "Rome" });
        let values = Values {
            run_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            dag: "nightly",
            scheduled_for: None,
            window_start: Timestamp::parse("2013-03-09T07:30:00Z"),
            window_end: Timestamp::parse("2013-03-10T07:00:00Z").expect("an instant"),
            params: &params,
            handed: &handed,
            item: Some((&item, 4)),
        };
        values.put_into(&value)
    }

    #[test]
    fn values_are_put_in_at_any_depth_and_keep_their_type_when_they_stand_alone() {
        let parameters = json!({
            "version": "${tasks.train.outputs.version}",
            "argv": ["run", "--from=${run.window_start}", "${run.window_end}/${params.limit}", "$${HOME}"],
            "deep": { "flag": true, "dag": "${run.dag}", "list": "${tasks.train.outputs.list}" },
            "item": ["${item}", "${item.city}", "${index}", "${index}: ${item}"],
        });
        let expected = json!({
            "version": 3,
            "argv": ["run", "--from=2013-03-09T07:30:00Z", "2013-03-10T07:00:00Z/5", "${HOME}"],
            "deep": { "flag": true, "dag": "nightly", "list": [1, 2] },
            "item": [{ "city": "Rome" }, "Rome", 4, "4: {\"city\":\"Rome\"}"],
        });
        assert_eq!(put(parameters), Ok(expected));
    }

    #[test]
    fn tasks_are_named_in_any_text_of_a_value_and_nowhere_else() {
        let value = json!({
            "argv": ["${tasks.train.outputs.version}", { "deep": "a ${tasks.fetch.outputs.rows:-0} b" }],
            "own": ["$${tasks.not.outputs.this}", "${params.tasks}", "${item.tasks}", "${tasks.broken", 5],
            "${tasks.key.outputs.x}": "keys are no values",
        });
        let named: Vec<String> = tasks_named(&value).iter().map(ToString::to_string).collect();
        assert_eq!(named, ["fetch", "train"]);
    }

    #[test]
    fn a_value_that_looks_like_a_reference_stays_what_it_is() {
        assert_eq!(put(json!("${params.city}")), Ok(json!("${run.id}")));
    }

    #[test]
    fn a_missing_value_says_where_it_would_come_from() {
        let error = put(json!("at ${run.scheduled_for}")).expect_err("a run by hand");
        assert!(error.contains("`${run.scheduled_for}`") && error.contains("by hand"));
        let error = put(json!(["${params.colour}"])).expect_err("not given");
        assert!(error.contains("params:"));
        let error = put(json!("${item.country}")).expect_err("it has none");
        assert!(error.contains("no map with the key `country`"), "{error}");
    }

    #[test]
    fn an_output_of_a_task_that_did_not_succeed_is_missed_by_its_name_unless_there_is_a_default() {
        let error = put(json!("${tasks.fetch.outputs.rows}")).expect_err("it was skipped");
        let expected = "there is no value for `${tasks.fetch.outputs.rows}`: task `fetch` is skipped and handed on \
                        nothing; `${tasks.fetch.outputs.rows:-text}` is `text` then";
        assert_eq!(error, expected);
        let error = put(json!("${tasks.train.outputs.rows}")).expect_err("it has none");
        assert!(error.contains("task `train` handed on no such output"), "{error}");
        assert_eq!(put(json!("${tasks.fetch.outputs.rows:-0}")), Ok(json!(0)));
        assert_eq!(put(json!("n=${tasks.fetch.outputs.rows:-0}")), Ok(json!("n=0")));
        assert_eq!(put(json!("${tasks.train.outputs.version:-0}")), Ok(json!(3)));
    }
}
