//! The form of a token, and the ring of those that are good. A ring is filled by the server that knows the tokens and asked
//! by whoever answers requests: in memory and without a lock, so that neither a prediction nor an API call waits. It holds
//! SHA-256 of tokens and never a token: 256 random bits need no slow hash.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use daybreak_spec::Timestamp;
use sha2::{Digest, Sha256};

use crate::{Clock, EndpointSettings, Identity, KeyView, Role};

const PREFIX: &str = "db";
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Letters of the secret part: 62^43 is more than 2^256.
const SECRET_LETTERS: usize = 43;
const CHECKSUM_LETTERS: usize = 6;

/// The last use is kept to this.
const COARSE_US: i64 = 60_000_000;

/// How the audit calls the holder of the project's own token.
const PROJECTS_OWN: &str = "project token";

/// SHA-256 of a token.
pub type TokenHash = [u8; 32];

/// A new token `db_<id>_<secret>_<checksum>` from an id and random bits. The checksum lets scanners of leaked secrets tell
/// a token from noise; it proves nothing.
pub fn mint_token(id: &str, random: fn() -> u128) -> String {
    let mut secret = String::with_capacity(SECRET_LETTERS);
    while secret.len() < SECRET_LETTERS {
        // 248 = 4 * 62: what lies above would make some letters likelier.
        let fair = random().to_le_bytes().into_iter().filter(|byte| *byte < 248);
        secret.extend(fair.take(SECRET_LETTERS - secret.len()).map(letter));
    }
    let body = format!("{PREFIX}_{id}_{secret}");
    format!("{body}_{}", checksum(&body))
}

fn letter(byte: u8) -> char {
    char::from(ALPHABET[usize::from(byte % 62)])
}

fn checksum(body: &str) -> String {
    Sha256::digest(body).iter().take(CHECKSUM_LETTERS).map(|byte| letter(*byte)).collect()
}

/// The id in a token, if the text has the form of one.
pub fn token_id(token: &str) -> Option<&str> {
    let (body, sum) = token.rsplit_once('_')?;
    let mut parts = body.split('_');
    let (prefix, id, secret) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && secret.len() == SECRET_LETTERS && !id.is_empty();
    (whole && prefix == PREFIX && sum == checksum(body)).then_some(id)
}

/// What is stored of a token.
pub fn token_hash(token: &str) -> TokenHash {
    Sha256::digest(token).into()
}

