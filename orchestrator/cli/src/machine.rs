//! What only the binary asks of its machine: the time, random bits, cores, names; and how a process ends whose state may not
//! have reached the disk.

use std::path::PathBuf;

use daybreak_spec::Timestamp;

use crate::failure::{Failure, Outcome};

/// Real time, for the rooms below that must not ask the machine.
#[expect(clippy::disallowed_methods, reason = "the one place where the clock is read")]
pub fn real_now() -> Timestamp {
    chrono::Utc::now().into()
}

/// Random bits for ids.
pub fn random_id_bits() -> u128 {
    rand::random()
}

/// A state that may not have reached the disk: nothing may be acknowledged any more.
pub fn fatal(what: &str) {
    tracing::error!("ending the process: {what}");
    std::process::exit(74);
}

/// Cores of the machine.
pub fn cores() -> u32 {
    std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1))
}

/// Half of the cores: the rest is for serving.
pub fn heavy_default() -> u32 {
    (cores() / 2).max(1)
}

/// The path of this binary, which children re-execute.
pub fn own_binary() -> Outcome<PathBuf> {
    std::env::current_exe().map_err(|error| Failure::input_output("cannot find the path of this program", error))
}

/// What the machine calls itself.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "unnamed host".to_owned() } else { name.to_owned() }
}

/// A variable of this process.
pub fn variable(name: &str) -> Option<String> {
    std::env::vars().find(|(known, _)| known == name).map(|(_, text)| text).filter(|text| !text.is_empty())
}
