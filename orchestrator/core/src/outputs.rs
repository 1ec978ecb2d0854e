//! What tasks hand on to each other, and how much of it.

use serde_json::{Map, Value as Json};

/// Most bytes of a task's outputs as JSON. They travel with every task that takes from them; more belongs into a file.
pub const MAX_OUTPUTS_BYTES: usize = 64 << 10;

/// Why outputs are too large and what to do, if they are; to go on where "its outputs" begins.
pub fn too_large(outputs: &Map<String, Json>) -> Option<String> {
    let size = serde_json::to_vec(outputs).map_or(usize::MAX, |json| json.len());
    (size > MAX_OUTPUTS_BYTES).then(|| {
        format!(
            "take {size} bytes as JSON, and at most {MAX_OUTPUTS_BYTES} are handed on: write what is large to a file or an \
             artefact and hand on its name"
        )
    })
}
