use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Status};
use tonic_types::{FieldViolation, StatusExt};

use crate::failure::Failure;

/// Taken when an address without `http://` names no port.
const DEFAULT_PORT: u16 = 7171;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a dead connection is noticed under a watch on which nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// What may be on its way in each direction: enough to keep a fast loopback busy.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// Where a server is: an `http` URL without a path.
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

    /// Connects at once, so that a wrong address is told before anything is read.
    pub(crate) async fn connect(&self) -> Result<Channel, Failure> {
        self.endpoint().connect().await.map_err(|error| Failure::Unreachable {
            address: self.clone(),
            cause: root_cause(&error),
        })
    }

    /// How to connect.
    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::from(self.0.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(4 * WINDOW_BYTES)
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
        if uri.scheme_str() == Some("https") {
            return Err("there is no TLS yet; write http://HOST:PORT".to_owned());
        }
        let is_root = uri.path() == "/" && uri.query().is_none();
        if uri.scheme_str() != Some("http") || !is_root {
            return Err("write it as http://HOST:PORT, with nothing after the port".to_owned());
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
        write!(f, "http://{}", self.authority())
    }
}

/// A status, made readable: the message, the public reason, and the fields that are wrong.
#[derive(Debug)]
pub(crate) struct ServerError(Box<Status>);

impl ServerError {
    pub(crate) fn code(&self) -> Code {
        self.0.code()
    }

    /// The public reason, without its prefix; empty when the service itself did not refuse.
    pub(crate) fn reason(&self) -> String {
        self.0.get_details_error_info().map_or_else(String::new, |info| info.reason)
    }

    /// A value of the message by the key that the reason documents.
    pub(crate) fn metadata(&self, key: &str) -> Option<String> {
        self.0.get_details_error_info()?.metadata.get(key).cloned()
    }

    /// What is wrong with the connection, when it was not the server that answered.
    pub(crate) fn broken_by(&self) -> Option<String> {
        // Only what arose on this side has a source.
        let source = self.0.source()?;
        self.0.get_details_error_info().is_none().then(|| root_cause(source))
    }

    /// Paths of the fields that are wrong, as they stand in the request.
    pub(crate) fn fields(&self) -> Vec<String> {
        self.violations().into_iter().map(|violation| violation.field).collect()
    }

    fn violations(&self) -> Vec<FieldViolation> {
        self.0.get_details_bad_request().map_or_else(Vec::new, |bad| bad.field_violations)
    }
}

impl From<Status> for ServerError {
    fn from(status: Status) -> Self {
        Self(Box::new(status))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(status) = self;
        let message = status.message();
        match status.get_details_error_info() {
            Some(info) => write!(f, "{message} ({})", info.reason)?,
            None => match self.broken_by() {
                Some(cause) => write!(f, "the connection broke: {cause}")?,
                None => write!(f, "{message} ({:?})", status.code())?,
            },
        }
        for violation in self.violations() {
            // Most messages name the field themselves.
            if !message.contains(&violation.field) {
                write!(f, "\n  {}: {}", violation.field, violation.description)?;
            }
        }
        if let Some(token) = self.metadata("earliest_token") {
            write!(f, "\n  the earliest that still works: --from {token}")?;
        }
        Ok(())
    }
}

impl Error for ServerError {}

/// What the layers of an error stand on: `connection refused`, not `transport error`.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    match cause.downcast_ref::<std::io::Error>() {
        // Without the number of the error.
        Some(error) if error.raw_os_error().is_some() => error.kind().to_string(),
        _ => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn addresses_may_leave_out_what_goes_without_saying() {
        let cases = [
            ("http://127.0.0.1:7171", "http://127.0.0.1:7171"),
            ("http://crm.example:80/", "http://crm.example:80"),
            ("http://crm.example", "http://crm.example"),
            ("localhost:9000", "http://localhost:9000"),
            ("localhost", "http://localhost:7171"),
            ("10.0.0.5", "http://10.0.0.5:7171"),
            ("::1", "http://[::1]:7171"),
            ("[::1]:9000", "http://[::1]:9000"),
        ];
        for (text, address) in cases {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), address, "{text}");
        }
        for text in ["", "https://crm.example", "ftp://a", "http://a:1/b", "a b", ":7171", "a:x"] {
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
    fn errors_tell_message_reason_and_fields() {
        let mut details = ErrorDetails::new();
        details.set_error_info("INVALID_FIELD", "pawl", []);
        details.add_bad_request_violation("trigger.state", "no such state");
        let status =
            |message| Status::with_error_details(Code::InvalidArgument, message, details.clone());
        let shown = ServerError::from(status("trigger.state: no such state")).to_string();
        assert_eq!(shown, "trigger.state: no such state (INVALID_FIELD)");
        let shown = ServerError::from(status("bad input")).to_string();
        assert_eq!(shown, "bad input (INVALID_FIELD)\n  trigger.state: no such state");
        let shown = ServerError::from(Status::unimplemented("no such method")).to_string();
        assert_eq!(shown, "no such method (Unimplemented)");
    }
}
