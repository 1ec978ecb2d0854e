//! axum API, the reconciler loops and apply, the one path every event takes.
