//! What every store has to keep, whatever database is under it. To add a promise: a test in the file of its subject;
//! `support.rs` holds a store in a fresh folder, with time and chance in the test's hands.

mod attempts;
mod batches;
mod leases;
mod registry;
mod runs;
mod support;
