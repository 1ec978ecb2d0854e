//! Who asks for something by hand, and from where: what the audit keeps. Who they are is what their token says; how they
//! call themselves is kept beside it and believed by nobody. An address is that of the connection's other end; a header
//! can claim anything, and is believed only to tell the command line apart.

use std::fmt;
use std::net::IpAddr;

use daybreak_protocol::Identity;
use daybreak_store::Caller;

/// Who asks from this process itself.
const THIS_PROCESS: &str = "this process";

/// Who asks, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    identity: Option<Identity>,
    command_line: bool,
    address: Option<IpAddr>,
}

impl Origin {
    /// The command line, in the server's own process.
    pub fn cli() -> Self {
        Self { identity: None, command_line: true, address: None }
    }

    /// A caller over HTTP. `command_line`: as it says of itself.
    pub fn remote(identity: Option<Identity>, address: Option<IpAddr>, command_line: bool) -> Self {
        Self { identity, command_line, address }
    }

    /// What the audit calls who asks.
    pub fn name(&self) -> &str {
        self.identity.as_ref().map_or(THIS_PROCESS, |identity| &identity.name)
    }

    /// Who asks, where they have a token.
    pub(crate) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Who asks from here. `said`: as they call themselves.
    pub(crate) fn caller(&self, said: Option<String>) -> Caller {
        Caller {
            by: self.name().to_owned(),
            token_id: self.identity.as_ref().and_then(|identity| identity.token_id.clone()),
            said,
            from: self.to_string(),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.command_line, self.address) {
            (true, Some(address)) => write!(f, "cli {address}"),
            (true, None) => f.write_str("cli"),
            (false, Some(address)) => write!(f, "{address}"),
            (false, None) => f.write_str("an unknown address"),
        }
    }
}
