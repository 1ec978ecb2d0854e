//! The project as people read it: its versions, the texts of each and those of now, and what is wrong with them one by one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use daybreak_protocol::{Client, Error, Fault, ProjectFile, ProjectFiles, ProjectVersionsQuery};
use daybreak_server::{ProjectSource, ReadProject, Unsound};
use daybreak_spec::{Severity, Source, Stamp};
use serde_json::json;

use crate::support::{World, nights, project};

/// A folder whose content the test says.
struct Folder {
    root: PathBuf,
    holds: Mutex<Result<ReadProject, Unsound>>,
}

#[async_trait]
impl ProjectSource for Folder {
    async fn read(&self) -> Result<ReadProject, Unsound> {
        self.holds.lock().expect("no panic").clone()
    }

    async fn texts(&self) -> Result<ProjectFiles, String> {
        Ok(files("version: 1 # as it is now\n"))
    }

    async fn files(&self, _: &Source, _: &[PathBuf]) -> Result<Vec<(PathBuf, Stamp)>, String> {
        Ok(Vec::new())
    }

    fn root(&self) -> &Path {
        &self.root
    }
}

fn files(text: &str) -> ProjectFiles {
    ProjectFiles::of(vec![ProjectFile { path: "daybreak.yaml".to_owned(), text: text.to_owned() }])
}

fn read(overlap: &str, text: &str) -> ReadProject {
    let mut schedule = nights();
    schedule["overlap"] = json!(overlap);
    ReadProject { files: files(text), ..project(schedule).into() }
}

fn unsound() -> Unsound {
    let fault = |line: u32, code: &str| Fault {
        code: code.to_owned(),
        severity: Severity::Error,
        message: "no such key".to_owned(),
        file: Some("daybreak.yaml".to_owned()),
        line: Some(line),
        column: Some(1),
        help: None,
    };
    let words = "daybreak.yaml:3:1: no such key\ndaybreak.yaml:4:1: no such kind".to_owned();
    Unsound { words, faults: vec![fault(3, "unknown_key"), fault(4, "unknown_kind")] }
}

async fn followed() -> (World, Arc<Folder>, Client) {
    let world = World::new().await;
    let folder = Folder { root: world.folder.path().to_owned(), holds: Mutex::new(Ok(read("queue", "version: 1\n"))) };
    let (folder, client) = (Arc::new(folder), Client::new(&world.serve().await, "secret"));
    world.server.follow_source(folder.clone());
    (world, folder, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_version_has_the_texts_it_was_deployed_with_and_the_folder_those_of_now() {
    let (_world, folder, client) = followed().await;
    let first = client.reload().await.expect("it is sound").version;
    *folder.holds.lock().expect("no panic") = Ok(read("skip", "version: 1 # skips\n"));
    let second = client.reload().await.expect("it is sound").version;
    assert_ne!(first, second);
    assert_eq!(client.files_of_version(&first).await.expect("kept"), files("version: 1\n"));
    assert_eq!(client.files_of_version(&second).await.expect("kept"), files("version: 1 # skips\n"));
    assert_eq!(client.project_files().await.expect("a folder"), files("version: 1 # as it is now\n"));
    let versions = client.project_versions(&ProjectVersionsQuery::default()).await.expect("versions").versions;
    let shown: Vec<_> = versions.iter().map(|found| (found.version.as_str(), found.current)).collect();
    assert_eq!(shown, [(second.as_str(), true), (first.as_str(), false)]);
    assert!(matches!(client.files_of_version(&"0".repeat(64)).await, Err(Error::NotFound(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_makes_no_version_and_its_text_is_kept() {
    let (_world, folder, client) = followed().await;
    let first = client.reload().await.expect("it is sound").version;
    *folder.holds.lock().expect("no panic") = Ok(read("queue", "version: 1 # a comment\n"));
    assert_eq!(client.reload().await.expect("it is sound").version, first);
    assert_eq!(client.files_of_version(&first).await.expect("kept"), files("version: 1 # a comment\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_one_by_one_until_a_sound_version_is_read() {
    let (_world, folder, client) = followed().await;
    client.reload().await.expect("it is sound");
    assert!(client.project().await.expect("a project").faults.is_empty());
    *folder.holds.lock().expect("no panic") = Err(unsound());
    assert!(matches!(client.reload().await, Err(Error::Refused(words)) if words == unsound().words));
    let shown = client.project().await.expect("a project");
    assert_eq!((shown.problems, shown.faults), (Some(unsound().words), unsound().faults));
    let mut untaken = read("queue", "version: 1\n");
    let tasks = untaken.project.dags.values_mut().next().map(|dag| &mut dag.tasks).expect("a DAG");
    tasks.values_mut().next().expect("a task").kind.value = "nothing".to_owned();
    *folder.holds.lock().expect("no panic") = Ok(untaken);
    assert!(client.reload().await.is_err());
    let shown = client.project().await.expect("a project");
    assert_eq!((shown.faults.len(), shown.faults[0].code.as_str()), (1, "not_deployed"));
    assert_eq!(shown.problems.as_ref(), Some(&shown.faults[0].message));
    *folder.holds.lock().expect("no panic") = Ok(read("skip", "version: 1\n"));
    client.reload().await.expect("it is sound");
    let shown = client.project().await.expect("a project");
    assert_eq!((shown.problems, shown.faults), (None, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_folder_and_a_version_without_texts_say_so() {
    let world = World::new().await;
    let client = Client::new(&world.serve().await, "secret");
    assert!(matches!(client.project_files().await, Err(Error::NotFound(_))));
    assert!(matches!(client.reload().await, Err(Error::Refused(_))));
    let version = client.project().await.expect("a project").version;
    let none = client.files_of_version(&version).await;
    assert!(matches!(&none, Err(Error::NotFound(why)) if why.ends_with("were not kept")), "{none:?}");
}
