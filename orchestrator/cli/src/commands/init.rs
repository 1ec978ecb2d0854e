//! `daybreak init`: a small project that runs.

use std::path::Path;

use crate::failure::{Failure, Outcome};
use crate::output;

const PROJECT: &str = include_str!("init/daybreak.yaml");
const TESTS: &str = include_str!("init/nightly.test.yaml");
const ORDERS: &[u8] = include_bytes!("init/orders.parquet");

/// Writes the project; never over files that exist.
pub fn init(directory: &Path) -> Outcome {
    let (project, data) = (directory.join("daybreak.yaml"), directory.join("data/orders.parquet"));
    let tests = directory.join("nightly.test.yaml");
    for path in [&project, &data, &tests] {
        if path.exists() {
            return Err(Failure::configuration(format!("{} exists already; give another folder", path.display())));
        }
    }
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(directory.join("data"))?;
        std::fs::write(&data, ORDERS)?;
        std::fs::write(&tests, TESTS)?;
        std::fs::write(&project, PROJECT)
    };
    write().map_err(|error| Failure::file(format!("cannot write to {}", directory.display()), &error))?;
    output::line(format_args!("wrote {}, {} and {}", project.display(), tests.display(), data.display()))?;
    output::line(format_args!("next:  daybreak check {}", directory.display()))?;
    output::line(format_args!("       daybreak test {}", directory.display()))?;
    output::line(format_args!(
        "       daybreak run nightly --at 2025-03-01T02:00:00Z --wait --project {}",
        directory.display()
    ))?;
    Ok(())
}
