//! Attempt tokens: each authorises calls about one task run under one fence. Nothing is stored: a token is the pair and
//! its HMAC-SHA256 (RFC 2104) under the project's token, so it dies with its fence.

use daybreak_protocol::Held;
use sha2::{Digest, Sha256};

const PREFIX: &str = "attempt";
const BLOCK_BYTES: usize = 64;

/// Mints and reads attempt tokens.
pub(crate) struct Tokens {
    secret: String,
}

impl Tokens {
    pub(crate) fn new(project_token: &str) -> Self {
        Self { secret: format!("daybreak attempt tokens\n{project_token}") }
    }

    /// The token of an attempt.
    pub(crate) fn mint(&self, task_run_id: &str, fence: i64) -> String {
        format!("{PREFIX}.{task_run_id}.{fence}.{}", self.seal(task_run_id, fence))
    }

    /// The attempt that a token speaks for, if it is one of ours. Whether the fence is current is another question.
    pub(crate) fn read(&self, token: &str) -> Option<Held> {
        let mut parts = token.split('.');
        let (prefix, task_run_id) = (parts.next()?, parts.next()?);
        let (fence, seal) = (parts.next()?.parse().ok()?, parts.next()?);
        let ours = prefix == PREFIX && parts.next().is_none() && same(seal, &self.seal(task_run_id, fence));
        ours.then(|| Held { task_run_id: task_run_id.to_owned(), fence })
    }

    fn seal(&self, task_run_id: &str, fence: i64) -> String {
        let mac = hmac_sha256(self.secret.as_bytes(), format!("{task_run_id}.{fence}").as_bytes());
        mac.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Compares secrets in a time that does not depend on where they differ: what is compared are their hashes.
pub(crate) fn same(left: &str, right: &str) -> bool {
    let (left, right) = (Sha256::digest(left), Sha256::digest(right));
    left.iter().zip(right.iter()).fold(0, |differing, (left, right)| differing | (left ^ right)) == 0
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK_BYTES];
    if key.len() > BLOCK_BYTES {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_agrees_with_rfc_4231() {
        let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let case_2 = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(case_2), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        let case_6 = hmac_sha256(&[0xaa; 131], b"Test Using Larger Than Block-Size Key - Hash Key First");
        assert_eq!(hex(case_6), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    }

    #[test]
    fn a_token_speaks_for_its_attempt_only() {
        let (tokens, others) = (Tokens::new("secret"), Tokens::new("another"));
        let token = tokens.mint("01ARZ3NDEKTSV4RRFFQ69G5FAV", 3);
        let held = Held { task_run_id: "01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), fence: 3 };
        assert_eq!(tokens.read(&token), Some(held));
        assert_eq!(others.read(&token), None);
        for forged in [token.replace(".3.", ".4."), format!("{token}0"), format!("{token}.x"), String::new()] {
            assert_eq!(tokens.read(&forged), None, "{forged}");
        }
    }
}
