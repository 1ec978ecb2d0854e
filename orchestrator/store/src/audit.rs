//! Who did what by hand, when and from where: written in the action's own transaction, so that there is neither an action
//! without its entry nor an entry without its action. Never changed and never deleted. To have an action audited: a call
//! of [`audit`] in its command.

use std::fmt;

use daybreak_protocol::{AuditEntry, AuditList, AuditQuery};
use daybreak_spec::Timestamp;

use crate::database::{Row, query};
use crate::reads::cut;
use crate::tx::{Command, Tx};
use crate::{Error, Store};

/// Later than any id: a ULID begins with a digit up to 7.
pub(crate) const AFTER_ALL: &str = "8";

/// Who asks for something by hand, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What their token is called.
    pub by: String,
    /// Its id; none for the project's own token.
    pub token_id: Option<String>,
    /// As they call themselves.
    pub said: Option<String>,
    /// The address of a caller over HTTP, or `cli`.
    pub from: String,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Some(said) => write!(f, "{} ({said})", self.by),
            None => f.write_str(&self.by),
        }
    }
}

pub(crate) const INSERT_ENTRY: &str = "INSERT INTO audit (audit_id, project, at_us, action, subject, detail, actor, origin, \
     token_id, said) VALUES ($1, '*', $2, $3, $4, $5, $6, $7, $8, $9)";

/// Writes an entry. `caller`: none where nobody was asked.
pub(crate) fn audit(tx: &mut Tx, caller: Option<&Caller>, action: &str, (subject, detail): (&str, &str)) {
    let text = |of: fn(&Caller) -> Option<&String>| caller.and_then(of).cloned().into();
    let entry = vec![
        tx.sources.id().into(),
        tx.now().micros.into(),
        action.to_owned().into(),
        subject.to_owned().into(),
        detail.to_owned().into(),
        text(|caller| Some(&caller.by)),
        text(|caller| Some(&caller.from)),
        text(|caller| caller.token_id.as_ref()),
        text(|caller| caller.said.as_ref()),
    ];
    tx.note_entry(entry);
}

/// Something that was refused.
struct NoteRefused {
    caller: Caller,
    subject: String,
    detail: String,
}

impl Command for NoteRefused {
    type Reply = ();
    async fn run(&self, tx: &mut Tx) -> Result<(), Error> {
        audit(tx, Some(&self.caller), "refused", (&self.subject, &self.detail));
        Ok(())
    }
}

impl Store {
    /// Notes that somebody was refused something.
    pub async fn note_refused(&self, caller: Caller, subject: String, detail: String) -> Result<(), Error> {
        self.write(NoteRefused { caller, subject, detail }).await
    }

    /// What was done by hand, newest first.
    pub async fn audit(&self, wanted: &AuditQuery) -> Result<AuditList, Error> {
        let limit = wanted.effective_limit();
        let before = wanted.before.as_deref().unwrap_or(AFTER_ALL);
        let rows = match &wanted.subject {
            None => {
                query(
                    "SELECT audit_id, at_us, action, subject, detail, actor, origin, token_id, said FROM audit \
                     WHERE audit_id < $1 ORDER BY audit_id DESC LIMIT $2",
                )
                .bind(before)
                .bind(i64::from(limit) + 1)
                .fetch_all(&self.readers)
                .await?
            }
            Some(subject) => {
                query(
                    "SELECT audit_id, at_us, action, subject, detail, actor, origin, token_id, said FROM audit \
                     WHERE subject = $1 AND audit_id < $2 ORDER BY audit_id DESC LIMIT $3",
                )
                .bind(subject.as_str())
                .bind(before)
                .bind(i64::from(limit) + 1)
                .fetch_all(&self.readers)
                .await?
            }
        };
        let entries = rows.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let (entries, next) = cut(entries, limit, |entry| entry.id.clone());
        Ok(AuditList { entries, next })
    }
}

fn entry(row: &Row) -> Result<AuditEntry, Error> {
    Ok(AuditEntry {
        id: row.try_get("audit_id")?,
        at: Timestamp::from_micros(row.try_get("at_us")?),
        action: row.try_get("action")?,
        subject: row.try_get("subject")?,
        detail: row.try_get("detail")?,
        by: row.try_get("actor")?,
        token_id: row.try_get("token_id")?,
        said: row.try_get("said")?,
        from: row.try_get("origin")?,
    })
}
