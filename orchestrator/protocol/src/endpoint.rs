//! What an endpoint in a process of its own is told beside what is live: the tokens that are good, how long predictions are
//! kept, simulated business time. Plain data.

use daybreak_spec::{Predictions, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Role;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointSettings {
    /// SHA-256 (hex) of the project's own token.
    pub own_token_hash: String,
    /// The other tokens that are good.
    pub keys: Vec<KeyView>,
    /// How long predictions are kept.
    #[schema(value_type = Object)]
    pub predictions: Predictions,
    /// Business time, where it is simulated.
    pub simulated_at: Option<Timestamp>,
}

/// A token that is good, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// The token's id.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 (hex) of the token.
    pub hash: String,
    /// From then on it is not good.
    pub expires_at: Timestamp,
}
