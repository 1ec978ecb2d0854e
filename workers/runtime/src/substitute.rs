//! Puts this run's values where parameters say `${…}`.

use daybreak_core::Values;
use daybreak_protocol::Assignment;
use serde_json::Value as Json;

/// Replaces references in every text of a value, however deep.
pub(crate) fn in_value(value: &Json, assignment: &Assignment) -> Result<Json, String> {
    let values = Values {
        run_id: &assignment.run_id,
        dag: assignment.dag.as_str(),
        scheduled_for: assignment.scheduled_for,
        window_start: assignment.window_start,
        window_end: assignment.window_end,
        params: &assignment.params,
        outputs: &assignment.outputs,
        without_outputs: &assignment.without_outputs,
        item: None,
    };
    values.put_into(value)
}
