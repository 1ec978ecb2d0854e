//! `daybreak apply`: makes the project's folder as it is now the version that new runs are made from.

use daybreak_protocol::{Applied, ChangeKind};

use super::reading::print;
use crate::arguments::Apply;
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};

/// `daybreak apply`
pub async fn apply(arguments: &Apply) -> Outcome {
    let project = arguments.project();
    let connection = Connection::open(&project.directory).await?;
    // A server that was started for this command has read the folder already.
    let applied = match connection.deployed() {
        Some(applied) => Ok(applied),
        None => connection.client.reload().await,
    };
    connection.close().await;
    let applied = applied.map_err(|error| match error {
        daybreak_protocol::Error::Refused(problems) => Failure::configuration(problems),
        other => other.into(),
    })?;
    print(&applied, &project, words)
}

fn words(applied: &Applied) -> String {
    let short = |version: &str| version.chars().take(12).collect::<String>();
    let mut text: String = applied
        .changes
        .iter()
        .map(|change| {
            let mark = match change.change {
                ChangeKind::Added => '+',
                ChangeKind::Changed => '~',
                ChangeKind::Removed => '-',
            };
            format!("  {mark} {} {}\n", change.section, change.name)
        })
        .collect();
    let version = short(&applied.version);
    text.push_str(&match &applied.previous {
        Some(previous) if *previous == applied.version => {
            format!("nothing has changed: version {version} stays live\n")
        }
        Some(previous) => format!("version {version} is live; it was {}\n", short(previous)),
        None => format!("version {version} is live\n"),
    });
    text
}
