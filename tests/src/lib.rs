//! The end-to-end tests, their support and the architecture test.
