//! The end-to-end tests: one binary, one module a subject.

mod access;
mod airflow;
mod apart;
mod architecture;
mod bucket;
mod cli;
mod closed_output;
mod crash_points;
mod fan_out;
mod faults;
mod flow_tests;
mod follow;
mod later_rows;
mod nights;
mod one_build;
mod oracle;
mod properties;
mod queues;
mod reload;
mod roles;
mod schedules;
mod secrets;
mod serving;
mod tour;
mod waits;
mod worker_faults;
