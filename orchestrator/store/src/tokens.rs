//! Tokens of the API: what is stored of them is a hash. Making one and taking one back are audited in their own
//! transaction. Whether a request's token is good is not asked here but of the ring in memory (`daybreak_protocol::Keys`).

use daybreak_protocol::{Key, Role, TokenHash, TokenList, TokenView, TokensQuery};
use daybreak_spec::{Name, Timestamp};

use crate::audit::{AFTER_ALL, audit};
use crate::database::{Row, query};
use crate::load::{instant, name};
use crate::reads::cut;
use crate::tx::{Command, Tx};
use crate::{Caller, Error, Store};

/// Tokens of a project that are good at the same time.
const MOST_GOOD: i64 = 1_000;

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Of the token, which is not stored.
    pub hash: TokenHash,
    /// Its id.
    pub id: String,
    /// The project that it is for.
    pub project: Name,
    /// Whose it is.
    pub name: Name,
    /// What it may do.
    pub role: Role,
    /// How long it is good, in microseconds.
    pub lasts_us: i64,
    /// Who makes it.
    pub caller: Caller,
}

/// A token to be taken back.
#[derive(Clone, Debug)]
pub struct RevokeToken {
    /// The project that it is for.
    pub project: Name,
    /// Its id.
    pub id: String,
    /// Who takes it back.
    pub caller: Caller,
}

impl Command for NewToken {
    type Reply = TokenView;
    async fn run(&self, tx: &mut Tx) -> Result<TokenView, Error> {
        let now = tx.now();
        let good: i64 =
            query("SELECT COUNT(*) FROM api_token WHERE project = $1 AND revoked_at_us IS NULL AND expires_at_us > $2")
                .bind(self.project.as_str())
                .bind(now.micros)
                .fetch_scalar(tx.direct().await?)
                .await?;
        if good >= MOST_GOOD {
            return Err(Error::Refused(format!("{good} tokens are good already; take some back: daybreak token list")));
        }
        let namesake: Option<String> = query(
            "SELECT token_id FROM api_token WHERE project = $1 AND revoked_at_us IS NULL AND expires_at_us > $2 \
             AND name = $3",
        )
        .bind(self.project.as_str())
        .bind(now.micros)
        .bind(self.name.as_str())
        .fetch_value(tx.direct().await?)
        .await?;
        if let Some(id) = namesake {
            return Err(Error::Refused(format!(
                "the token {id} has the name `{}` and is good; take it back first, or choose another name",
                self.name
            )));
        }
        self.insert(tx, now).await
    }
}

impl NewToken {
    async fn insert(&self, tx: &mut Tx, now: Timestamp) -> Result<TokenView, Error> {
        let view = TokenView {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            created_at: now,
            created_by: self.caller.by.clone(),
            expires_at: now.plus_micros(self.lasts_us),
            last_used_at: None,
            revoked_at: None,
            revoked_by: None,
        };
        query(
            "INSERT INTO api_token (token_id, project, name, role, hash, created_at_us, created_by, expires_at_us) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&view.id)
        .bind(self.project.as_str())
        .bind(view.name.as_str())
        .bind(view.role.as_str())
        .bind(hex(&self.hash))
        .bind(view.created_at.micros)
        .bind(&view.created_by)
        .bind(view.expires_at.micros)
        .execute(tx.direct().await?)
        .await?;
        let detail = format!("`{}`, {}, until {}", view.name, view.role.as_str(), view.expires_at);
        audit(tx, Some(&self.caller), "token_create", (&view.id, &detail));
        Ok(view)
    }
}

impl Command for RevokeToken {
    type Reply = TokenView;
    async fn run(&self, tx: &mut Tx) -> Result<TokenView, Error> {
        let now = tx.now();
        let row = query(
            "SELECT token_id, name, role, created_at_us, created_by, expires_at_us, last_used_us, revoked_at_us, \
             revoked_by FROM api_token WHERE project = $1 AND token_id = $2",
        )
        .bind(self.project.as_str())
        .bind(&self.id)
        .fetch_optional(tx.direct().await?)
        .await?
        .ok_or_else(|| Error::NotFound(format!("there is no token {}", self.id)))?;
        let before = view(&row)?;
        drop(row);
        let revoked = query(
            "UPDATE api_token SET revoked_at_us = $1, revoked_by = $2 WHERE token_id = $3 AND revoked_at_us IS NULL",
        )
        .bind(now.micros)
        .bind(self.caller.by.as_str())
        .bind(&self.id)
        .execute(tx.direct().await?)
        .await?;
        if revoked == 0 {
            return Err(Error::Refused(format!("the token {} was taken back before", self.id)));
        }
        let detail = format!("`{}`, {}", before.name, before.role.as_str());
        audit(tx, Some(&self.caller), "token_revoke", (&self.id, &detail));
        Ok(TokenView { revoked_at: Some(now), revoked_by: Some(self.caller.by.clone()), ..before })
    }
}

/// Keeps when tokens were used last.
pub(crate) struct TokensUsed(pub Vec<(String, Timestamp)>);

impl Command for TokensUsed {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        for (id, used) in &self.0 {
            query(
                "UPDATE api_token SET last_used_us = $1 WHERE token_id = $2 \
                 AND (last_used_us IS NULL OR last_used_us < $1)",
            )
            .bind(used.micros)
            .bind(id)
            .execute(tx.direct().await?)
            .await?;
        }
        Ok(())
    }
}

