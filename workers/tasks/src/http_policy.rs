//! Which addresses a task may ask: those of the public internet, and what the project declares under `http: { allow }`.
//! Decided by the address that a name stands for, never by the name. Pure: resolves nothing, connects to nothing. To add a
//! range: a line in one of the two tables, its case in the tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use daybreak_spec::HttpAllow;
use reqwest_tls::Url;
use url_host::Host;

/// The host of an address as the URL standard reads it: `0x7f.1` is 127.0.0.1 by then.
mod url_host {
    use super::{IpAddr, Url};

    pub(super) enum Host {
        Name(String),
        Address(IpAddr),
    }

    impl Host {
        pub(super) fn of(url: &Url) -> Option<Self> {
            let host = url.host_str()?;
            let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            Some(match bare.parse() {
                Ok(address) => Self::Address(address),
                Err(_) => Self::Name(host.to_owned()),
            })
        }
    }
}

/// What must not be asked, for documentation see the IANA registries of special-purpose addresses.
const REFUSED_V4: &[(Ipv4Addr, u8, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this host"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's own network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this host"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address, where clouds keep their metadata"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a reserved range"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "a range for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a reserved range"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "a range for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "a range for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "a range for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast range"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved range"),
];

/// Inside the global unicast range 2000::/3, outside of which everything is refused.
const REFUSED_V6: &[(Ipv6Addr, u8, &str)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "a reserved range"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "a range for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "a tunnel to an IPv4 address"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "a range for documentation"),
];

const GLOBAL_UNICAST: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Whether an address may be asked.
///
/// # Errors
/// What it is, for people.
pub(crate) fn permits(allow: &[HttpAllow], address: SocketAddr) -> Result<(), &'static str> {
    let ip = address.ip().to_canonical();
    if allow.iter().any(|allowed| allowed.covers(ip, address.port())) {
        return Ok(());
    }
    match ip {
        IpAddr::V4(ip) => {
            let found = REFUSED_V4.iter().find(|(network, prefix, _)| same_bits_v4(ip, *network, *prefix));
            found.map_or(Ok(()), |(_, _, what)| Err(what))
        }
        IpAddr::V6(ip) => {
            let (network, prefix) = GLOBAL_UNICAST;
            if !same_bits_v6(ip, network, prefix) {
                return Err(if ip.is_loopback() { "this host" } else { "not an address of the public internet" });
            }
            let found = REFUSED_V6.iter().find(|(network, prefix, _)| same_bits_v6(ip, *network, *prefix));
            found.map_or(Ok(()), |(_, _, what)| Err(what))
        }
    }
}

fn same_bits_v4(one: Ipv4Addr, other: Ipv4Addr, prefix: u8) -> bool {
    (one.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(prefix)
}

fn same_bits_v6(one: Ipv6Addr, other: Ipv6Addr, prefix: u8) -> bool {
    (one.to_bits() ^ other.to_bits()).leading_zeros() >= u32::from(prefix)
}

/// An address as it may be asked at all, before it is known what its name stands for.
pub(crate) struct Target {
    pub url: Url,
    pub host: String,
    pub port: u16,
    /// Where the host is an address itself.
    pub address: Option<IpAddr>,
}

impl Target {
    /// Reads a URL: http or https, with a host, without a user.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
        Self::of_url(url)
    }

    pub fn of_url(url: Url) -> Result<Self, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("`{}:` is not asked, only http and https are", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("a user or password does not belong into a URL: send a header".to_owned());
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let (host, address) = match Host::of(&url) {
            Some(Host::Name(name)) if !name.is_empty() => (name, None),
            Some(Host::Address(address)) => (address.to_string(), Some(address)),
            _ => return Err(format!("`{url}` names no host")),
        };
        Ok(Self { url, host, port, address })
    }
}

