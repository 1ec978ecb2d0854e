//! The HTTP surface of the server: routes, who may call them, and errors as problem+json. Decides nothing but access
//! and form; everything else is asked of [`Engine`]. To add a call: a method of [`Engine`], a handler in `people`,
//! `catalogue`, `control`, `looks` or `worker`, a line in `routes`.

mod access;
mod backfills;
mod body;
mod catalogue;
mod control;
mod document;
mod engine;
mod events;
mod finish;
mod looks;
mod metrics;
mod once;
mod pages;
mod path;
mod people;
mod problem;
mod project;
mod routes;
mod tokens;
mod worker;

pub use document::document;
pub use engine::{Access, Asked, Engine};
pub use routes::{RouteInfo, router, routes};
