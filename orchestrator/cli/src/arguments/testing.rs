//! What is found out about a project without running it: `check` and `test`.

use std::path::PathBuf;

use clap::Args;

/// `test`
#[derive(Args)]
pub struct Test {
    /// Folder of the project
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Only tests whose name or file holds this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `check`
#[derive(Args)]
pub struct Check {
    /// Folder of the project
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// (internal) leave flow tests out, which are no part of what is deployed, and tell it in words and with the views' features beside the JSON
    #[arg(long, hide = true)]
    pub for_server: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
