//! The web UI is typed from the API's document; the copy that it is built from has to be the binary's own.

use daybreak_tests::{daybreak, root};

#[test]
fn the_pages_are_typed_from_the_document_of_this_binary() {
    let printed = daybreak(&root(), &["openapi"]);
    assert!(printed.status.success(), "{printed:?}");
    let kept = std::fs::read(root().join("orchestrator/ui/openapi.json")).expect("the copy");
    let hint =
        "the API has changed: `cargo run -- openapi > orchestrator/ui/openapi.json`, then see what the pages say to it";
    assert!(printed.stdout == kept, "{hint}");
}

#[test]
fn every_operation_of_the_document_has_a_name_of_its_own() {
    let document = daybreak_tests::json(&daybreak(&root(), &["openapi"]));
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.values().flat_map(|item| item.as_object().into_iter().flat_map(|item| item.values()));
    let names: Vec<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    let different: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert!(names.len() > 50 && names.len() == different.len(), "{names:?}");
}
