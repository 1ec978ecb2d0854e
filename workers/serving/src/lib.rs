//! The prediction endpoint.
