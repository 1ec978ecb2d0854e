//! Moving an alias by hand: promoting a version, and going back to one. Takes an older version too, which no run's move does;
//! from then on the alias stands at that version's instant, so the next night's promotion goes on from there. The move, its
//! entry of the history and that of the audit are one transaction.

use daybreak_protocol::AliasHistoryEntry;
use daybreak_spec::{Name, Timestamp};

use crate::audit::audit;
use crate::database::query;
use crate::registry::{MovedBy, NotedMove, note_move, raise_cursor};
use crate::tx::{Command, Tx};
use crate::{Caller, Error, Store};

/// An alias that somebody moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveByHand {
    /// The project.
    pub project: Name,
    /// The model.
    pub model: Name,
    /// The alias.
    pub alias: Name,
    /// Where it is to point.
    pub version: u32,
    /// Where it points now, as the caller saw it; none: wherever it points.
    pub expected: Option<u32>,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub caller: Caller,
}

impl Command for MoveByHand {
    type Reply = AliasHistoryEntry;
    async fn run(&self, tx: &mut Tx) -> Result<AliasHistoryEntry, Error> {
        let as_of = self.as_of(tx).await?;
        let previous = self.pointed_at(tx).await?;
        self.expect(previous)?;
        match previous {
            Some(previous) => self.point_elsewhere(tx, previous, as_of).await?,
            None => self.point_first(tx, as_of).await?,
        }
        raise_cursor(tx, self.project.as_str()).await?;
        let noted = NotedMove {
            project: self.project.as_str(),
            model: &self.model,
            alias: self.alias.as_str(),
            version: self.version,
            previous: previous.map(i64::from),
            as_of,
            moved: true,
            by: MovedBy::Hand { caller: &self.caller, reason: &self.reason },
        };
        note_move(tx, &noted).await?;
        let from = previous.map_or_else(String::new, |previous| format!(" from version {previous}"));
        let detail = format!("`{}`{from} to version {}: {}", self.alias, self.version, self.reason);
        audit(tx, Some(&self.caller), "promote", (self.model.as_str(), &detail));
        Ok(AliasHistoryEntry {
            alias: self.alias.to_string(),
            from: previous,
            to: self.version,
            as_of,
            run_id: None,
            by: Some(self.caller.to_string()),
            reason: Some(self.reason.clone()),
            moved_at: tx.now(),
        })
    }
}

impl MoveByHand {
    /// T of the version.
    async fn as_of(&self, tx: &mut Tx) -> Result<Timestamp, Error> {
        let Self { project, model, version, .. } = self;
        let as_of: Option<i64> =
            query("SELECT as_of_us FROM model_version WHERE project = $1 AND model = $2 AND version = $3")
                .bind(project.as_str())
                .bind(model.as_str())
                .bind(i64::from(*version))
                .fetch_value(tx.direct().await?)
                .await?;
        if let Some(as_of) = as_of {
            return Ok(Timestamp::from_micros(as_of));
        }
        let versions: Option<i64> = query("SELECT versions FROM model WHERE project = $1 AND model = $2")
            .bind(project.as_str())
            .bind(model.as_str())
            .fetch_value(tx.direct().await?)
            .await?;
        Err(match versions {
            None => Error::NotFound(format!("model `{model}` has no versions")),
            Some(last) => Error::Refused(format!("model `{model}` has no version {version}; it has 1 to {last}")),
        })
    }

    /// The version that the alias points at, held until the transaction ends.
    async fn pointed_at(&self, tx: &mut Tx) -> Result<Option<u32>, Error> {
        let version: Option<i64> =
            query("SELECT version FROM alias WHERE project = $1 AND model = $2 AND alias = $3 FOR UPDATE")
                .bind(self.project.as_str())
                .bind(self.model.as_str())
                .bind(self.alias.as_str())
                .fetch_value(tx.direct().await?)
                .await?;
        let narrow = |version: i64| u32::try_from(version).map_err(|_| Error::corrupt("version")(version.to_string()));
        version.map(narrow).transpose()
    }

    fn expect(&self, previous: Option<u32>) -> Result<(), Error> {
        let Self { model, alias, version, expected, .. } = self;
        let now = previous.map_or_else(|| "nowhere".to_owned(), |previous| format!("at version {previous}"));
        if let Some(expected) = expected.filter(|expected| previous != Some(*expected)) {
            return Err(Error::NotNow(format!(
                "alias `{alias}` of model `{model}` points {now} and not at version {expected}; look again, then decide"
            )));
        }
        if previous == Some(*version) {
            return Err(Error::NotNow(format!("alias `{alias}` of model `{model}` points {now} already")));
        }
        Ok(())
    }

    async fn point_elsewhere(&self, tx: &mut Tx, previous: u32, as_of: Timestamp) -> Result<(), Error> {
        let written = query(
            "UPDATE alias SET version = $1, as_of_us = $2, moved_at_us = $3 \
             WHERE project = $4 AND model = $5 AND alias = $6 AND version = $7",
        )
        .bind(i64::from(self.version))
        .bind(as_of.micros)
        .bind(tx.now().micros)
        .bind(self.project.as_str())
        .bind(self.model.as_str())
        .bind(self.alias.as_str())
        .bind(i64::from(previous))
        .execute(tx.direct().await?)
        .await?;
        // The row is held.
        if written == 1 { Ok(()) } else { Err(Error::Conflict { what: format!("alias `{}`", self.alias) }) }
    }

    async fn point_first(&self, tx: &mut Tx, as_of: Timestamp) -> Result<(), Error> {
        let written = query(
            "INSERT INTO alias (project, model, alias, version, as_of_us, moved_at_us) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (project, model, alias) DO NOTHING",
        )
        .bind(self.project.as_str())
        .bind(self.model.as_str())
        .bind(self.alias.as_str())
        .bind(i64::from(self.version))
        .bind(as_of.micros)
        .bind(tx.now().micros)
        .execute(tx.direct().await?)
        .await?;
        // Another server made the alias a moment ago.
        if written == 1 { Ok(()) } else { Err(tx.contended()) }
    }
}

impl Store {
    /// Moves an alias by hand, to an older version too; the entry of its history.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a model without versions, [`Error::Refused`] for a version that it does not have;
    /// [`Error::NotNow`] when the alias points there already, or elsewhere than expected.
    pub async fn move_by_hand(&self, wanted: MoveByHand) -> Result<AliasHistoryEntry, Error> {
        self.write(wanted).await
    }
}
