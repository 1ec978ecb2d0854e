//! Frames to fitted artefacts, one file per algorithm family.
