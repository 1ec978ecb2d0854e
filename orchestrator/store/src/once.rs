//! Requests that are made once however often they are sent: the key that the caller has given, what was asked with it, and
//! the answer, written in the transaction that did it. To have a command made once: [`Once::before`] and [`Once::after`]
//! around what it does.

use daybreak_protocol::Triggered;
use daybreak_spec::Name;
use sha2::{Digest, Sha256};

use crate::audit::audit;
use crate::database::query;
use crate::runs::NewRun;
use crate::tx::{Command, Tx};
use crate::{Caller, Error};

/// How long an answer is kept.
const KEPT_US: i64 = 24 * 3_600 * 1_000_000;

/// The key of a request, and what tells it from another one with the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    /// As the caller has chosen it.
    pub key: String,
    /// SHA-256 (hex) of what was asked.
    pub request_hash: String,
}

/// What came of a request that is made once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made<T> {
    /// It was done now.
    Now(T),
    /// It had been done before: the answer of then.
    Before(T),
    /// The key was used for another request.
    OtherRequest,
}

/// What [`Once::before`] has found.
pub(crate) enum Found {
    /// Nothing: it is to be done.
    New,
    /// The answer.
    Answer(String),
    Other,
}

impl Once {
    /// For a key and the parts of a request.
    pub fn new(key: &str, request: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in request {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let request_hash = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { key: key.to_owned(), request_hash }
    }

    /// Whether it is to be done. Takes the key.
    pub(crate) async fn before(&self, tx: &mut Tx, project: &Name, caller: &Caller) -> Result<Found, Error> {
        match self.find(tx, project, caller).await? {
            Found::New => {}
            found => return Ok(found),
        }
        let now = tx.now();
        query("DELETE FROM idempotency WHERE at_us <= $1")
            .bind(now.micros - KEPT_US)
            .execute(tx.direct().await?)
            .await?;
        let taken = query(
            "INSERT INTO idempotency (project, actor, key, request_hash, answer, at_us) VALUES ($1, $2, $3, $4, '', $5) \
             ON CONFLICT (project, actor, key) DO NOTHING",
        )
        .bind(project.as_str())
        .bind(actor(caller))
        .bind(&self.key)
        .bind(&self.request_hash)
        .bind(now.micros)
        .execute(tx.direct().await?)
        .await?;
        // Another server took it meanwhile, and its commit has been waited for.
        if taken == 0 { self.find(tx, project, caller).await } else { Ok(Found::New) }
    }

    async fn find(&self, tx: &mut Tx, project: &Name, caller: &Caller) -> Result<Found, Error> {
        let young = tx.now().micros - KEPT_US;
        let row = query(
            "SELECT request_hash, answer FROM idempotency WHERE project = $1 AND actor = $2 AND key = $3 AND at_us > $4",
        )
        .bind(project.as_str())
        .bind(actor(caller))
        .bind(&self.key)
        .bind(young)
        .fetch_optional(tx.direct().await?)
        .await?;
        let Some(row) = row else { return Ok(Found::New) };
        let same = row.try_get::<&str>("request_hash")? == self.request_hash;
        Ok(if same { Found::Answer(row.try_get("answer")?) } else { Found::Other })
    }

    /// Keeps the answer.
    pub(crate) async fn after(&self, tx: &mut Tx, project: &Name, caller: &Caller, answer: &str) -> Result<(), Error> {
        query("UPDATE idempotency SET answer = $1 WHERE project = $2 AND actor = $3 AND key = $4")
            .bind(answer)
            .bind(project.as_str())
            .bind(actor(caller))
            .bind(&self.key)
            .execute(tx.direct().await?)
            .await?;
        Ok(())
    }
}

/// Keys of different tokens never meet.
fn actor(caller: &Caller) -> String {
    caller.token_id.clone().unwrap_or_default()
}

/// A run that somebody has asked for.
#[derive(Clone, Debug)]
pub struct TriggerRun {
    /// The run.
    pub run: NewRun,
    /// Who asks.
    pub caller: Caller,
    /// The request's key, where it has one.
    pub once: Option<Once>,
}

impl Command for TriggerRun {
    type Reply = Made<Triggered>;
    async fn run(&self, tx: &mut Tx) -> Result<Made<Triggered>, Error> {
        let project = &self.run.template.project;
        if let Some(once) = &self.once {
            match once.before(tx, project, &self.caller).await? {
                Found::New => {}
                Found::Answer(run_id) => return Ok(Made::Before(Triggered { run_id })),
                Found::Other => return Ok(Made::OtherRequest),
            }
        }
        let run_id = self.run.run(tx).await?;
        let detail = format!("`{}` at {}", self.run.template.dag, self.run.window_end);
        audit(tx, Some(&self.caller), "trigger", (&run_id, &detail));
        if let Some(once) = &self.once {
            once.after(tx, project, &self.caller, &run_id).await?;
        }
        Ok(Made::Now(Triggered { run_id }))
    }
}
