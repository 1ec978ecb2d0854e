//! The flights project, carried inside the binary so that the demo runs anywhere. To change it, change `dags/flights`.

use std::path::Path;

use crate::failure::{Failure, Outcome};

macro_rules! flights {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_bytes!(concat!("../../../../dags/flights/", $path)) as &[u8])),*]
    };
}

/// Path below the project, content.
const FILES: &[(&str, &[u8])] = flights![
    "README.md",
    "daybreak.yaml",
    "features.yaml",
    "models.yaml",
    "dags.yaml",
    "nightly.test.yaml",
    "data/README.md",
    "data/flights-2013-01.parquet",
    "data/flights-2013-02.parquet",
    "data/flights-2013-03.parquet",
    "data/flights-2013-04.parquet",
    "data/flights-2013-05.parquet",
    "data/flights-2013-06.parquet",
    "data/flights-2013-07.parquet",
    "data/flights-2013-08.parquet",
    "data/weather-2013.parquet",
    "data/planes.parquet",
];

const MARKER: &str = ".daybreak-demo";

/// Empties the demo's folder and writes the project. A folder that is not a demo's is never touched.
pub fn write_clean(folder: &Path) -> Outcome {
    if folder.exists() && !is_demo(folder) && !is_empty(folder) {
        return Err(Failure::configuration(format!(
            "{} holds something else than a demo; give another folder with --data",
            folder.display()
        )));
    }
    let write = || -> std::io::Result<()> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder.join("data"))?;
        std::fs::write(folder.join(MARKER), "made by `daybreak demo`; it may empty this folder\n")?;
        for (path, content) in FILES {
            std::fs::write(folder.join(path), content)?;
        }
        Ok(())
    };
    write().map_err(|error| Failure::file(format!("cannot write the demo to {}", folder.display()), &error))
}

/// Whether a demo was started in the folder.
pub fn is_demo(folder: &Path) -> bool {
    folder.join(MARKER).is_file()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}
