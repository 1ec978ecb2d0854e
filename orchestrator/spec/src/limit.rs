//! Limits: named pools of slots that tasks share, and what a task takes of them while it runs.

use serde::{Deserialize, Serialize};

use crate::{Name, Span, Spanned};

/// A declared pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Where its name stands.
    #[serde(skip)]
    pub span: Span,
    /// Slots in all, at least 1; for each key apart where tasks give one.
    pub slots: u32,
}

/// What a task takes of a pool while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimitUse {
    /// The pool.
    pub limit: Spanned<Name>,
    /// Slots taken, at least 1.
    pub slots: u32,
    /// A text with `${params.…}`: tasks share slots only with those of the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Spanned<String>>,
}
