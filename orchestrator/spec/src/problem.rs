//! What is wrong with a project, in a form that the CLI, the API and the UI show alike. A problem never ends the
//! reading: everything that can be found is found at once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Span;

/// One mistake of the user, at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A stable slug such as `unknown_key`, `unknown_reference`, `duplicate_name`, `cycle`, `cron_never_fires`.
    pub code: &'static str,
    /// Where it is.
    pub span: Span,
    /// What is wrong: lower case, no full stop, names the thing.
    pub message: String,
    /// What to write instead, e.g. "did you mean `carrier`?".
    pub hint: Option<String>,
    /// Other places that matter (the first of two definitions, the other end of a cycle), each with a label.
    pub related: Vec<(Span, String)>,
    /// A warning does not make `daybreak check` fail.
    pub severity: Severity,
}

/// Whether a problem stops the project from being run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The project is refused.
    Error,
    /// The project runs; the user should look.
    Warning,
}

impl Problem {
    /// An error without a hint.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { code, span, message: message.into(), hint: None, related: Vec::new(), severity: Severity::Error }
    }

    /// A warning without a hint.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// Adds what to write instead.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds another place that matters.
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }
}
