//! `secret://NAME`: what stands in a project for a value that only workers have. Knows the form, never a value.

use crate::Name;

/// What such a reference begins with.
const SCHEME: &str = "secret://";

/// What a text says of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretMention {
    /// Nothing.
    None,
    /// It is a reference and nothing else.
    Reference(Name),
    /// A reference stands inside a longer text, or names no name.
    Inside,
}

impl SecretMention {
    /// Reads a text as it is written, before anything is put into it: a value that comes with a run is never a
    /// reference.
    pub fn of(text: &str) -> Self {
        match text.strip_prefix(SCHEME).map(Name::parse) {
            Some(Some(name)) => Self::Reference(name),
            Some(None) => Self::Inside,
            None if text.contains(SCHEME) => Self::Inside,
            None => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_text_is_a_reference() {
        let name = Name::parse("api-key").expect("a name");
        assert_eq!(SecretMention::of("secret://api-key"), SecretMention::Reference(name));
        for text in
            ["secret://", "secret://API", "secret://a b", "Bearer secret://a", "secret://a ", "secret://${params.x}"]
        {
            assert_eq!(SecretMention::of(text), SecretMention::Inside, "{text}");
        }
        assert_eq!(SecretMention::of("a secret: //x"), SecretMention::None);
    }
}
