//! Where control groups are mounted and which of them this process is in, as the kernel tells it in `/proc/self/mountinfo`
//! and `/proc/self/cgroup` (cgroups(7)).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Without these two a tree is not bounded.
const NEEDED: [&str; 2] = ["memory", "pids"];

const WANTED: [&str; 3] = ["memory", "pids", "cpu"];

/// Of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// A hierarchy for each controller.
    One,
    /// One hierarchy for all.
    Two,
}

/// A folder that this process is in, and what can be bounded there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Controlled {
    pub(crate) folder: PathBuf,
    pub(crate) controllers: Vec<String>,
}

/// The folders in which this process is; none where memory or the number of processes cannot be bounded.
pub(crate) fn controlled(mounts: &str, places: &str) -> Option<(Version, Vec<Controlled>)> {
    let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::read).collect();
    let unified = mounts.iter().find(|mount| mount.kind == "cgroup2");
    let unified = unified.and_then(|mount| mount.folder(place(places, "")?)).map(|folder| {
        let controllers = std::fs::read_to_string(folder.join("cgroup.controllers")).unwrap_or_default();
        let controllers = controllers.split_whitespace().filter(|name| WANTED.contains(name)).map(str::to_owned);
        Controlled { controllers: controllers.collect(), folder }
    });
    if let Some(unified) = unified.filter(|unified| is_enough(&unified.controllers)) {
        return Some((Version::Two, vec![unified]));
    }
    // Several controllers may share a hierarchy: one folder then.
    let mut folders: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for controller in WANTED {
        let of_it =
            |mount: &&Mount<'_>| mount.kind == "cgroup" && mount.options.split(',').any(|option| option == controller);
        let folder = mounts.iter().find(of_it).and_then(|mount| mount.folder(place(places, controller)?));
        if let Some(folder) = folder {
            folders.entry(folder).or_default().push(controller.to_owned());
        }
    }
    let all: Vec<String> = folders.values().flatten().cloned().collect();
    let found = folders.into_iter().map(|(folder, controllers)| Controlled { folder, controllers });
    is_enough(&all).then(|| (Version::One, found.collect()))
}

fn is_enough(controllers: &[String]) -> bool {
    NEEDED.iter().all(|needed| controllers.iter().any(|controller| controller == needed))
}

/// One line of `/proc/self/mountinfo`.
struct Mount<'a> {
    /// What of the hierarchy is mounted.
    root: &'a str,
    point: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let mut after = after.split(' ');
        let (root, point, kind) = (before.next()?, before.next()?, after.next()?);
        Some(Self { root, point, kind, options: after.nth(1)? })
    }

    /// Where a place in the hierarchy is; none when it is not in what is mounted.
    fn folder(&self, place: &str) -> Option<PathBuf> {
        let below = Path::new(place).strip_prefix(self.root).ok()?;
        Some(Path::new(self.point).join(below))
    }
}

/// Where this process is in the hierarchy of a controller; of version 2: of none.
fn place<'a>(places: &'a str, controller: &str) -> Option<&'a str> {
    let mut lines = places.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        rest.split_once(':')
    });
    lines.find(|(controllers, _)| controllers.split(',').any(|name| name == controller)).map(|(_, place)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "\
        30 20 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct\n\
        32 30 0:28 /docker/9a /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        33 30 0:29 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n\
        34 30 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn each_controller_has_its_hierarchy_in_version_1() {
        let places = "7:pids:/\n5:cpu,cpuacct:/jobs\n4:memory:/docker/9a/x\n1:name=systemd:/s\n0::/\n";
        let (version, found) = controlled(ONE, places).expect("controllers");
        let found: Vec<_> = found.iter().map(|one| (one.folder.as_path(), one.controllers.join(","))).collect();
        assert_eq!(version, Version::One);
        let expected = [
            ("/sys/fs/cgroup/cpu,cpuacct/jobs", "cpu"),
            ("/sys/fs/cgroup/memory/x", "memory"),
            ("/sys/fs/cgroup/pids", "pids"),
        ]
        .map(|(folder, controllers)| (Path::new(folder), controllers.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn without_memory_or_processes_there_is_nothing_to_be_had() {
        assert_eq!(controlled(ONE, "7:pids:/\n4:memory:/elsewhere\n0::/\n"), None);
        assert_eq!(controlled("", "0::/\n"), None);
    }

    #[test]
    fn one_hierarchy_controls_all_in_version_2() {
        let mounted = tempfile::tempdir().expect("a folder");
        let own = mounted.path().join("own");
        std::fs::create_dir(&own).expect("a folder");
        std::fs::write(own.join("cgroup.controllers"), "cpuset cpu io memory pids\n").expect("a file");
        let mounts =
            format!("29 23 0:26 / {} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n", mounted.path().display());
        let (version, found) = controlled(&mounts, "0::/own\n").expect("controllers");
        assert_eq!((version, found.len(), &found[0].folder), (Version::Two, 1, &own));
        assert_eq!(found[0].controllers, ["cpu", "memory", "pids"]);
    }
}