impl Store {
    /// All tokens of a project, newest first.
    pub async fn tokens(&self, project: &Name, wanted: &TokensQuery) -> Result<TokenList, Error> {
        let limit = wanted.effective_limit();
        let rows = query(
            "SELECT token_id, name, role, created_at_us, created_by, expires_at_us, last_used_us, revoked_at_us, \
             revoked_by FROM api_token WHERE project = $1 AND token_id < $2 ORDER BY token_id DESC LIMIT $3",
        )
        .bind(project.as_str())
        .bind(wanted.before.as_deref().unwrap_or(AFTER_ALL))
        .bind(i64::from(limit) + 1)
        .fetch_all(&self.readers)
        .await?;
        let tokens = rows.iter().map(view).collect::<Result<Vec<_>, _>>()?;
        let (tokens, next) = cut(tokens, limit, |token| token.id.clone());
        Ok(TokenList { tokens, next })
    }

    /// The tokens of a project that are good at an instant.
    pub async fn good_tokens(&self, project: &Name, now: Timestamp) -> Result<Vec<Key>, Error> {
        let rows = query(
            "SELECT token_id, name, role, hash, expires_at_us FROM api_token WHERE project = $1 \
             AND revoked_at_us IS NULL AND expires_at_us > $2",
        )
        .bind(project.as_str())
        .bind(now.micros)
        .fetch_all(&self.readers)
        .await?;
        rows.iter().map(key).collect()
    }
}

fn key(row: &Row) -> Result<Key, Error> {
    Ok(Key {
        id: row.try_get("token_id")?,
        name: row.try_get("name")?,
        role: role(row)?,
        hash: hash(row.try_get("hash")?)?,
        expires_at: Timestamp::from_micros(row.try_get("expires_at_us")?),
    })
}

fn view(row: &Row) -> Result<TokenView, Error> {
    Ok(TokenView {
        id: row.try_get("token_id")?,
        name: name(row.try_get("name")?)?,
        role: role(row)?,
        created_at: Timestamp::from_micros(row.try_get("created_at_us")?),
        created_by: row.try_get("created_by")?,
        expires_at: Timestamp::from_micros(row.try_get("expires_at_us")?),
        last_used_at: instant(row, "last_used_us")?,
        revoked_at: instant(row, "revoked_at_us")?,
        revoked_by: row.try_get("revoked_by")?,
    })
}

fn role(row: &Row) -> Result<Role, Error> {
    let word: &str = row.try_get("role")?;
    Role::parse(word).ok_or_else(|| Error::corrupt("role")(word.to_owned()))
}

fn hex(hash: &TokenHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(text: &str) -> Result<TokenHash, Error> {
    let corrupt = || Error::corrupt("hash of a token")(format!("{} letters", text.len()));
    let mut hash = TokenHash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return Err(corrupt());
    }
    for (place, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| corrupt())?;
    }
    Ok(hash)
}
