//! Content-addressed objects, manifests and logs.
