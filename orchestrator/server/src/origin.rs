//! From where somebody asks for something by hand: what the audit keeps beside who they say they are. An address is that
//! of the connection's other end; a header can claim anything, and is believed only to tell the command line apart.

use std::fmt;
use std::net::IpAddr;

use daybreak_store::Caller;

/// Whoever does not say who they are.
const NAMELESS: &str = "a caller of the API";

/// From where somebody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    command_line: bool,
    address: Option<IpAddr>,
}

impl Origin {
    /// The command line, in the server's own process.
    pub fn cli() -> Self {
        Self { command_line: true, address: None }
    }

    /// A caller over HTTP. `command_line`: as it says of itself.
    pub fn remote(address: Option<IpAddr>, command_line: bool) -> Self {
        Self { command_line, address }
    }

    /// Who asks from here.
    pub(crate) fn caller(&self, by: Option<String>) -> Caller {
        Caller { by: by.unwrap_or_else(|| NAMELESS.to_owned()), from: self.to_string() }
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
