//! Addresses that tasks may ask although they are not of the public internet: `127.0.0.1:8080`, `10.0.0.0/8`. Declared in
//! `daybreak.yaml`; whoever asks holds resolved addresses against them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A network, or one address, with all of its ports or one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAllow {
    address: IpAddr,
    prefix: u8,
    port: Option<u16>,
    /// As written.
    text: String,
}

impl HttpAllow {
    /// Reads an address, an address with a port, or a network. `None` when malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let whole = |address: IpAddr| if address.is_ipv4() { 32 } else { 128 };
        let (address, prefix, port) = if let Some((network, prefix)) = text.split_once('/') {
            let (address, prefix): (IpAddr, u8) = (network.parse().ok()?, prefix.parse().ok()?);
            (address, prefix, None)
        } else if let Ok(address) = text.parse::<IpAddr>() {
            (address, whole(address), None)
        } else {
            let address: SocketAddr = text.parse().ok()?;
            (address.ip(), whole(address.ip()), Some(address.port()))
        };
        (prefix <= whole(address)).then(|| Self { address, prefix, port, text: text.to_owned() })
    }

    /// Whether it holds this address and port.
    pub fn covers(&self, address: IpAddr, port: u16) -> bool {
        let same_bits = match (self.address, address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        same_bits >= u32::from(self.prefix) && self.port.is_none_or(|own| own == port)
    }
}

impl fmt::Display for HttpAllow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
impl Serialize for HttpAllow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
impl<'de> Deserialize<'de> for HttpAllow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not an address or a network")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_ports_and_networks_are_read() {
        for text in ["127.0.0.1", "127.0.0.1:8080", "10.0.0.0/8", "0.0.0.0/0", "::1", "[::1]:8080", "fd00::/8"] {
            assert_eq!(HttpAllow::parse(text).map(|allow| allow.to_string()).as_deref(), Some(text));
        }
        for text in
            ["", "localhost", "127.0.0.1:", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "::1:x", "10.0.0.0/8:80", "*"]
        {
            assert_eq!(HttpAllow::parse(text), None, "{text}");
        }
    }
}
