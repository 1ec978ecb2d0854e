//! The command line of tokens. No behaviour.

use clap::{Args, Subcommand};
use daybreak_protocol::Role;
use daybreak_spec::{Duration, Name};

use super::{Project, duration};

/// `token` prints the project's own; its commands are about those with a role.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Token {
    #[command(subcommand)]
    /// What to do with tokens instead.
    pub command: Option<TokenCommand>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// About tokens with a role.
#[derive(Subcommand)]
pub enum TokenCommand {
    /// Make a token and show it, this once
    Create(TokenCreate),
    /// List tokens, newest first, those that are not good any more too
    List {
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
    /// Take a token back: it is not good from now on
    Revoke {
        /// The token's id
        #[arg(value_parser = token_id)]
        id: String,
        /// Where, and how to print
        #[command(flatten)]
        project: Project,
    },
}

/// `token create`
#[derive(Args)]
pub struct TokenCreate {
    /// What it may do: viewer, operator, editor, admin, worker, predict
    #[arg(long, value_parser = role)]
    pub role: Role,
    /// Whose it is, or what it is for
    #[arg(long, value_parser = name)]
    pub name: Name,
    /// How long it is good, at most 366d [default: 90d]
    #[arg(long, value_parser = duration, value_name = "DURATION")]
    pub expires: Option<Duration>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

fn role(text: &str) -> Result<Role, String> {
    let words = Role::ALL.map(Role::as_str).join(", ");
    Role::parse(text).ok_or_else(|| format!("`{text}` is not a role; write one of {words}"))
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).ok_or_else(|| format!("`{text}` is not a name: small letters, digits, `-` and `_`, at most 63"))
}

fn token_id(text: &str) -> Result<String, String> {
    super::run_id(text).map_err(|_| format!("`{text}` is not the id of a token; `daybreak token list` shows them"))
}
