//! All processes below one process, found in `/proc`. With a subreaper at the top nothing can leave the tree, not by a
//! double fork and not by a session of its own.

use std::collections::BTreeMap;

use rustix::process::{Pid, Signal, kill_process};

/// Every living or unreaped process below `top`, parents before children.
pub(crate) fn descendants(top: Pid) -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // A process can end at any moment: then it is not there to be read.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        if let Some(parent) = parent_in(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut found, mut next) = (Vec::new(), 0);
    let mut parent = Some(top.as_raw_pid());
    while let Some(pid) = parent {
        found.extend(children.remove(&pid).unwrap_or_default());
        parent = found.get(next).copied();
        next += 1;
    }
    found.into_iter().filter_map(Pid::from_raw).collect()
}

/// Sends a signal to every process below `top`; returns how many there are.
pub(crate) fn signal_descendants(top: Pid, signal: Signal) -> usize {
    let found = descendants(top);
    for pid in &found {
        // One that has ended meanwhile needs no signal.
        let _ = kill_process(*pid, signal);
    }
    found.len()
}

/// The fourth field of `/proc/<pid>/stat`; the second one, the name in brackets, may itself hold anything.
fn parent_in(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent_in("12 (a) b) 3 (c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in("12 ("), None);
    }
}
