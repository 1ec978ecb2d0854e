//! The demo's departures, read in a process of their own: the server's process runs no Polars.

use std::path::Path;

use daybreak_spec::Timestamp;

use super::replay::Departure;
use crate::failure::{Failure, Outcome};

/// The labelled departures with `from <= at < to`, in order, through `daybreak demo-departures`.
pub fn read(project: &Path, from: Timestamp, to: Timestamp) -> Outcome<Vec<Departure>> {
    let output = std::process::Command::new(crate::machine::own_binary()?)
        .arg("demo-departures")
        .arg(project)
        .args([from.to_string(), to.to_string()])
        .output()
        .map_err(|error| Failure::input_output("cannot read the departures", error))?;
    if !output.status.success() {
        return Err(Failure::failed(format!(
            "cannot read the departures: {}",
            String::from_utf8_lossy(&output.stderr)
        )));
    }
    serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::failed(format!("cannot read the departures: {error}")))
}
