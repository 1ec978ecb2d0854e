//! Which files a source's `path` names: a small glob over folders, and the rule that a file lies inside the project or
//! below a declared data root, symbolic links followed. Never opens a file. To add a pattern: a `Token`.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::SchemaProblem;

/// The files that `pattern` names, sorted by path.
pub(crate) fn expand(root: &Path, data_roots: &[PathBuf], pattern: &str) -> Result<Vec<PathBuf>, SchemaProblem> {
    if pattern.is_empty() || pattern.contains('\0') || pattern.contains("://") {
        return Err(SchemaProblem::new("bad_path", format!("`{pattern}` is not a path to local files")));
    }
    let mut found = vec![start_of(root, pattern)];
    for component in Path::new(pattern).components() {
        match component {
            Component::Normal(segment) => {
                let segment = segment.to_string_lossy();
                found = found.into_iter().flat_map(|folder| step(&folder, &segment)).collect();
            }
            Component::ParentDir => found.iter_mut().for_each(|path| path.push("..")),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    found.retain(|path| path.is_file());
    found.sort();
    let allowed = allowed_folders(root, data_roots);
    match found.iter().find(|path| !is_inside(path, &allowed)) {
        Some(path) => Err(outside(path)),
        None if found.is_empty() => Err(none_found(root, &allowed, pattern)),
        None => Ok(found),
    }
}

fn start_of(root: &Path, pattern: &str) -> PathBuf {
    if Path::new(pattern).is_absolute() { PathBuf::from("/") } else { root.to_path_buf() }
}

fn step(folder: &Path, segment: &str) -> Vec<PathBuf> {
    if !segment.contains(['*', '?', '[']) {
        let path = folder.join(segment);
        return if path.exists() { vec![path] } else { Vec::new() };
    }
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let pattern: Vec<char> = segment.chars().collect();
    let mut paths = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let hidden = name.starts_with('.') && !segment.starts_with('.');
        let letters: Vec<char> = name.chars().collect();
        if !hidden && matches(&pattern, &letters) {
            paths.push(folder.join(name));
        }
    }
    paths
}

/// One piece of a pattern.
enum Token<'a> {
    Any,
    One,
    Class(&'a [char]),
    Letter(char),
}

/// Shell matching of one path segment: `*`, `?`, `[a-z]`, `[!a-z]`. Keeps the set of places in `name` that the pattern
/// so far can end at, so that no pattern takes more than its length times the name's.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let mut ends = vec![false; name.len() + 1];
    ends[0] = true;
    let mut rest = pattern;
    while let Some((token, tail)) = next_token(rest) {
        let mut next = vec![false; name.len() + 1];
        for at in (0..=name.len()).filter(|&at| ends[at]) {
            let taken = match token {
                Token::Any => {
                    next[at..].fill(true);
                    continue;
                }
                Token::One => at < name.len(),
                Token::Class(class) => name.get(at).is_some_and(|&letter| in_class(class, letter)),
                Token::Letter(letter) => name.get(at) == Some(&letter),
            };
            if taken {
                next[at + 1] = true;
            }
        }
        (ends, rest) = (next, tail);
    }
    ends[name.len()]
}

fn next_token(pattern: &[char]) -> Option<(Token<'_>, &[char])> {
    let (&first, rest) = pattern.split_first()?;
    Some(match first {
        '*' => (Token::Any, rest),
        '?' => (Token::One, rest),
        '[' => match closing(rest) {
            Some(end) => (Token::Class(&rest[..end]), &rest[end + 1..]),
            None => (Token::Letter('['), rest),
        },
        letter => (Token::Letter(letter), rest),
    })
}

/// Position of the `]` that ends a class; one that stands first is a member of it.
fn closing(class: &[char]) -> Option<usize> {
    let negated = usize::from(class.first() == Some(&'!'));
    (negated + 1..class.len()).find(|&at| class[at] == ']')
}

