//! The last state of the registry, on the disk, so that serving starts while the orchestrator is away. A file that does
//! not read back is as good as none.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use daybreak_artifacts::{make_folder, put_in_place};
use daybreak_protocol::Live;

const FOLDER: &str = "serving";
const FILE: &str = "live.json";

/// What was written last.
pub fn read(data_dir: &Path) -> Option<Live> {
    let bytes = fs::read(data_dir.join(FOLDER).join(FILE)).ok()?;
    match serde_json::from_slice(&bytes) {
        Ok(live) => Some(live),
        Err(error) => {
            tracing::warn!(%error, "the last state of the registry does not read back; waiting for the orchestrator");
            None
        }
    }
}

/// Replaces it: a reader finds the old file or the new one, whole.
pub fn write(data_dir: &Path, live: &Live) -> io::Result<()> {
    let folder = data_dir.join(FOLDER);
    make_folder(&folder)?;
    let draft = folder.join("live.json.new");
    let bytes = serde_json::to_vec_pretty(live)?;
    put_in_place((File::create(&draft)?, &draft), &folder.join(FILE), &bytes)
}
