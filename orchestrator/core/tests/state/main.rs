//! The state machine: its promises one by one, and random runs under random events.

mod by_hand;
mod limits;
mod properties;
mod stories;
mod tear_down;
mod triggers;
mod waits;
mod why;
