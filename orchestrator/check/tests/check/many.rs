//! Many mistakes in one file: each is found, at its place.

use daybreak_spec::Severity;

use crate::project_with;

/// Marks the line that a problem belongs to: `# <- code` (the place is the text between `>>` and `<<` of the line).
const MARK: &str = "# <- ";

#[test]
fn twenty_five_mistakes_give_twenty_five_problems_at_twenty_five_places() {
    let marked = include_str!("../many.yaml");
    let mut expected = Vec::new();
    let mut plain = String::new();
    for (number, line) in marked.lines().enumerate() {
        if let Some((_, code)) = line.split_once(MARK) {
            let column = line.find(">>").expect("a marked place") + 1;
            expected.push((number as u32 + 1, column as u32, code.trim().to_owned()));
        }
        plain.push_str(&line.replace(">>", "").replace("<<", ""));
        plain.push('\n');
    }
    assert_eq!(expected.len(), 25);

    let (_folder, checked) = project_with(&[("many.yaml", &plain)]);
    let found: Vec<(u32, u32, String)> = checked
        .problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| (problem.span.line, problem.span.column, problem.code.to_owned()))
        .collect();
    assert_eq!(found, expected, "{}", checked.render());
    let files = &checked.loaded.files;
    assert!(checked.problems.iter().all(|problem| files.path(problem.span.file) == "many.yaml"));
}
