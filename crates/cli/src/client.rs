//! The way to a server: where it is, whether the way is encrypted, and who is calling.

mod address;
mod error;
mod hint;

use std::fs;
use std::path::Path;
use std::time::Duration;

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

pub(crate) use crate::client::address::Address;
pub(crate) use crate::client::error::ServerError;
use crate::client::error::root_cause;
use crate::client::hint::of_connecting;
pub(crate) use crate::client::hint::of_failing;
use crate::failure::Failure;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How soon a dead connection is noticed under a watch on which nothing happens.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// What may be on its way in each direction: enough to keep a fast loopback busy.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// A connection on which every call says who is calling.
pub(crate) type Wire = InterceptedService<Channel, Bearer>;

/// A server, and how to be let in.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    address: Address,
    endpoint: Endpoint,
    bearer: Bearer,
    has_certificate: bool,
}

/// What the connection to a server is made of, wherever it was said.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) token: Option<String>,
    /// PEM files.
    pub(crate) ca_file: Option<std::path::PathBuf>,
    pub(crate) cert_file: Option<std::path::PathBuf>,
    pub(crate) key_file: Option<std::path::PathBuf>,
    pub(crate) server_name: Option<String>,
    /// Whether a token may go where others can read it.
    pub(crate) allow_plain_token: bool,
}

impl Target {
    /// A server of this process, which lets everybody in.
    pub(crate) fn local(address: Address) -> Self {
        let endpoint = endpoint(&address);
        Self { address, endpoint, bearer: Bearer::default(), has_certificate: false }
    }

    pub(crate) fn new(address: Address, credentials: Credentials) -> Result<Self, Failure> {
        let Credentials { token, ca_file, cert_file, key_file, server_name, .. } = credentials;
        let mut endpoint = endpoint(&address);
        if address.is_encrypted() {
            let mut tls = match &ca_file {
                Some(file) => {
                    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem(file)?))
                }
                None => ClientTlsConfig::new().with_native_roots(),
            };
            if let (Some(cert), Some(key)) = (&cert_file, &key_file) {
                tls = tls.identity(Identity::from_pem(pem(cert)?, pem(key)?));
            }
            if let Some(name) = server_name {
                tls = tls.domain_name(name);
            }
            endpoint = endpoint.tls_config(tls).map_err(|error| Failure::Content {
                name: "what is given for TLS".to_owned(),
                problem: root_cause(&error),
            })?;
        } else if ca_file.is_some() || cert_file.is_some() || server_name.is_some() {
            return Err(Failure::Usage(format!(
                "{address} is not encrypted, so certificates are of no use there; write https:// \
                 if the server speaks TLS"
            )));
        }
        if token.is_some()
            && !address.is_encrypted()
            && !address.is_loopback()
            && !credentials.allow_plain_token
        {
            return Err(Failure::Usage(format!(
                "a token would be sent to {address} where everybody on the way can read it; write \
                 https:// if the server speaks TLS, or --allow-plain-token to send it all the same"
            )));
        }
        let bearer = Bearer::new(token)?;
        Ok(Self { address, endpoint, bearer, has_certificate: cert_file.is_some() })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Connects at once, so that a wrong address is told before anything is read.
    pub(crate) async fn connect(&self) -> Result<Wire, Failure> {
        let channel = self.endpoint.connect().await.map_err(|error| {
            let cause = root_cause(&error);
            let advice = of_connecting(self, &cause);
            Failure::Unreachable { address: self.address.to_string(), cause, advice }
        })?;
        Ok(InterceptedService::new(channel, self.bearer.clone()))
    }

    /// Connects when something is called, and again whenever that is needed.
    pub(crate) fn connect_lazily(&self) -> Wire {
        InterceptedService::new(self.endpoint.connect_lazy(), self.bearer.clone())
    }
}

fn endpoint(address: &Address) -> Endpoint {
    Endpoint::from(address.uri())
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(4 * WINDOW_BYTES)
}

fn pem(file: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(file).map_err(|source| Failure::Read { name: file.display().to_string(), source })
}

/// Says with every call who is calling, if a token was given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    fn new(token: Option<String>) -> Result<Self, Failure> {
        let Some(token) = token else { return Ok(Self(None)) };
        let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| {
            Failure::Usage(
                "the token has characters that no token has; is it the right file?".to_owned(),
            )
        })?;
        // Keeps it out of what is logged.
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}
