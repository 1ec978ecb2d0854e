//! Opening the store's files and naming what can go wrong with them. Never weakens LMDB's locking or syncing.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, MdbError, WithTls};

use crate::Error;
use crate::embedded::{DATABASES, Table};

const FORMAT: u32 = 1;
const FORMAT_KEY: &[u8] = b"format";
const NAMES: [&str; DATABASES as usize] = ["pointers", "generations", "rows", "meta"];
/// Bytes of LMDB's lock table per reader, and of its head with room to spare.
const READER_BYTES: usize = 64;
const LOCK_HEAD_BYTES: usize = 4_096;
/// Less free space than this explains a write that came out short.
const NEARLY_FULL_BYTES: u64 = 1 << 20;

/// Makes the folder, and the lock table with its blocks written: LMDB would leave holes in it, and a hole touched on a
/// full disk ends the process with SIGBUS.
pub fn reserve_lock_file(dir: &Path, readers: u32) -> Result<(), Error> {
    let io = |action| move |source| io_failure(dir, action, source);
    fs::create_dir_all(dir).map_err(io("make the folder of"))?;
    let lock = dir.join("lock.mdb");
    if lock.exists() {
        return Ok(());
    }
    // Written under another name and closed before it gets its own: closing LMDB's lock file would drop its locks, and
    // writing to one that another process has just made would break it.
    let draft = dir.join(format!("lock.mdb.{}", std::process::id()));
    let bytes = vec![0; readers as usize * READER_BYTES + LOCK_HEAD_BYTES];
    let written = File::create(&draft).and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()));
    let linked = written.and_then(|()| fs::hard_link(&draft, &lock));
    let removed = fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(io("make the lock file of")(error)),
        _ => removed.map_err(io("remove the draft lock file of")),
    }
}

/// A file shorter than its own page count would end the process with SIGBUS when read; extended by a hole, the missing
/// pages read as damaged instead.
pub fn extend_short_file(env: &Env<WithTls>, dir: &Path) -> Result<(), Error> {
    let failed = |error| failure(dir, "open", error);
    let data = dir.join("data.mdb");
    let page_bytes = u64::from(env.unnamed_database_stat().page_size);
    let needed = || (env.info().last_page_number as u64 + 1) * page_bytes;
    let length = || fs::metadata(&data).map(|meta| meta.len()).map_err(|error| io_failure(dir, "open", error));
    if length()? >= needed() {
        return Ok(());
    }
    // The write transaction keeps writers of other processes out while the length changes.
    let txn = env.write_txn().map_err(failed)?;
    if length()? < needed() {
        let file = OpenOptions::new().write(true).open(&data);
        file.and_then(|file| file.set_len(needed())).map_err(|error| io_failure(dir, "extend the file of", error))?;
    }
    txn.abort();
    Ok(())
}

/// Opens the named tables, making them the first time.
pub fn tables(env: &Env<WithTls>, dir: &Path) -> Result<(Table, Table, Table, Table), Error> {
    let failed = |error| failure(dir, "open the tables of", error);
    let txn = env.read_txn().map_err(failed)?;
    let opened = env
        .open_databases_and_commit(txn, |opener, txn| {
            let mut found: [Option<Database<'_, Bytes, Bytes>>; DATABASES as usize] = [None; DATABASES as usize];
            for (slot, name) in found.iter_mut().zip(NAMES) {
                *slot = opener.open_database(txn, Some(name))?;
            }
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(found))
        })
        .map_err(failed)?;
    let tables = match opened {
        CommitOrAbort::Commit([Some(pointers), Some(generations), Some(rows), Some(meta)]) => {
            [pointers, generations, rows, meta]
        }
        _ => create_tables(env).map_err(failed)?,
    };
    let [pointers, generations, rows, meta] = tables;
    check_format(env, dir, meta)?;
    Ok((pointers, generations, rows, meta))
}

fn create_tables(env: &Env<WithTls>) -> Result<[Table; DATABASES as usize], heed::Error> {
    let txn = env.write_txn()?;
    let created = env.create_databases_and_commit(txn, |opener, txn| {
        let pointers = opener.create_database::<Bytes, Bytes>(txn, Some(NAMES[0]))?;
        let generations = opener.create_database::<Bytes, Bytes>(txn, Some(NAMES[1]))?;
        let rows = opener.create_database::<Bytes, Bytes>(txn, Some(NAMES[2]))?;
        let meta = opener.create_database::<Bytes, Bytes>(txn, Some(NAMES[3]))?;
        meta.get_or_put(txn, FORMAT_KEY, &FORMAT.to_be_bytes())?;
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit([pointers, generations, rows, meta]))
    })?;
    Ok(created.unwrap_commit())
}

fn check_format(env: &Env<WithTls>, dir: &Path, meta: Table) -> Result<(), Error> {
    let failed = |error| failure(dir, "read from", error);
    let txn = env.read_txn().map_err(failed)?;
    let bytes = meta.get(&txn, FORMAT_KEY).map_err(failed)?;
    let found = bytes.and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
    match found {
        Some(found) if found > FORMAT => Err(Error::TooNew { path: dir.to_owned(), found, supported: FORMAT }),
        Some(_) => Ok(()),
        None => Err(Error::Corrupt { path: dir.to_owned(), detail: "its format number is missing".to_owned() }),
    }
}

/// The engine's error as one of ours.
pub fn failure(dir: &Path, action: &'static str, error: heed::Error) -> Error {
    let path = dir.to_owned();
    let detail = error.to_string();
    match error {
        heed::Error::Io(source) => io_failure(dir, action, source),
        heed::Error::EnvAlreadyOpened => Error::AlreadyOpen { path },
        heed::Error::Mdb(MdbError::MapFull) => Error::Full { path, detail: "its map has no free page".to_owned() },
        heed::Error::Mdb(
            MdbError::PageNotFound | MdbError::Corrupted | MdbError::Invalid | MdbError::VersionMismatch,
        )
        | heed::Error::Decoding(_) => Error::Corrupt { path, detail },
        heed::Error::Mdb(_) | heed::Error::Encoding(_) => Error::Engine { action, path, detail },
    }
}

fn io_failure(dir: &Path, action: &'static str, source: io::Error) -> Error {
    let path = dir.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Error::Full { path, detail: source.to_string() }
        }
        // LMDB reports a write that came out short as an input/output error, and a full disk is its usual cause.
        _ if source.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) && is_nearly_full(dir) => {
            Error::Full { path, detail: "the disk took only part of a write".to_owned() }
        }
        _ => Error::Io { action, path, source },
    }
}

fn is_nearly_full(dir: &Path) -> bool {
    rustix::fs::statvfs(dir).is_ok_and(|stat| stat.f_bavail.saturating_mul(stat.f_frsize) < NEARLY_FULL_BYTES)
}
