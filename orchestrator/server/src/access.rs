//! Tokens and their ring: the server knows which tokens are good, fills the ring after each change of its own and, where
//! other servers share the database, once a second; and keeps coarsely when they were used last. Nothing here is asked
//! during a request but the ring.

use std::time::Duration;

use daybreak_protocol::{Keys, TokenList, TokenMade, TokenRequest, TokenView, TokensQuery, mint_token, token_hash};
use daybreak_spec::Timestamp;
use daybreak_store::{NewToken, RevokeToken};
use tokio::sync::watch;
use ulid::Ulid;

use crate::origin::Origin;
use crate::{Error, Server};

/// How often the ring is filled anew where other servers make tokens and take them back.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// How many looks go by between two writes of last uses.
const LOOKS_PER_WRITE: u32 = 60;

impl Server {
    /// The ring of good tokens: for an endpoint in this process.
    pub fn keys(&self) -> Keys {
        self.keys.clone()
    }

    /// Makes a token; the answer is the only place where it is shown.
    ///
    /// # Errors
    /// [`Error::Refused`] when one that is good has the name, or it would be good for more than a year.
    pub async fn create_token(&self, request: TokenRequest, from: &Origin) -> Result<TokenMade, Error> {
        let lasts_us = request.lasts_us();
        if lasts_us > TokenRequest::LONGEST_US {
            return Err(Error::Refused("a token is good for at most a year: 366d".to_owned()));
        }
        let now = self.clock.real_now();
        let id = Ulid::from_parts(u64::try_from(now.micros / 1_000).unwrap_or_default(), (self.random)()).to_string();
        let token = mint_token(&id, self.random);
        let new = NewToken {
            hash: token_hash(&token),
            id,
            project: self.deployed()?.name().clone(),
            name: request.name,
            role: request.role,
            lasts_us,
            caller: from.caller(None),
        };
        let view = self.store.create_token(new).await?;
        self.fill_ring().await?;
        Ok(TokenMade { token, view })
    }

    /// Takes a token back.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Refused`] when that was done before.
    pub async fn revoke_token(&self, token_id: &str, from: &Origin) -> Result<TokenView, Error> {
        let project = self.deployed()?.name().clone();
        let revoke = RevokeToken { project, id: token_id.to_owned(), caller: from.caller(None) };
        let view = self.store.revoke_token(revoke).await?;
        self.fill_ring().await?;
        Ok(view)
    }

    /// All tokens of the project, newest first.
    ///
    /// # Errors
    /// When the state does not answer.
    pub async fn tokens(&self, query: &TokensQuery) -> Result<TokenList, Error> {
        self.keep_last_uses().await?;
        Ok(self.store.tokens(self.deployed()?.name(), query).await?)
    }

    /// Takes up which tokens of the deployed project are good now.
    pub(crate) async fn fill_ring(&self) -> Result<(), Error> {
        let _one_at_a_time = self.filling.lock().await;
        let Ok(deployed) = self.deployed() else { return Ok(()) };
        self.keys.replace(self.store.good_tokens(deployed.name(), self.clock.real_now()).await?);
        Ok(())
    }

    /// Writes what is new of last uses.
    async fn keep_last_uses(&self) -> Result<(), Error> {
        let used: Vec<(String, Timestamp)> = {
            let mut kept = self.kept_uses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let fresh = self.keys.used().into_iter().filter(|(id, used)| kept.get(id) != Some(used));
            let fresh: Vec<_> = fresh.collect();
            kept.extend(fresh.iter().cloned());
            fresh
        };
        if used.is_empty() { Ok(()) } else { Ok(self.store.tokens_used(used).await?) }
    }

    /// Looks after the ring until `shutdown` turns true.
    pub(crate) async fn run_ring(&self, mut shutdown: watch::Receiver<bool>) {
        let mut looks = 0;
        loop {
            let stopped = tokio::select! {
                _ = shutdown.wait_for(|stopped| *stopped) => true,
                () = tokio::time::sleep(BETWEEN_LOOKS) => false,
            };
            looks += 1;
            let mut outcome = Ok(());
            if self.store.is_shared() {
                outcome = self.fill_ring().await;
            }
            if outcome.is_ok() && (stopped || looks % LOOKS_PER_WRITE == 0) {
                outcome = self.keep_last_uses().await;
            }
            if let Err(error) = outcome {
                tracing::warn!(%error, "tokens could not be looked after");
            }
            if stopped {
                return;
            }
        }
    }
}