fn in_class(class: &[char], letter: char) -> bool {
    let (negated, members) = match class.split_first() {
        Some(('!', members)) => (true, members),
        _ => (false, class),
    };
    let mut at = 0;
    let mut found = false;
    while at < members.len() {
        if at + 2 < members.len() && members[at + 1] == '-' {
            found |= (members[at]..=members[at + 2]).contains(&letter);
            at += 3;
        } else {
            found |= members[at] == letter;
            at += 1;
        }
    }
    found != negated
}

fn allowed_folders(root: &Path, data_roots: &[PathBuf]) -> Vec<PathBuf> {
    let all = std::iter::once(root.to_path_buf()).chain(data_roots.iter().map(|folder| root.join(folder)));
    all.filter_map(|folder| fs::canonicalize(folder).ok()).collect()
}

fn is_inside(path: &Path, allowed: &[PathBuf]) -> bool {
    fs::canonicalize(path).is_ok_and(|real| allowed.iter().any(|folder| real.starts_with(folder)))
}

fn outside(path: &Path) -> SchemaProblem {
    let message = format!("file {} lies outside the project", path.display());
    SchemaProblem::new("path_outside_project", message)
        .hint("name its folder under `data_roots` in daybreak.yaml, or copy the file into the project")
}

/// Nothing matched: says whether the place itself would be refused, else that there is no such file.
fn none_found(root: &Path, allowed: &[PathBuf], pattern: &str) -> SchemaProblem {
    let mut folder = start_of(root, pattern);
    for component in Path::new(pattern).components() {
        let next = folder.join(component);
        if !next.is_dir() {
            break;
        }
        folder = next;
    }
    if !is_inside(&folder, allowed) {
        return outside(Path::new(pattern));
    }
    let hint = "check the path, put the files there, or declare `schema:` to check the project without them";
    SchemaProblem::new("no_files", format!("no file matches `{pattern}`")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, name: &str) -> bool {
        matches(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
    }

    #[test]
    fn globs_match_like_a_shell() {
        assert!(is_match("flights-2013-*.parquet", "flights-2013-01.parquet"));
        assert!(is_match("f?o[0-3]", "foo2") && !is_match("f?o[0-3]", "foo7"));
        assert!(is_match("[!a]x", "bx") && !is_match("[!a]x", "ax"));
        assert!(is_match("*", "") && is_match("a[", "a[") && !is_match("a", "ab"));
    }

    #[test]
    fn a_link_that_leaves_the_project_is_refused() {
        let outside = tempfile::tempdir().expect("folder");
        let root = tempfile::tempdir().expect("folder");
        fs::write(outside.path().join("x.parquet"), "x").expect("written");
        std::os::unix::fs::symlink(outside.path(), root.path().join("data")).expect("linked");

        let refused = expand(root.path(), &[], "data/*.parquet").expect_err("outside");
        assert_eq!(refused.code, "path_outside_project");
        let allowed = [outside.path().to_path_buf()];
        assert_eq!(expand(root.path(), &allowed, "data/*.parquet").expect("allowed").len(), 1);
    }

    #[test]
    fn files_come_sorted_and_hidden_ones_stay_out() {
        let root = tempfile::tempdir().expect("folder");
        for name in ["b.parquet", "a.parquet", ".c.parquet"] {
            fs::write(root.path().join(name), "x").expect("written");
        }
        let files = expand(root.path(), &[], "*.parquet").expect("found");
        assert_eq!(files, [root.path().join("a.parquet"), root.path().join("b.parquet")]);
    }

    #[test]
    fn a_parent_folder_is_outside_and_a_missing_file_is_missing() {
        let root = tempfile::tempdir().expect("folder");
        assert_eq!(expand(root.path(), &[], "../*.parquet").expect_err("outside").code, "path_outside_project");
        assert_eq!(expand(root.path(), &[], "no/x.parquet").expect_err("missing").code, "no_files");
    }
}
