//! The HTTP surface over a canned engine: who may call what (`access`), what bad input gets (`bad_input`), the
//! typed client against the router (`client`), and whether the document says what is so (`document`). Must not open a database. To add a route: its story here; `access`
//! finds it by itself.
#![expect(clippy::unwrap_used, reason = "tests")]

mod access;
mod bad_input;
mod canned;
mod client;
mod document;
mod pages;
mod wire;