/// What is wrong with a URL that a project writes down, as far as that is known without asking anybody.
///
/// # Errors
/// A code for the problem and what is wrong, for people.
pub fn check_url(text: &str, allow: &[HttpAllow]) -> Result<(), (&'static str, String)> {
    let target = Target::of(text).map_err(|why| ("bad_url", why))?;
    let Some(address) = target.address else { return Ok(()) };
    permits(allow, SocketAddr::new(address, target.port))
        .map_err(|what| ("address_refused", format!("{address} is {what}, which tasks do not ask")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(texts: &[&str]) -> Vec<HttpAllow> {
        texts.iter().map(|text| HttpAllow::parse(text).expect(text)).collect()
    }

    fn is_refused(address: &str, allowed: &[&str]) -> bool {
        let address: SocketAddr = address.parse().expect(address);
        permits(&allow(allowed), address).is_err()
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_asked() {
        let refused = [
            "0.0.0.0:80",
            "0.1.2.3:80",
            "10.0.0.1:80",
            "10.255.255.255:80",
            "100.64.0.1:80",
            "100.127.255.255:80",
            "127.0.0.1:80",
            "127.255.255.254:80",
            "169.254.169.254:80",
            "169.254.0.1:443",
            "172.16.0.1:80",
            "172.31.255.255:80",
            "192.0.0.1:80",
            "192.0.2.1:80",
            "192.168.0.1:80",
            "192.168.255.255:80",
            "198.18.0.1:80",
            "198.19.255.255:80",
            "198.51.100.7:80",
            "203.0.113.7:80",
            "224.0.0.1:80",
            "239.255.255.255:80",
            "240.0.0.1:80",
            "255.255.255.255:80",
            "[::]:80",
            "[::1]:80",
            "[::ffff:127.0.0.1]:80",
            "[::ffff:10.0.0.1]:80",
            "[::ffff:169.254.169.254]:80",
            "[::127.0.0.1]:80",
            "[64:ff9b::7f00:1]:80",
            "[64:ff9b:1::1]:80",
            "[100::1]:80",
            "[2001::1]:80",
            "[2001:db8::1]:80",
            "[2002:7f00:1::]:80",
            "[3fff::1]:80",
            "[fc00::1]:80",
            "[fd00:ec2::254]:80",
            "[fe80::1]:80",
            "[fec0::1]:80",
            "[ff02::1]:80",
            "[4000::1]:80",
        ];
        for address in refused {
            assert!(is_refused(address, &[]), "{address} has to be refused");
        }
    }

    #[test]
    fn addresses_beside_what_is_refused_are_asked() {
        let asked = [
            "1.1.1.1:443",
            "9.255.255.255:80",
            "11.0.0.1:80",
            "100.63.255.255:80",
            "100.128.0.1:80",
            "126.1.1.1:80",
            "128.0.0.1:80",
            "172.15.255.255:80",
            "172.32.0.1:80",
            "192.167.1.1:80",
            "192.169.1.1:80",
            "198.17.1.1:80",
            "223.255.255.255:80",
            "[2606:4700:4700::1111]:443",
            "[2001:4860:4860::8888]:443",
            "[::ffff:1.1.1.1]:80",
        ];
        for address in asked {
            assert!(!is_refused(address, &[]), "{address} is public");
        }
    }

    #[test]
    fn what_the_project_declares_is_asked_and_nothing_beside_it() {
        for (address, declared, refused) in [
            ("127.0.0.1:8080", "127.0.0.1:8080", false),
            ("127.0.0.1:8081", "127.0.0.1:8080", true),
            ("127.0.0.2:8080", "127.0.0.1:8080", true),
            ("127.0.0.1:9", "127.0.0.1", false),
            ("10.9.8.7:80", "10.0.0.0/8", false),
            ("11.0.0.1:80", "10.0.0.0/8", false), // public
            ("192.168.1.1:80", "10.0.0.0/8", true),
            ("[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", false),
            ("[::1]:8080", "127.0.0.1:8080", true),
            ("[::1]:8080", "[::1]:8080", false),
            ("[fd00::7]:80", "fd00::/8", false),
            ("[fe80::7]:80", "fd00::/8", true),
            ("169.254.169.254:80", "0.0.0.0/0", false),
        ] {
            assert_eq!(is_refused(address, &[declared]), refused, "{address} with {declared}");
        }
    }

    #[test]
    fn odd_forms_of_addresses_are_read_as_the_standard_reads_them() {
        for text in [
            "http://127.0.0.1",
            "http://0x7f.1",
            "http://0177.0.0.1",
            "http://2130706433",
            "http://127.1/x",
            "http://0x7f000001",
            "http://[::1]",
            "http://[::ffff:127.0.0.1]",
            "http://[::ffff:7f00:1]",
            "http://169.254.169.254/latest",
            "http://0",
            "http://0xa9fea9fe",
            "https://10.1",
            "http://127.0.0.1.",
            "http://①②⑦.0.0.1",
        ] {
            assert!(matches!(check_url(text, &[]), Err(("address_refused", _))), "{text}: {:?}", check_url(text, &[]));
        }
    }

    #[test]
    fn other_schemes_users_and_what_is_no_url_are_refused() {
        for text in [
            "",
            "example.com/x",
            "/x",
            "file:///etc/passwd",
            "ftp://example.com",
            "gopher://example.com",
            "http://",
            "http://ann:secret@example.com",
            "http://ann@example.com",
            "http:///x y",
            "http://a b",
            "javascript:1",
            "http://256.1.1.1",
            "http://[::1",
        ] {
            assert!(matches!(check_url(text, &[]), Err(("bad_url", _))), "{text}: {:?}", check_url(text, &[]));
        }
        assert!(check_url("https://example.com:8443/x?y=1", &[]).is_ok());
        assert!(check_url("http://localhost:1", &[]).is_ok(), "what a name stands for is seen when it is asked");
    }
}
