//! Projects in temporary folders: YAML, Parquet files made from columns, and naive answers to compare with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use daybreak_features::FeatureRow;
use daybreak_offline::{Offline, ViewBuild};
use daybreak_spec::{Name, Timestamp, Value};
use polars::prelude::*;

pub struct Fixture {
    pub folder: tempfile::TempDir,
}

impl Fixture {
    /// A project of this YAML (beside `version: 1`).
    pub fn new(yaml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let fixture = Self { folder };
        fixture.yaml(yaml);
        fixture
    }

    pub fn yaml(&self, yaml: &str) {
        fs::write(self.path().join("daybreak.yaml"), format!("version: 1\nname: test\n{yaml}")).expect("written");
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn parquet(&self, file: &str, columns: Vec<Column>) -> &Self {
        let height = columns.first().map_or(0, Column::len);
        let mut frame = DataFrame::new(height, columns).expect("columns of one length");
        let file = fs::File::create(self.path().join(file)).expect("created");
        ParquetWriter::new(file).finish(&mut frame).expect("written");
        self
    }

    pub fn offline(&self) -> Offline {
        offline(self.path())
    }
}

/// The project in a folder, which must have no problem of its own.
pub fn offline(root: &Path) -> Offline {
    let loaded = daybreak_spec::load(root).expect("a project");
    assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    Offline::new(Arc::new(loaded.project), root)
}

pub fn flights() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dags/flights")
}

pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("an instant")
}

/// A UTC datetime column of microseconds.
pub fn instants(name: &str, times: &[Option<&str>]) -> Column {
    let micros: Vec<Option<i64>> = times.iter().map(|time| time.map(|time| at(time).micros)).collect();
    let column = Column::new(name.into(), micros);
    column.cast(&DataType::Datetime(TimeUnit::Microseconds, None)).expect("datetimes")
}

pub fn texts(name: &str, values: &[Option<&str>]) -> Column {
    Column::new(name.into(), values)
}

pub fn rows_of(offline: &Offline, build: &ViewBuild) -> Vec<FeatureRow> {
    offline.read_build(&build.view, &build.parquet).expect("a build").rows().collect()
}

/// The features of one key, by name.
pub fn features(offline: &Offline, build: &ViewBuild, keys: &[Value]) -> Option<BTreeMap<String, Value>> {
    let frame = offline.read_build(&build.view, &build.parquet).expect("a build");
    let names: Vec<String> = frame.features.iter().map(|column| column.name.clone()).collect();
    let row = frame.rows().find(|row| row.keys == keys)?;
    Some(names.into_iter().zip(row.values).collect())
}

pub fn stored(builds: Vec<ViewBuild>) -> Vec<(Timestamp, Bytes)> {
    builds.into_iter().map(|build| (build.as_of, Bytes::from(build.parquet))).collect()
}

pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}