fn hex(hash: &TokenHash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Not that of nothing: a ring that was told nothing takes no token.
fn hash_of_hex(text: &str) -> Option<TokenHash> {
    let mut hash = TokenHash::default();
    let digits = text.as_bytes();
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// In a time that does not depend on where they differ.
fn same(left: &TokenHash, right: &TokenHash) -> bool {
    left.iter().zip(right).fold(0, |differing, (left, right)| differing | (left ^ right)) == 0
}

/// A token that was good when the ring was filled.
#[derive(Clone, Debug)]
pub struct Key {
    /// The token's id.
    pub id: String,
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Of the token.
    pub hash: TokenHash,
    /// From then on it is not good.
    pub expires_at: Timestamp,
}

struct Hung {
    key: Key,
    last_used_us: Arc<AtomicI64>,
}

/// The tokens that are good. Clones share them.
#[derive(Clone)]
pub struct Keys {
    ring: Arc<Ring>,
}

struct Ring {
    projects_own: ArcSwap<TokenHash>,
    clock: Clock,
    keys: ArcSwap<HashMap<String, Hung>>,
}

impl Keys {
    /// A ring with the project's own token.
    pub fn new(projects_own: &str, clock: Clock) -> Self {
        Self::of_hash(token_hash(projects_own), clock)
    }

    fn of_hash(projects_own: TokenHash, clock: Clock) -> Self {
        let ring = Ring { projects_own: ArcSwap::from_pointee(projects_own), clock, keys: ArcSwap::default() };
        Self { ring: Arc::new(ring) }
    }

    /// A ring as another process tells of its own; [`Keys::take_up`] keeps it so.
    pub fn told(settings: &EndpointSettings, clock: Clock) -> Self {
        let keys = Self::of_hash([0; 32], clock);
        keys.take_up(settings);
        keys
    }

    /// Takes the tokens of another ring for good, and no others. What does not read is no token.
    pub fn take_up(&self, settings: &EndpointSettings) {
        let Some(own) = hash_of_hex(&settings.own_token_hash) else { return };
        self.ring.projects_own.store(Arc::new(own));
        let key = |view: &KeyView| {
            let KeyView { id, name, role, expires_at, .. } = view.clone();
            Some(Key { id, name, role, hash: hash_of_hex(&view.hash)?, expires_at })
        };
        self.replace(settings.keys.iter().filter_map(key).collect());
    }

    /// The hash of the project's own token and the other tokens that are good, for another process.
    pub fn tell(&self) -> (String, Vec<KeyView>) {
        let keys = self.ring.keys.load();
        let view = |hung: &Hung| {
            let Key { id, name, role, hash, expires_at } = hung.key.clone();
            KeyView { id, name, role, hash: hex(&hash), expires_at }
        };
        let mut views: Vec<KeyView> = keys.values().map(view).collect();
        views.sort_by(|one, other| one.id.cmp(&other.id));
        (hex(&self.ring.projects_own.load()), views)
    }

    /// Takes these tokens for good, and no others but the project's own.
    pub fn replace(&self, keys: Vec<Key>) {
        let before = self.ring.keys.load();
        let hung = keys.into_iter().map(|key| {
            let last_used_us = before.get(&key.id).map_or_else(Arc::default, |before| before.last_used_us.clone());
            (key.id.clone(), Hung { key, last_used_us })
        });
        self.ring.keys.store(Arc::new(hung.collect()));
    }

    /// Whom a token speaks for; nobody if it is not good. Compares whole hashes, also where the id is unknown.
    pub fn identify(&self, token: &str) -> Option<Identity> {
        let given = token_hash(token);
        let projects_own = same(&given, &self.ring.projects_own.load());
        let keys = self.ring.keys.load();
        let hung = token_id(token).and_then(|id| keys.get(id));
        let fits = same(&given, hung.map_or(&[0; 32], |hung| &hung.key.hash));
        if projects_own {
            return Some(Identity { token_id: None, name: PROJECTS_OWN.to_owned(), role: Role::Admin });
        }
        let (hung, now) = (hung?, self.ring.clock.real_now());
        if !fits || now >= hung.key.expires_at {
            return None;
        }
        hung.last_used_us.fetch_max(now.micros - now.micros.rem_euclid(COARSE_US), Ordering::Relaxed);
        Some(Identity { token_id: Some(hung.key.id.clone()), name: hung.key.name.clone(), role: hung.key.role })
    }

    /// The tokens that were used since this process began, with the minute of their last use.
    pub fn used(&self) -> Vec<(String, Timestamp)> {
        let keys = self.ring.keys.load();
        let used = keys.values().map(|hung| (hung.key.id.clone(), hung.last_used_us.load(Ordering::Relaxed)));
        used.filter(|(_, used)| *used > 0).map(|(id, used)| (id, Timestamp::from_micros(used))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

    fn noon() -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000)
    }

    fn random() -> u128 {
        static NEXT: AtomicI64 = AtomicI64::new(1);
        let seed = u128::from(NEXT.fetch_add(1, Ordering::Relaxed).unsigned_abs());
        u128::from_le_bytes(Sha256::digest(seed.to_le_bytes())[..16].try_into().expect("sixteen bytes"))
    }

    fn key(token: &str, expires_at: Timestamp) -> Key {
        Key { id: ID.to_owned(), name: "ci".to_owned(), role: Role::Operator, hash: token_hash(token), expires_at }
    }

    #[test]
    fn a_token_names_its_id_and_no_altered_text_does() {
        let token = mint_token(ID, random);
        assert_eq!(token.len(), "db_".len() + ID.len() + 1 + SECRET_LETTERS + 1 + CHECKSUM_LETTERS);
        assert_eq!(token_id(&token), Some(ID));
        assert_ne!(token, mint_token(ID, random));
        for place in 0..token.len() {
            let mut altered = token.clone();
            altered.replace_range(place..=place, if &token[place..=place] == "x" { "y" } else { "x" });
            assert_eq!(token_id(&altered), None, "{altered}");
        }
        for text in ["", "db", "db___", "db_local_0123", &token[1..], &format!("{token}_")] {
            assert_eq!(token_id(text), None, "{text}");
        }
    }

    #[test]
    fn a_ring_knows_its_tokens_until_they_expire_or_are_taken_off() {
        let keys = Keys::new("secret", Clock::real(noon));
        let (token, forged) = (mint_token(ID, random), mint_token(ID, random));
        keys.replace(vec![key(&token, noon().plus_micros(1))]);
        let identity = keys.identify(&token).expect("it is good");
        assert_eq!((identity.token_id.as_deref(), identity.name.as_str()), (Some(ID), "ci"));
        assert_eq!(keys.identify(&forged), None, "the right id with another secret");
        assert_eq!(keys.identify("secret").map(|identity| identity.role), Some(Role::Admin));
        assert_eq!(keys.identify(""), None);
        keys.replace(vec![key(&token, noon())]);
        assert_eq!(keys.identify(&token), None, "expired");
        keys.replace(Vec::new());
        assert_eq!(keys.identify(&token), None, "taken off");
    }

    #[test]
    fn a_ring_that_another_process_tells_of_takes_the_same_tokens() {
        let (keys, token) = (Keys::new("secret", Clock::real(noon)), mint_token(ID, random));
        keys.replace(vec![key(&token, noon().plus_micros(1))]);
        let settings = |keys: &Keys| {
            let (own_token_hash, keys) = keys.tell();
            EndpointSettings { own_token_hash, keys, predictions: Default::default(), simulated_at: None }
        };
        let told = Keys::told(&settings(&keys), Clock::real(noon));
        assert_eq!(told.identify(&token), keys.identify(&token));
        assert_eq!(told.identify("secret").map(|identity| identity.role), Some(Role::Admin));
        assert_eq!(told.identify(""), None);
        keys.replace(Vec::new());
        told.take_up(&settings(&keys));
        assert_eq!(told.identify(&token), None, "taken back");
        told.take_up(&EndpointSettings { own_token_hash: "no hash".to_owned(), ..settings(&keys) });
        assert!(told.identify("secret").is_some(), "what does not read changes nothing");
        let told = serde_json::to_string(&settings(&keys)).expect("it writes");
        assert!(!told.contains("secret") && !told.contains(&token), "{told}");
    }

    #[test]
    fn the_last_use_is_a_minute_and_outlives_a_new_filling() {
        let keys = Keys::new("secret", Clock::real(noon));
        let token = mint_token(ID, random);
        keys.replace(vec![key(&token, noon().plus_micros(1))]);
        assert!(keys.used().is_empty());
        keys.identify(&token).expect("it is good");
        keys.replace(vec![key(&token, noon().plus_micros(1))]);
        let minute = noon().micros - noon().micros % COARSE_US;
        assert_eq!(keys.used(), [(ID.to_owned(), Timestamp::from_micros(minute))]);
    }
}
