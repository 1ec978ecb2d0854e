//! Tests of models as stories, in one binary.

mod artifact;
mod evaluation;
mod metrics;
mod prediction;
mod support;
