//! Who schedules and sweeps. On a file there is one process, which takes the leadership at once and keeps it. On a shared
//! database it is a lease: renewed while its holder lives, taken over when it has run out, and every takeover raises the
//! epoch that each of the leader's transactions checks, so that a leader that was asleep writes nothing.

use daybreak_failpoints::crossing;

use crate::database::query;
use crate::tx::{Command, Tx};
use crate::{Error, Store};

/// How long a leadership holds without being renewed.
const LEASE_US: i64 = 10_000_000;

/// The end of a lease that its holder has given away: over by any clock.
const GIVEN_AWAY: i64 = 0;

/// Takes the leadership if it is to be had, raising its epoch: whoever held it can no longer write as leader.
pub(crate) struct Lead {
    pub holder: String,
}

impl Command for Lead {
    type Reply = Option<i64>;
    async fn run(&self, tx: &mut Tx) -> Result<Option<i64>, Error> {
        let (free_until, lease_until) = terms(tx);
        query(
            "INSERT INTO leader (name, project, holder, epoch, lease_until_us) VALUES ('scheduler', '*', $1, 1, $2) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = leader.epoch + 1, \
             lease_until_us = excluded.lease_until_us WHERE leader.lease_until_us <= $3 OR leader.holder = $1 \
             RETURNING epoch",
        )
        .bind(&self.holder)
        .bind(lease_until)
        .bind(free_until)
        .fetch_value(tx.direct().await?)
        .await
    }
}

/// Renews the leadership. `false`: somebody else has taken it.
pub(crate) struct Renew {
    pub holder: String,
    pub epoch: i64,
}

impl Command for Renew {
    type Reply = bool;
    async fn run(&self, tx: &mut Tx) -> Result<bool, Error> {
        let (_, lease_until) = terms(tx);
        crossing!("cp14.before");
        let renewed = prolong(tx, &self.holder, self.epoch, lease_until).await;
        crossing!("cp14.after");
        renewed
    }
}

/// Gives the leadership away: the next server that asks has it at once.
pub(crate) struct Resign {
    pub holder: String,
    pub epoch: i64,
}

impl Command for Resign {
    type Reply = bool;
    async fn run(&self, tx: &mut Tx) -> Result<bool, Error> {
        prolong(tx, &self.holder, self.epoch, GIVEN_AWAY).await
    }
}

async fn prolong(tx: &mut Tx, holder: &str, epoch: i64, lease_until: i64) -> Result<bool, Error> {
    let renewed =
        query("UPDATE leader SET lease_until_us = $1 WHERE name = 'scheduler' AND holder = $2 AND epoch = $3")
            .bind(lease_until)
            .bind(holder)
            .bind(epoch)
            .execute(tx.direct().await?)
            .await?;
    Ok(renewed == 1)
}

/// Up to when a lease that ran out may be taken, and how far a new one reaches.
fn terms(tx: &Tx) -> (i64, i64) {
    if tx.is_shared() { (tx.now().micros, tx.now().plus_micros(LEASE_US).micros) } else { (i64::MAX, i64::MAX) }
}

impl Store {
    /// Whether the last leader has given the leadership away and nobody has taken it.
    pub async fn leadership_was_given_away(&self) -> Result<bool, Error> {
        let free: i64 = query("SELECT COUNT(*) FROM leader WHERE name = 'scheduler' AND lease_until_us = 0")
            .fetch_scalar(&self.readers)
            .await?;
        Ok(free > 0)
    }
}
