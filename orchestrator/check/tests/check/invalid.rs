//! One broken file each: the snapshot shows what its author would see.

use std::path::Path;

use crate::project_with;

#[test]
fn every_broken_file_is_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the fixtures")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".yaml").map(str::to_owned))
        .collect();
    names.sort();
    assert!(names.len() >= 40, "{} fixtures", names.len());
    for name in names {
        let text = std::fs::read_to_string(folder.join(format!("{name}.yaml"))).expect("a fixture");
        let (project, checked) = project_with(&[("odd.yaml", &text)]);
        assert!(!checked.is_sound(), "{name} is taken as sound");
        let shown = checked.render().replace(&project.path().display().to_string(), "<project>");
        insta::with_settings!({ description => &text, omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(name, shown);
        });
    }
}
