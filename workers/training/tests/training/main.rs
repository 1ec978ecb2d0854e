//! Tests of training as stories, in one binary.

mod declarations;
mod fitting;
mod sklearn;
mod support;
