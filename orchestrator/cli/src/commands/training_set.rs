//! `daybreak training-set`, and the demo's departures: reads through the feature engine, in a process of its own.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use daybreak_artifacts::Artifacts;
use daybreak_offline::{Offline, TrainingFrame};
use daybreak_spec::{Name, Timestamp, Value};
use daybreak_tasks::{Stores, TrainingSetRequest};
use serde_json::{Map, Value as Json, json};

use crate::arguments::TrainingSet;
use crate::artifacts::artifacts;
use crate::connection::Connection;
use crate::demo::replay::Departure;
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::output;
use crate::project_folder::load_project;

/// Writes the rows that a `train` task at that instant would see.
pub async fn training_set(arguments: &TrainingSet) -> Outcome {
    let model = Name::parse(&arguments.model)
        .ok_or_else(|| Failure::usage(format!("`{}` is not a model's name", arguments.model)))?;
    let home = Home::of(&arguments.project.directory)?;
    let project = Arc::new(load_project(&home)?.project);
    let artifacts = Artifacts::open(&artifacts(&home.state, None)?).map_err(Failure::configuration)?;
    let connection = Connection::open(&arguments.project.directory).await?;
    // A server that runs may have been told of another store on its command line.
    let version = connection.client.project().await.map_err(Failure::failed)?.version;
    if !artifacts.exists(&version).await.map_err(Failure::failed)? {
        connection.close().await;
        return Err(Failure::configuration(format!(
            "{} does not hold the version of the project that is live, {version}: the server keeps artefacts elsewhere; set \
             DAYBREAK_ARTIFACTS to what it was started with",
            artifacts.place()
        )));
    }
    let stores = Stores::new(project, &home.project, artifacts, Arc::new(connection.client.clone()));
    let request = TrainingSetRequest { model, at: arguments.at, history: arguments.history.clone() };
    let made = daybreak_tasks::training_set(&stores, &request).await;
    connection.close().await;
    let file = made.map_err(|error| Failure::failed(error.reason))?;
    if file.frame.rows() == 0 {
        return Err(Failure::failed(format!(
            "model `{}` has no row from {} to {}, so nothing was written: {} observations, {} without a label, {} with one \
             not known yet; check --at and --history against the dates in its source",
            arguments.model,
            file.frame.from,
            arguments.at,
            file.frame.report.observations,
            file.frame.report.null_labels,
            file.frame.report.unknown_labels
        )));
    }
    std::fs::write(&arguments.output, &file.parquet)
        .map_err(|error| Failure::file(format!("cannot write {}", arguments.output.display()), &error))?;
    let report = &file.frame.report;
    if arguments.project.json {
        let facts = json!({
            "rows": file.frame.rows(), "observations": report.observations, "null_labels": report.null_labels,
            "unknown_labels": report.unknown_labels, "builds_made": file.builds_made,
        });
        output::line(facts)?;
    } else {
        output::line(format_args!(
            "wrote {} rows to {}; left out: {} without a label, {} with a label not known by {}",
            file.frame.rows(),
            arguments.output.display(),
            report.null_labels,
            report.unknown_labels,
            arguments.at
        ))?;
    }
    Ok(())
}

/// A feature value as JSON.
fn to_json(value: Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => flag.into(),
        Value::Int(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::Date(days) => days.into(),
        Value::Instant(micros) => Timestamp::from_micros(micros).to_string().into(),
    }
}

/// The labelled observations of the demo's model with `from <= at < to`, as JSON lines on standard output.
pub fn departures(directory: &Path, from: Timestamp, to: Timestamp) -> Outcome {
    let loaded = daybreak_spec::load(directory).map_err(Failure::configuration)?;
    let project = Arc::new(loaded.project);
    let offline = Offline::new(project.clone(), directory);
    let model =
        project.models.keys().next().cloned().ok_or_else(|| Failure::configuration("the project has no model"))?;
    let ever = Timestamp::from_micros(253_402_214_400_000_000);
    let frame = offline.training_set(&model, (from, to), ever, &Default::default()).map_err(Failure::failed)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for (row, label) in frame.labels().into_iter().enumerate() {
        let departure = Departure {
            at: Timestamp::from_micros(frame.times_us[row]),
            label: label > 0.5,
            row: request(&frame, row),
        };
        serde_json::to_writer(&mut out, &departure)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .map_err(|error| output::unwritten(&error))?;
    }
    out.flush().map_err(|error| output::unwritten(&error))
}

/// What a client would have sent: entity keys and inputs.
fn request(frame: &TrainingFrame, row: usize) -> Map<String, Json> {
    frame.keys.iter().chain(&frame.inputs).map(|column| (column.name.clone(), to_json(column.value(row)))).collect()
}
