//! Feature values, freshness and the online store.
