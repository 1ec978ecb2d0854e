//! Files that are there whole or not at all, whatever ends the process or the machine meanwhile: a draft beside them,
//! fsynced, renamed into their place, and the folder fsynced. All of ours that is no database and has to outlive a crash
//! is written by this.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use daybreak_failpoints::crossing;

/// Writes a draft, which is new and empty and lies in the folder of `path`, and puts it there, in place of what is there.
///
/// # Errors
/// When the disk does not take it. The draft is removed then; what was at `path` is still there unless only the last step
/// failed, the fsync of the folder.
pub fn put_in_place((file, draft): (File, &Path), path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = fill(file, bytes).and_then(|()| fs::rename(draft, path)) {
        let _ = fs::remove_file(draft);
        return Err(error);
    }
    crossing!("cp09.after");
    File::open(folder_of(path))?.sync_all()
}

/// What comes before one of these points comes after the one before it.
fn fill(mut file: File, bytes: &[u8]) -> io::Result<()> {
    crossing!("cp07.before");
    file.write_all(bytes)?;
    crossing!("cp07.after");
    file.sync_all()?;
    crossing!("cp08.after");
    Ok(())
}

/// Makes a folder and those above it that are missing. Their names are on the disk when this returns: without that a file
/// in them may be lost, however it was written.
///
/// # Errors
/// When one cannot be made or fsynced.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    make_folder(above)?;
    match fs::create_dir(folder) {
        // Another process was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    File::open(above)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_the_place_of_another_and_leaves_no_draft() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("a/b");
        make_folder(&below).expect("made");
        make_folder(&below).expect("there");
        let (path, draft) = (below.join("file"), below.join("file.new"));
        for bytes in [&b"one"[..], b"two"] {
            let file = File::create(&draft).expect("a draft");
            put_in_place((file, &draft), &path, bytes).expect("in place");
            assert_eq!(fs::read(&path).expect("read"), bytes);
        }
        assert_eq!(fs::read_dir(&below).expect("listed").count(), 1);
    }

    #[test]
    fn a_draft_that_cannot_take_the_place_is_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, draft) = (folder.path().join("file"), folder.path().join("file.new"));
        fs::create_dir(&path).expect("a folder in the way");
        let file = File::create(&draft).expect("a draft");
        put_in_place((file, &draft), &path, b"one").expect_err("no file takes the place of a folder");
        assert!(!draft.exists() && path.is_dir());
    }

    #[test]
    fn no_folder_is_made_below_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("file"), "").expect("a file");
        assert!(make_folder(&folder.path().join("file")).is_err());
        assert!(make_folder(&folder.path().join("file/below")).is_err());
    }
}
