use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use tonic::transport::Uri;

/// Taken when an address without `http://` names no port.
const DEFAULT_PORT: u16 = 7171;

/// Where a server is: an `http` or `https` URL without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address(Uri);

impl Address {
    /// How to reach a server of this machine that listens on `listening`.
    pub(crate) fn of_local(listening: SocketAddr) -> Self {
        let ip = match listening.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            ip => ip,
        };
        let url = format!("http://{}", SocketAddr::new(ip, listening.port()));
        let uri = url.parse().unwrap_or_else(|_| unreachable!("{url} is a URL"));
        Self(uri)
    }

    /// The host and the port, as tools want it that take no URL.
    pub(crate) fn authority(&self) -> &str {
        self.0.authority().map_or("", |authority| authority.as_str())
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Whether it is this very machine, so that nobody can listen on the way.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    pub(super) fn uri(&self) -> Uri {
        self.0.clone()
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = match text.parse::<IpAddr>() {
            Ok(ip) => format!("http://{}", SocketAddr::new(ip, DEFAULT_PORT)),
            Err(_) if text.contains("://") => text.to_owned(),
            Err(_) => format!("http://{text}"),
        };
        let uri: Uri = url.parse().map_err(|_| "write it as http://HOST:PORT".to_owned())?;
        let is_root = uri.path() == "/" && uri.query().is_none();
        if !matches!(uri.scheme_str(), Some("http" | "https")) || !is_root {
            let how = "write it as http://HOST:PORT or https://HOST:PORT, with nothing after it";
            return Err(how.to_owned());
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err("it names no host; write it as http://HOST:PORT".to_owned());
        }
        if uri.port().is_none() && !text.contains("://") {
            return format!("{url}:{DEFAULT_PORT}").parse();
        }
        Ok(Self(uri))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme_str().unwrap_or("http"), self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_leave_out_what_goes_without_saying() {
        let cases = [
            ("http://127.0.0.1:7171", "http://127.0.0.1:7171"),
            ("http://crm.example:80/", "http://crm.example:80"),
            ("http://crm.example", "http://crm.example"),
            ("https://crm.example", "https://crm.example"),
            ("https://crm.example:7171", "https://crm.example:7171"),
            ("localhost:9000", "http://localhost:9000"),
            ("localhost", "http://localhost:7171"),
            ("10.0.0.5", "http://10.0.0.5:7171"),
            ("::1", "http://[::1]:7171"),
            ("[::1]:9000", "http://[::1]:9000"),
        ];
        for (text, address) in cases {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), address, "{text}");
        }
        for text in ["", "ftp://a", "https://a/b", "http://a:1/b", "a b", ":7171", "a:x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_on_every_interface_is_reached_by_loopback() {
        let address = |listening: &str| Address::of_local(listening.parse().unwrap()).to_string();
        assert_eq!(address("0.0.0.0:81"), "http://127.0.0.1:81");
        assert_eq!(address("[::]:81"), "http://[::1]:81");
        assert_eq!(address("10.0.0.5:81"), "http://10.0.0.5:81");
    }

    #[test]
    fn loopback_is_this_machine_by_any_name() {
        for (text, is_loopback) in [
            ("localhost", true),
            ("127.0.0.2:1", true),
            ("::1", true),
            ("http://[::1]:81", true),
            ("0.0.0.0", false),
            ("https://localhost.example", false),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().is_loopback(), is_loopback, "{text}");
        }
    }
}
