//! The kinds of task, one file each. A new kind = one file (its `DEFINITION` and its `Task`), one line in [`registry`]
//! and one fixture. Nothing here knows of SQL, HTTP routes or schedules.

pub mod approve;
pub mod build_features;
pub mod command;
pub mod evaluate;
mod failure;
pub mod http;
mod http_client;
mod http_policy;
mod instants;
pub mod materialize;
pub mod noop;
mod outputs_file;
mod parameters;
pub mod promote;
pub mod run_dag;
mod stores;
pub mod train;
mod training_data;
mod upstream;
pub mod wait_for;

use daybreak_model::Target;
use daybreak_offline::LabelKind;
use daybreak_runtime::Registry;

pub use http_policy::check_url;
pub use stores::Stores;
pub use training_data::{TrainingSetFile, TrainingSetRequest, training_set};
pub use wait_for::no_object;

/// All kinds of task.
pub fn registry() -> Registry {
    Registry::new(vec![
        Box::new(approve::Approve),
        Box::new(build_features::BuildFeatures),
        Box::new(command::Command),
        Box::new(evaluate::Evaluate),
        Box::new(http::Http),
        Box::new(materialize::Materialize),
        Box::new(noop::Noop),
        Box::new(promote::Promote),
        Box::new(run_dag::RunDag),
        Box::new(train::Train),
        Box::new(wait_for::WaitFor),
    ])
}

/// What label an algorithm learns; `None` for one that does not exist.
pub fn label_kind(algorithm: &str) -> Option<LabelKind> {
    Some(match daybreak_training::algorithm(algorithm)?.target {
        Target::Probability => LabelKind::Boolean,
        Target::Number => LabelKind::Number,
    })
}
