//! Control groups: the kernel's bounds for a whole tree of processes, memory, processors and number together, where this
//! process may make them (version 2, or 1); elsewhere only what each process sets for itself holds (`child.rs`). A task's
//! process enters its group before it runs any of the task's code, so that nothing it starts is outside. Must never fail a
//! worker: without groups it works as before.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpid, kill_process};

use crate::mounts::{Controlled, Version, controlled};

/// What folders of workers are called.
const PREFIX: &str = "daybreak-";

/// Of processor time, as the kernel counts it.
const PERIOD_US: u64 = 100_000;

/// How long processes that were killed may take to be gone.
const LEAVING: Duration = Duration::from_secs(30);

/// What a tree of processes may use together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) cores: u32,
    pub(crate) processes: u32,
}

/// Where this process may make groups.
#[derive(Clone, Debug)]
pub struct ControlGroups {
    version: Version,
    /// A folder of this process for each hierarchy, with what is controlled there.
    own: Vec<Controlled>,
}

impl ControlGroups {
    /// Makes a folder of this process.
    ///
    /// # Errors
    /// Why there are none, for the log.
    pub fn prepare() -> Result<Self, String> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let places = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let (version, found) =
            controlled(&mounts, &places).ok_or("no hierarchy controls both memory and the number of processes")?;
        let mut own = Vec::new();
        for Controlled { folder, controllers } in found {
            forget_those_of_the_dead(&folder);
            let mine = folder.join(format!("{PREFIX}{}", getpid().as_raw_pid()));
            let made = make(&mine).and_then(|()| match version {
                Version::One => Ok(()),
                Version::Two => hand_down(&folder, &mine, &controllers),
            });
            made.map_err(|error| format!("{} cannot be used: {error}", mine.display()))?;
            own.push(Controlled { folder: mine, controllers });
        }
        Ok(Self { version, own })
    }

    /// A group for one attempt.
    pub(crate) fn group(&self, name: &str, bounds: Bounds) -> io::Result<Group> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let mut group = Group { version: self.version, folders: Vec::new() };
        for Controlled { folder, controllers } in &self.own {
            make(folder)?;
            let folder = folder.join(format!("{number}-{name}"));
            make(&folder)?;
            group.folders.push(folder.clone());
            for controller in controllers {
                for (file, value) in settings(self.version, controller, bounds) {
                    let set = write(&folder.join(file), &value);
                    // What contains this process may have fewer processors; then those are the bound.
                    if controller != "cpu" {
                        set?;
                    }
                }
            }
        }
        Ok(group)
    }
}

impl std::fmt::Display for ControlGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folders: Vec<String> = self.own.iter().map(|own| own.folder.display().to_string()).collect();
        f.write_str(&folders.join(", "))
    }
}

/// The group of one attempt, gone when dropped, with whatever may still be in it.
pub(crate) struct Group {
    version: Version,
    folders: Vec<PathBuf>,
}

impl Group {
    /// The files by which a process enters it ([`enter`]).
    pub(crate) fn doors(&self) -> Vec<PathBuf> {
        self.folders.iter().map(|folder| folder.join("cgroup.procs")).collect()
    }

    /// How many of its processes the kernel killed for lack of memory.
    pub(crate) fn memory_kills(&self) -> u64 {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        self.count(file, "oom_kill")
    }

    /// How often it was refused another process.
    pub(crate) fn refused_processes(&self) -> u64 {
        self.count("pids.events", "max")
    }

    fn count(&self, file: &str, of: &str) -> u64 {
        let texts = self.folders.iter().filter_map(|folder| std::fs::read_to_string(folder.join(file)).ok());
        let counted = |text: String| {
            let words = text.lines().filter_map(|line| line.split_once(' '));
            words
                .filter(|(name, _)| *name == of)
                .filter_map(|(_, number)| number.trim().parse::<u64>().ok())
                .sum::<u64>()
        };
        texts.map(counted).sum()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let folders = std::mem::take(&mut self.folders);
        if folders.iter().all(|folder| std::fs::remove_dir(folder).is_ok()) {
            return;
        }
        // Its processes are on their way out, or the one that was to end them is gone itself.
        std::thread::spawn(move || {
            let give_up = Instant::now() + LEAVING;
            while !folders.iter().all(|folder| is_gone(folder)) && Instant::now() < give_up {
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
    }
}

/// Puts the calling process into a group.
pub(crate) fn enter(doors: &[PathBuf]) -> io::Result<()> {
    doors.iter().try_for_each(|door| write(door, "0"))
}

/// The files of a controller and what is written to them.
fn settings(version: Version, controller: &str, bounds: Bounds) -> Vec<(&'static str, String)> {
    let quota = u64::from(bounds.cores.max(1)) * PERIOD_US;
    let memory = bounds.memory_bytes.map(|bytes| bytes.to_string());
    match (version, controller) {
        (Version::One, "memory") => memory.map(|bytes| ("memory.limit_in_bytes", bytes)).into_iter().collect(),
        (Version::One, "cpu") => {
            vec![("cpu.cfs_period_us", PERIOD_US.to_string()), ("cpu.cfs_quota_us", quota.to_string())]
        }
        (Version::Two, "memory") => memory
            .map(|bytes| ("memory.max", bytes))
            .into_iter()
            .chain([("memory.oom.group", "1".to_owned())])
            .collect(),
        (Version::Two, "cpu") => vec![("cpu.max", format!("{quota} {PERIOD_US}"))],
        (_, "pids") => vec![("pids.max", bounds.processes.to_string())],
        _ => Vec::new(),
    }
}

/// A folder with processes hands no controllers down, so this process moves into one below its own.
fn hand_down(parent: &Path, mine: &Path, controllers: &[String]) -> io::Result<()> {
    let wanted: Vec<String> = controllers.iter().map(|controller| format!("+{controller}")).collect();
    let wanted = wanted.join(" ");
    let of_worker = mine.join("worker");
    make(&of_worker)?;
    enter(&[of_worker.join("cgroup.procs")])?;
    let handed = write(&parent.join("cgroup.subtree_control"), &wanted)
        .and_then(|()| write(&mine.join("cgroup.subtree_control"), &wanted));
    if handed.is_err() {
        // Others are in the parent: then all stays as it was.
        enter(&[parent.join("cgroup.procs")])?;
        let _ = std::fs::remove_dir(&of_worker);
        let _ = std::fs::remove_dir(mine);
    }
    handed
}

/// Folders of workers that were killed. What is not empty is left alone: a number that is nobody's here may be a living
/// process's in another namespace.
fn forget_those_of_the_dead(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        if Path::new("/proc").join(pid).exists() {
            continue;
        }
        for group in std::fs::read_dir(entry.path()).into_iter().flatten().flatten() {
            let _ = std::fs::remove_dir(group.path());
        }
        let _ = std::fs::remove_dir(entry.path());
    }
}

/// Kills what is in a group; whether nothing was, and the group is removed.
fn is_gone(folder: &Path) -> bool {
    let inside = std::fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    for pid in inside.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)) {
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(pid, Signal::KILL);
    }
    std::fs::remove_dir(folder).is_ok() || !folder.exists()
}

fn make(folder: &Path) -> io::Result<()> {
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn write(file: &Path, value: &str) -> io::Result<()> {
    std::fs::write(file, value)
        .map_err(|error| io::Error::new(error.kind(), format!("writing {value} to {}: {error}", file.display())))
}
