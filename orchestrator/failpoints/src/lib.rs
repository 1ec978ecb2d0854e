//! Named points between two steps, at which a test ends the process to see what the next one makes of it. Those called
//! `cpNN` are the list of crash points in docs/RELIABILITY.md. Decides nothing and is in no release build. To add one: a
//! `crossing!` where the process may end, and its name in the table of a test that ends one there.

/// A point by its name: `cp04.before`. Nothing in a release build.
#[macro_export]
macro_rules! crossing {
    ($name:literal) => {
        #[cfg(debug_assertions)]
        {
            $crate::cross($name);
        }
    };
}

/// Does what the point was set to do.
#[cfg(debug_assertions)]
#[doc(hidden)]
pub fn cross(name: &str) {
    fail::fail_point!(name, |_| std::process::abort());
}

/// The variable with points that are set, for programs that hand their environment on.
pub const VARIABLE: &str = "FAILPOINTS";

/// Sets the points named in [`VARIABLE`] for as long as the process lives: `cp04.before=return` ends it there as a crash
/// would, `cp04.before=1*off->return` the second time it comes by; several stand apart by `;`. Does nothing in a release
/// build.
///
/// # Panics
/// When the variable does not read, for a test that sets nothing shows nothing.
pub fn set_from_environment() {
    #[cfg(debug_assertions)]
    std::mem::forget(fail::FailScenario::setup());
}
