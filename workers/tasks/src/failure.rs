//! How errors of the rooms below become the reason a task failed: the whole chain of causes in one line, and whether
//! trying again can help. Adds nothing that the errors do not say.

use daybreak_runtime::TaskError;
pub(crate) use daybreak_runtime::chain;

/// From the offline store.
pub(crate) fn offline(error: &daybreak_offline::Error) -> TaskError {
    if error.is_permanent() { TaskError::lasting(chain(error)) } else { TaskError::passing(chain(error)) }
}

/// From the artefact store.
pub(crate) fn artifacts(error: &daybreak_artifacts::Error) -> TaskError {
    TaskError::of_artifacts(error)
}

/// From the server.
pub(crate) fn orchestrator(error: &daybreak_protocol::Error) -> TaskError {
    use daybreak_protocol::Error as E;
    match error {
        E::NotFound(_) | E::Refused(_) | E::NotNow(_) | E::Invalid { .. } | E::OtherProtocol(_) => {
            TaskError::lasting(chain(error))
        }
        E::StaleAttempt | E::ReRegister | E::Unavailable { .. } => TaskError::passing(chain(error)),
    }
}

/// From training and scoring.
pub(crate) fn training(error: &daybreak_training::Error) -> TaskError {
    TaskError::lasting(chain(error))
}

/// From an artefact's content.
pub(crate) fn model(error: &daybreak_model::Error) -> TaskError {
    TaskError::lasting(chain(error))
}

/// From the online store.
pub(crate) fn online(error: &daybreak_features::Error) -> TaskError {
    use daybreak_features::Error as E;
    match error {
        E::DuplicateKey { .. } | E::Row { .. } | E::Generation { .. } | E::TooNew { .. } | E::Corrupt { .. } => {
            TaskError::lasting(chain(error))
        }
        E::Io { .. } | E::Full { .. } | E::AlreadyOpen { .. } | E::Engine { .. } | E::NotPublished(_) => {
            TaskError::passing(chain(error))
        }
    }
}

/// Runs long computations off the threads that keep heartbeats and sockets going. A panic stays a panic.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TaskError> + Send + 'static,
) -> Result<T, TaskError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Err(TaskError::passing("the process is shutting down")),
    }
}
