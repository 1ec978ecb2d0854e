//! The command line of models. No behaviour.

use clap::{Args, Subcommand};
use daybreak_spec::Name;

use super::Project;

/// `models` lists them; its commands move an alias by hand.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Models {
    #[command(subcommand)]
    /// What to do with one instead.
    pub command: Option<ModelCommand>,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// Moving an alias by hand.
#[derive(Subcommand)]
pub enum ModelCommand {
    /// Let an alias point at a version, an older one too; endpoints follow at once
    Promote(Promote),
    /// Let an alias point at the version that it pointed at before; endpoints follow at once
    Rollback(Rollback),
}

/// `models promote`
#[derive(Args)]
pub struct Promote {
    /// The model
    #[arg(value_parser = name)]
    pub model: Name,
    /// The version
    #[arg(id = "number", value_name = "VERSION")]
    pub version: u32,
    /// The alias that is moved
    #[arg(long, value_parser = name, default_value = "champion")]
    pub alias: Name,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

/// `models rollback`
#[derive(Args)]
pub struct Rollback {
    /// The model
    #[arg(value_parser = name)]
    pub model: Name,
    /// The alias that goes back
    #[arg(long, value_parser = name, default_value = "champion")]
    pub alias: Name,
    /// Why, for those who look later
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    #[command(flatten)]
    /// Where.
    pub project: Project,
}

fn name(text: &str) -> Result<Name, String> {
    Name::parse(text).ok_or_else(|| format!("`{text}` is not a name; `daybreak models` lists models and aliases"))
}
