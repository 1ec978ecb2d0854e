//! Simulated business time, kept so that a restart goes on where it stood.

use daybreak_spec::Timestamp;

use crate::Error;
use crate::database::query;
use crate::tx::{Command, Tx};

/// Sets simulated business time. It never goes back.
pub(crate) struct SetClock(pub Timestamp);

impl Command for SetClock {
    type Reply = Timestamp;
    async fn run(&self, tx: &mut Tx) -> Result<Timestamp, Error> {
        let stands: Option<i64> =
            query("SELECT simulated_us FROM clock WHERE name = 'business'").fetch_value(tx.direct().await?).await?;
        if let Some(stands) = stands.filter(|stands| *stands > self.0.micros) {
            let stands = Timestamp::from_micros(stands);
            return Err(Error::Refused(format!("business time stands at {stands} and never goes back to {}", self.0)));
        }
        query(
            "INSERT INTO clock (name, project, simulated_us) VALUES ('business', '*', $1) \
             ON CONFLICT (name) DO UPDATE SET simulated_us = excluded.simulated_us",
        )
        .bind(self.0.micros)
        .execute(tx.direct().await?)
        .await?;
        Ok(self.0)
    }
}
