//! `daybreak models`: models with their versions and aliases; promoting a version by hand, and going back to the one before. To
//! add a command: a function here, a variant in `arguments/models.rs`.

use daybreak_protocol::{AliasHistoryEntry, Client, ModelView, MoveAliasRequest};
use daybreak_spec::Name;

use super::dags::caller;
use super::reading::print;
use crate::arguments::{ModelCommand, Models, Project, Promote, Rollback};
use crate::connection::Connection;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `daybreak models`
pub async fn models(arguments: &Models) -> Outcome {
    match &arguments.command {
        None => list(&arguments.project).await,
        Some(ModelCommand::Promote(promote)) => self::promote(promote).await,
        Some(ModelCommand::Rollback(rollback)) => self::rollback(rollback).await,
    }
}

async fn list(project: &Project) -> Outcome {
    let connection = Connection::open(&project.directory).await?;
    let models = connection.client.all_models().await;
    connection.close().await;
    print(&models?, project, |models| models.iter().map(people_model).collect())
}

async fn promote(arguments: &Promote) -> Outcome {
    let Promote { model, version, alias, reason, project } = arguments;
    let request = MoveAliasRequest { version: *version, reason: reason.clone(), expected: None, by: Some(caller()) };
    let connection = Connection::open(&project.directory).await?;
    let moved = connection.client.move_alias(model, alias, &request).await;
    connection.close().await;
    print(&moved?, project, |moved| words(model, moved))
}

async fn rollback(arguments: &Rollback) -> Outcome {
    let connection = Connection::open(&arguments.project.directory).await?;
    let moved = roll_back(&connection.client, arguments).await;
    connection.close().await;
    print(&moved?, &arguments.project, |moved| words(&arguments.model, moved))
}

/// From where the alias points now, and from nowhere else.
async fn roll_back(client: &Client, Rollback { model, alias, reason, .. }: &Rollback) -> Outcome<AliasHistoryEntry> {
    let moves = client.all_moves(model).await?;
    let stack = went_through(&moves, alias);
    let (now, before) = match stack.as_slice() {
        [.., before, now] => (*now, *before),
        [only] => {
            let detail = format!("alias `{alias}` of model `{model}` pointed nowhere before version {only}");
            return Err(Failure::refused(detail));
        }
        [] => return Err(Failure::refused(format!("alias `{alias}` of model `{model}` points nowhere"))),
    };
    let request = MoveAliasRequest { version: before, reason: reason.clone(), expected: Some(now), by: Some(caller()) };
    Ok(client.move_alias(model, alias, &request).await?)
}

/// The versions that an alias went through on its way to the one that it points at, which is the last. One that it went back
/// from is not among them: going back twice leads two versions back.
fn went_through(moves: &[AliasHistoryEntry], alias: &Name) -> Vec<u32> {
    let mut stack: Vec<u32> = Vec::new();
    for entry in moves.iter().filter(|entry| entry.alias == alias.as_str()) {
        match stack.iter().position(|version| *version == entry.to) {
            Some(place) => stack.truncate(place + 1),
            None => stack.push(entry.to),
        }
    }
    stack
}

fn words(model: &Name, AliasHistoryEntry { alias, from, to, .. }: &AliasHistoryEntry) -> String {
    let before = from.map_or_else(|| "nowhere".to_owned(), |from| format!("at version {from}"));
    format!("`{alias}` of model `{model}` points at version {to} now; it pointed {before}\n")
}

fn people_model(model: &ModelView) -> String {
    let mut rows = Vec::new();
    for version in &model.versions {
        let aliases =
            model.aliases.iter().filter(|(_, target)| **target == version.version).map(|(alias, _)| alias.as_str());
        let metrics = version.content.metrics.iter().map(|(name, value)| format!("{name} {value:.4}"));
        rows.push(vec![
            version.version.to_string(),
            aliases.collect::<Vec<_>>().join(" "),
            version.content.as_of.to_string(),
            version.content.rows.to_string(),
            metrics.collect::<Vec<_>>().join("  "),
        ]);
    }
    format!("{}\n{}", model.name, table::render(&["version", "alias", "as of", "rows", "holdout"], &rows))
}

#[cfg(test)]
mod tests {
    use daybreak_spec::Timestamp;

    use super::*;

    fn through(moves: &[(&str, u32)]) -> Vec<u32> {
        let at = Timestamp::from_micros(0);
        let entry = |(alias, to): &(&str, u32)| AliasHistoryEntry {
            alias: (*alias).to_owned(),
            from: None,
            to: *to,
            as_of: at,
            run_id: None,
            by: None,
            reason: None,
            moved_at: at,
        };
        let moves: Vec<_> = moves.iter().map(entry).collect();
        went_through(&moves, &Name::parse("champion").expect("a slug"))
    }

    #[test]
    fn going_back_twice_leads_two_versions_back() {
        let mut moves = vec![("champion", 1), ("challenger", 9), ("champion", 2), ("champion", 3)];
        assert_eq!(through(&moves), [1, 2, 3]);
        moves.push(("champion", 2));
        assert_eq!(through(&moves), [1, 2]);
        moves.push(("champion", 1));
        assert_eq!(through(&moves), [1]);
        moves.push(("champion", 4));
        assert_eq!(through(&moves), [1, 4]);
    }

    #[test]
    fn the_same_version_again_is_no_step() {
        assert_eq!(through(&[("champion", 1), ("champion", 1)]), [1]);
        assert!(through(&[]).is_empty());
    }
}
