//! The lease loop, child processes, cancellation and logs of a worker.
