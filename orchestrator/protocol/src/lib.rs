//! What crosses HTTP as plain types, and the typed client.
