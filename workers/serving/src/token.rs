//! Who may ask. One token, compared in constant time; nothing of it is kept but its hash.

use axum::http::HeaderValue;

/// The expected token.
pub struct Token(blake3::Hash);

impl Token {
    /// From its text.
    pub fn new(token: &str) -> Self {
        Self(blake3::hash(token.as_bytes()))
    }

    /// Whether an `Authorization` header carries it as a bearer token. Equality of hashes takes the same time whatever
    /// the difference, and a missing header takes the path of a wrong one.
    pub fn accepts(&self, header: Option<&HeaderValue>) -> bool {
        let text = header.and_then(|header| header.to_str().ok()).unwrap_or("");
        let (scheme, given) = text.split_once(' ').unwrap_or(("", ""));
        let right = blake3::hash(given.trim().as_bytes()) == self.0;
        right & scheme.eq_ignore_ascii_case("bearer")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(header: Option<&'static str>) -> bool {
        Token::new("secret").accepts(header.map(HeaderValue::from_static).as_ref())
    }

    #[test]
    fn only_the_token_as_a_bearer_is_accepted() {
        assert!(accepts(Some("Bearer secret")));
        assert!(accepts(Some("bearer secret")), "the scheme's case does not count");
        for wrong in
            ["secret", "Basic secret", "Bearer", "Bearer ", "Bearer secret2", "Bearer secre", "Bearer Secret", ""]
        {
            assert!(!accepts(Some(wrong)), "{wrong}");
        }
        assert!(!accepts(None));
    }
}
