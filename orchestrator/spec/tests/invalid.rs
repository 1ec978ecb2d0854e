//! What a wrong file gets: each fixture beside a sound project, rendered as the user sees it. To add one: a file in
//! `fixtures/invalid`, `INSTA_UPDATE=always`, and a critical look at the snapshot.

use std::path::Path;

use daybreak_spec::{Loaded, load_texts, render};

fn beside_a_sound_project(path: &str, text: &str) -> Loaded {
    let base = include_str!("fixtures/base.yaml");
    let texts = [("daybreak.yaml".to_owned(), base.to_owned()), (path.to_owned(), text.to_owned())];
    load_texts(Path::new("/project"), texts)
}

#[test]
fn each_invalid_file_is_explained_as_its_snapshot_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/invalid");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the fixtures").map(|entry| entry.expect("a fixture").path()).collect();
    paths.sort();
    assert!(paths.len() >= 40, "only {} fixtures", paths.len());
    for path in paths {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a plain name");
        let text = std::fs::read_to_string(&path).expect("a fixture");
        let loaded = beside_a_sound_project(&format!("{name}.yaml"), &text);
        assert!(!loaded.problems.is_empty(), "{name} has no problem");
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, render(&loaded.problems, &loaded.files));
        });
    }
}

#[test]
fn the_sound_project_beside_them_has_no_problem() {
    let loaded = beside_a_sound_project("empty.yaml", "# nothing\n");
    assert_eq!(render(&loaded.problems, &loaded.files), "");
}
