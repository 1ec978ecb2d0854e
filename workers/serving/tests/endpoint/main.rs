//! The endpoint over real HTTP: answers, mistakes, promotions, the log. One binary, so that it links once.

mod answers;
mod document;
mod following;
mod mistakes;
mod records;
mod support;
