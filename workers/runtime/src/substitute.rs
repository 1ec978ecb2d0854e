//! Puts this run's values where parameters say `${…}`.

use daybreak_core::{Handed, Values};
use daybreak_protocol::Assignment;
use daybreak_spec::Name;
use serde_json::Value as Json;

/// Replaces references in every text of a value, however deep.
pub(crate) fn in_value(value: &Json, assignment: &Assignment) -> Result<Json, String> {
    let handed = |task: &Name| match assignment.outputs.get(task) {
        Some(outputs) => Handed::Outputs(outputs),
        None => Handed::Nothing(assignment.without_outputs.get(task).copied()),
    };
    let values = Values {
        run_id: &assignment.run_id,
        dag: assignment.dag.as_str(),
        scheduled_for: assignment.scheduled_for,
        window_start: assignment.window_start,
        window_end: assignment.window_end,
        params: &assignment.params,
        handed: &handed,
        item: assignment.item.as_ref().map(|item| (&item.value, item.index)),
    };
    values.put_into(value)
}
