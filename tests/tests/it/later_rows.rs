//! What becomes known later changes nothing: rows added to the sources with times at or after T leave the training set
//! and every build at T as they were, to the byte.

use std::collections::BTreeSet;
use std::path::Path;

use daybreak_spec::Timestamp;
use daybreak_tests::{copy_project, daybreak, json, root, tables};
use polars::prelude::{IntoLazy as _, lit};

const AT: &str = "2013-03-20T06:30:00Z";
const FLIGHT_TIMES: [&str; 3] = ["sched_dep_at", "dep_at", "arr_at"];

/// Where the added rows lie.
#[derive(Clone, Copy)]
enum Added {
    /// The first of their times is T itself.
    FromT,
    /// The last of their times is the microsecond before T.
    BeforeT,
}

impl Added {
    /// How far rows with these first and last times are moved.
    fn shift_us(self, (first, last): (i64, i64)) -> i64 {
        let at = Timestamp::parse(AT).expect("an instant").micros;
        match self {
            Self::FromT => at - first,
            Self::BeforeT => at - 1 - last,
        }
    }
}

fn flights() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    copy_project(&root().join("dags/flights"), folder.path());
    folder
}

/// A further file of flights, of a carrier that is new, and a weather file in which the new rows stand first.
fn add(project: &Path, added: Added) {
    let data = project.join("data");
    let flights = tables::read(&data.join("flights-2013-01.parquet"));
    let shift = added.shift_us(tables::span_us(&flights, &FLIGHT_TIMES));
    let flights = tables::moved(flights, &FLIGHT_TIMES, shift);
    let flights = flights.lazy().with_column(lit("ZZ").alias("carrier")).collect().expect("flights of a new carrier");
    tables::write(&data.join("flights-2013-09.parquet"), flights);

    let weather = tables::read(&data.join("weather-2013.parquet"));
    let shift = added.shift_us(tables::span_us(&weather, &["observed_at"]));
    let more = tables::moved(weather.clone(), &["observed_at"], shift);
    tables::write(&data.join("weather-2013.parquet"), more.vstack(&weather).expect("tables of one form"));
}

fn export(project: &Path) -> Vec<u8> {
    let arguments = ["training-set", "late_arrival", "--at", AT, "--history", "30d", "-o", "set.parquet"];
    let output = daybreak(project, &arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::read(project.join("set.parquet")).expect("an exported file")
}

/// The SHA-256 of everything that a night at T leaves: its builds, those of the history, the model, the project.
fn objects_of_a_night(project: &Path) -> BTreeSet<String> {
    let run = json(&daybreak(project, &["run", "nightly", "--at", AT, "--wait", "--json"]));
    assert_eq!(run["state"], "succeeded", "{run}");
    let folders = std::fs::read_dir(project.join(".daybreak/artifacts/objects")).expect("objects").flatten();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()).expect("objects").flatten());
    files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn rows_with_times_at_or_after_t_change_no_byte_of_a_training_set_or_a_build() {
    let plain = flights();
    let (exported, objects) = (export(plain.path()), objects_of_a_night(plain.path()));
    assert!(objects.len() > 8 * 60, "builds of eight views over the history: {}", objects.len());

    let later = flights();
    add(later.path(), Added::FromT);
    assert!(export(later.path()) == exported, "the training set differs");
    assert_eq!(objects_of_a_night(later.path()), objects);

    let earlier = flights();
    add(earlier.path(), Added::BeforeT);
    assert!(export(earlier.path()) != exported, "rows known before T count");
}
