//! The one binary `daybreak`: commands and wiring.
