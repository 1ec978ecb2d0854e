//! Who may call what: the roles of tokens, the callers that a route is for, and tokens as people handle them. Plain data and
//! one table, no secrets but the one answer that shows a new token. To add a role: a variant, its word, its column in
//! [`For::admits`].

use daybreak_spec::{Duration, Name, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::page::rows_of_page;

/// What a token may do. Each of the first four may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks at everything but tokens, features and predictions.
    Viewer,
    /// Also starts, cancels, reruns, clears, marks, pauses and promotes, moves simulated time, and predicts.
    Operator,
    /// Also makes another version of the project current, which decides what code runs.
    Editor,
    /// Everything, tokens included.
    Admin,
    /// Takes and reports tasks, reads the catalogue.
    Worker,
    /// Asks for predictions and features.
    Predict,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Viewer, Self::Operator, Self::Editor, Self::Admin, Self::Worker, Self::Predict];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Editor => "editor",
            Self::Admin => "admin",
            Self::Worker => "worker",
            Self::Predict => "predict",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// Whom a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// Everybody, without a token.
    Everybody,
    /// Who looks.
    Viewers,
    /// Who has things run and end.
    Operators,
    /// Who decides what code runs.
    Editors,
    /// Who gives out tokens.
    Admins,
    /// Processes that run tasks or serve models.
    Workers,
    /// Who reads builds and models: all but those who only predict; attempts too.
    Catalogue,
    /// Workers, and each attempt for its own task run.
    Publishers,
    /// Who asks for predictions.
    Predictors,
}

impl For {
    /// Whether a token of this role may call it.
    pub const fn admits(self, role: Role) -> bool {
        use Role::{Admin, Editor, Operator, Predict, Viewer, Worker};
        match self {
            Self::Everybody => true,
            Self::Viewers => matches!(role, Viewer | Operator | Editor | Admin),
            Self::Operators => matches!(role, Operator | Editor | Admin),
            Self::Editors => matches!(role, Editor | Admin),
            Self::Admins => matches!(role, Admin),
            Self::Workers | Self::Publishers => matches!(role, Worker | Admin),
            Self::Catalogue => !matches!(role, Predict),
            Self::Predictors => matches!(role, Predict | Operator | Editor | Admin),
        }
    }

    /// Whether the token of a current attempt may call it.
    pub const fn admits_attempts(self) -> bool {
        matches!(self, Self::Everybody | Self::Catalogue | Self::Publishers)
    }

    /// The words of the roles that may call it, in order.
    pub fn roles(self) -> Vec<&'static str> {
        Role::ALL.into_iter().filter(|role| self.admits(*role)).map(Role::as_str).collect()
    }
}

/// Whoever a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The token's id; none for the project's own token.
    pub token_id: Option<String>,
    /// What the audit calls them.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// Whoever asks, as their token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// What the audit calls them.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// ULID of the token; none for the project's own token.
    pub token_id: Option<String>,
    /// The project.
    pub project: Name,
    /// Version of the server's binary.
    pub server_version: String,
}

/// "Make a token."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Whose it is, or what it is for. No other token that is good has the name.
    pub name: Name,
    /// What it may do.
    pub role: Role,
    /// How long it is good, at most `366d`; none = `90d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<Duration>,
}

impl TokenRequest {
    /// The longest that a token is good.
    pub const LONGEST_US: i64 = 366 * 86_400_000_000;

    /// How long it is good.
    pub fn lasts_us(&self) -> i64 {
        self.expires_in.as_ref().map_or(90 * 86_400_000_000, |duration| duration.micros)
    }
}

/// A token that was just made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenMade {
    /// The token itself: shown here and never again.
    pub token: String,
    /// What is known of it.
    #[serde(flatten)]
    pub view: TokenView,
}

impl std::fmt::Debug for TokenMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenMade").field("view", &self.view).finish_non_exhaustive()
    }
}

/// What is known of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// ULID.
    pub id: String,
    /// Whose it is.
    pub name: Name,
    /// What it may do.
    pub role: Role,
    /// Real time at which it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// Real time from which it is not good any more.
    pub expires_at: Timestamp,
    /// Real time of its last use, to some minutes; none = not used yet.
    pub last_used_at: Option<Timestamp>,
    /// Real time at which it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// Who took it back.
    pub revoked_by: Option<String>,
}

/// Which tokens are listed, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokensQuery {
    /// Opaque: `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
    pub before: Option<String>,
    /// At most so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<u32>,
}

impl TokensQuery {
    /// The limit that holds.
    pub fn effective_limit(&self) -> u32 {
        rows_of_page(self.limit)
    }
}

/// A page of tokens, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The tokens, those that are not good any more too.
    pub tokens: Vec<TokenView>,
    /// `before` of the next page; none on the last.
    pub next: Option<String>,
}
