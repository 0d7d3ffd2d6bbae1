//! TLS, and who is at the other end of it.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tracing::{error, info};

/// The files of TLS, in PEM. Read again as soon as they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities whose client certificates are believed; `None` asks for none.
    pub client_ca: Option<PathBuf>,
}

/// Why TLS cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("TLS: {}: {problem}", path.display())]
pub struct TlsError {
    path: PathBuf,
    problem: String,
}

/// What the files held.
#[derive(PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// TLS as the files have it now.
pub(crate) struct Tls {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
    read: RwLock<Contents>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    pub(crate) fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let contents = contents(&files)?;
        let config = RwLock::new(Arc::new(config(&files, &contents)?));
        Ok(Self { files, config, read: RwLock::new(contents) })
    }

    /// For a connection that begins now.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(Arc::clone(&config))
    }

    /// Takes new files; bad ones change nothing. Connections that stand go on as they began.
    pub(crate) fn refresh(&self) {
        let complain = |problem: TlsError| {
            error!(%problem, "the TLS files are not used; those from before still are");
        };
        let now = match contents(&self.files) {
            Ok(now) => now,
            Err(problem) => return complain(problem),
        };
        let mut last = self.read.write().unwrap_or_else(PoisonError::into_inner);
        if *last == now {
            return;
        }
        match config(&self.files, &now) {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                info!(certificate = %self.files.certificate.display(), "read the TLS files again");
            }
            // Half of them may be new; the other half follows, and is looked at then.
            Err(problem) => complain(problem),
        }
        *last = now;
    }
}

fn contents(files: &TlsFiles) -> Result<Contents, TlsError> {
    let read = |path: &PathBuf| {
        fs::read(path).map_err(|error| TlsError { path: path.clone(), problem: error.to_string() })
    };
    Ok(Contents {
        certificate: read(&files.certificate)?,
        key: read(&files.key)?,
        client_ca: files.client_ca.as_ref().map(read).transpose()?,
    })
}

fn config(files: &TlsFiles, contents: &Contents) -> Result<ServerConfig, TlsError> {
    let wrong = |path: &PathBuf, problem: &dyn std::fmt::Display| TlsError {
        path: path.clone(),
        problem: problem.to_string(),
    };
    let certificate = |problem: &dyn std::fmt::Display| wrong(&files.certificate, problem);
    let chain = certificates(&contents.certificate).map_err(|error| certificate(&error))?;
    let key = PrivateKeyDer::from_pem_slice(&contents.key)
        .map_err(|error| wrong(&files.key, &format!("holds no private key in PEM: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| certificate(&error))?;
    let builder = match (&files.client_ca, &contents.client_ca) {
        (Some(path), Some(pem)) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(pem).map_err(|error| wrong(path, &error))? {
                roots.add(root).map_err(|error| wrong(path, &error))?;
            }
            // Who shows none may still have a token.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| wrong(path, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| certificate(&format!("does not go with its key: {error}")))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, io::Error> {
    let none = || io::Error::other("holds no certificate in PEM");
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let read = read.map_err(|error| io::Error::other(error.to_string()))?;
    if read.is_empty() { Err(none()) } else { Ok(read) }
}

/// The names for which a client certificate was given out: DNS names, then URIs.
pub(crate) fn names(certificate: &CertificateDer<'_>) -> Vec<Arc<str>> {
    // It was verified before, by the same reader.
    let Ok(read) = webpki::EndEntityCert::try_from(certificate) else { return Vec::new() };
    read.valid_dns_names().chain(read.valid_uri_names()).map(Arc::from).collect()
}
