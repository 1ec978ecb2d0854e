//! The versions of a project: newest first, which one new runs are made from, and the object with the texts of each.

use daybreak_protocol::{HashCursor, ProjectVersionsQuery};
use daybreak_store::{Deployment, Error};

use crate::support::{World, name};

crate::stories! {
    versions_are_listed_newest_first_and_pages_lose_none,
    a_version_that_is_deployed_again_is_the_newest_once_more,
    the_texts_of_a_version_are_those_it_was_deployed_with_last,
}

/// One second after whatever was done before.
async fn deploy(world: &World, version: &str, files: Option<&str>) {
    world.pass(1);
    let deployment = Deployment {
        project: name("demo"),
        version: version.to_owned(),
        root: "/project".to_owned(),
        files: files.map(str::to_owned),
        models: Vec::new(),
        found: None,
        limits: Vec::new(),
        listens: Vec::new(),
        dags: Vec::new(),
        caller: None,
    };
    world.store.deploy(deployment).await.expect("it deploys");
}

/// A page of two versions, the current one with a star.
async fn page(world: &World, before: Option<HashCursor>) -> (Vec<String>, Option<HashCursor>) {
    let wanted = ProjectVersionsQuery { before, limit: Some(2) };
    let page = world.store.project_versions(&name("demo"), &wanted).await.expect("versions");
    let shown = page.versions.iter().map(|found| format!("{}{}", found.version, if found.current { "*" } else { "" }));
    (shown.collect(), page.next)
}

async fn versions_are_listed_newest_first_and_pages_lose_none(world: World) {
    for version in ["bb", "cc", "dd"] {
        deploy(&world, version, None).await;
    }
    let (newest, next) = page(&world, None).await;
    assert_eq!(newest, ["dd*", "cc"]);
    deploy(&world, "ee", None).await;
    assert_eq!(page(&world, next).await, (vec!["bb".to_owned(), "aa".to_owned()], None));
    let other = world.store.project_versions(&name("other"), &ProjectVersionsQuery::default()).await;
    assert!(other.expect("versions").versions.is_empty());
}

async fn a_version_that_is_deployed_again_is_the_newest_once_more(world: World) {
    deploy(&world, "bb", None).await;
    let (_, next) = page(&world, None).await;
    assert_eq!(next, None);
    deploy(&world, "aa", None).await;
    assert_eq!(page(&world, None).await.0, ["aa*", "bb"]);
}

async fn the_texts_of_a_version_are_those_it_was_deployed_with_last(world: World) {
    let texts = async |version: &str| world.store.files_of_version(&name("demo"), version).await;
    assert_eq!(texts("aa").await.expect("it was deployed"), None, "read from none");
    deploy(&world, "bb", Some("first")).await;
    deploy(&world, "bb", Some("with a comment")).await;
    deploy(&world, "bb", None).await;
    assert_eq!(texts("bb").await.expect("it was deployed").as_deref(), Some("with a comment"));
    assert!(matches!(texts("zz").await, Err(Error::NotFound(_))));
}
