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
