//! Processes that end at the named points of an attempt, of what its worker writes, of a publication and of the endpoint:
//! whoever starts next goes on, and finds no half of anything. The points of the store are in its own tests. To add one: a
//! `crossing!`, its name in a table here, and what has to hold after it.

mod attempt;
mod endpoint;
mod list;
mod worker;

use std::path::Path;
use std::time::Duration;

use daybreak_artifacts::Artifacts;
use daybreak_tests::{processes_mentioning, wait_for};

/// Variables of a process that ends as its points say; those it starts have them too, and are known by the folder.
fn ending(points: &str, folder: &Path) -> [(&'static str, String); 2] {
    [("FAILPOINTS", points.to_owned()), ("TMPDIR", folder.display().to_string())]
}

/// Nothing that was started with [`ending`] is left.
fn none_left(folder: &Path) {
    let folder = folder.display().to_string();
    wait_for("the end of all processes", Duration::from_secs(20), || {
        processes_mentioning(&folder).is_empty().then_some(())
    });
}

/// Every object of a project is what its hash says. The drafts beside them.
async fn drafts_beside_whole_objects(project: &Path) -> usize {
    let folder = project.join(".daybreak/artifacts");
    let artifacts = Artifacts::local(&folder).expect("artefacts");
    let shards = std::fs::read_dir(folder.join("objects")).expect("shards").flatten();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.path()).expect("a shard").flatten());
    let mut drafts = 0;
    for file in files {
        let name = file.file_name().into_string().expect("letters");
        match name.contains('#') {
            true => drafts += 1,
            false => drop(artifacts.get(&name).await.unwrap_or_else(|error| panic!("{error}"))),
        }
    }
    drafts
}
