//! The end-to-end tests: one binary, one module a subject.

mod architecture;
mod cli;
mod faults;
mod nights;
mod one_build;
mod oracle;
mod serving;
