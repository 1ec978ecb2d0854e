//! The end-to-end tests: one binary, one module a subject.

mod access;
mod architecture;
mod cli;
mod fan_out;
mod faults;
mod later_rows;
mod nights;
mod one_build;
mod oracle;
mod reload;
mod schedules;
mod serving;
mod waits;
