//! Who gets in, and for what: bearer tokens, client certificates, JSON Web Tokens, and secrets of
//! webhooks. Everything that a caller asks passes here once, whichever door it came through; what
//! lies outside of its pipelines the engine hides.

mod edit;
mod file;
mod jwt;
mod layer;
mod rights;
mod secret;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use http::{Extensions, HeaderMap, header};
use tokio::sync::watch;
use tracing::{error, info};

use crate::connection::Peer;
use crate::machine;
use secret::Hash;

pub use edit::{AccessEditError, Issued, Kind, Listed, create, list, revoke};
pub use file::AccessFileError;
pub(crate) use file::{Credentials, Grant, Hook};
pub(crate) use layer::{Gate, Guarded, waiting};
pub(crate) use rights::Right;
pub use rights::Role;
pub use secret::Secret;

/// Why somebody does not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It is not known who they are.
    Unauthenticated(Problem),
    /// They were let in for something else.
    Forbidden { roles: Vec<Role>, right: Right },
}

/// What is wrong with credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    Missing,
    Malformed,
    /// Never given out, revoked, or signed by somebody else: which of these is nobody's business.
    Unknown,
    Expired,
    /// Good when the call began.
    Ended,
}

/// Lets in, or not. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Access(Option<Arc<Guard>>);

#[derive(Debug)]
struct Guard {
    path: PathBuf,
    credentials: RwLock<Arc<Credentials>>,
    /// What was read last: the file, and the key set to which it refers.
    read: RwLock<(String, Option<String>)>,
    changes: watch::Sender<()>,
}

/// Who calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// `None`: nobody has to say who they are.
    known: Option<Known>,
}

#[derive(Debug, Clone)]
struct Known {
    grant: Arc<Grant>,
    by: Credential,
}

/// What somebody showed, to be looked at again while a call lasts.
#[derive(Clone)]
enum Credential {
    Token(Hash),
    Jwt(Arc<str>),
    Certificate(Arc<str>),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::Jwt(_) => "Jwt(..)",
            Self::Certificate(_) => "Certificate(..)",
        })
    }
}

impl Access {
    /// For everyone and everything.
    pub(crate) fn open() -> Self {
        Self(None)
    }

    /// For those in an access file.
    pub(crate) fn from_file(path: &Path) -> Result<Self, AccessFileError> {
        let (text, keys) = read(path).map_err(|error| {
            AccessFileError::new(
                path,
                format!("{error}; `pawl token create --access-file PATH` makes one"),
            )
        })?;
        let credentials = credentials(path, &text, keys.as_deref())?;
        Ok(Self(Some(Arc::new(Guard {
            path: path.to_owned(),
            credentials: RwLock::new(Arc::new(credentials)),
            read: RwLock::new((text, keys)),
            changes: watch::Sender::new(()),
        }))))
    }

    /// Whether everyone may do everything.
    pub(crate) fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Lets in who may do this.
    pub(crate) fn admit(
        &self,
        right: Right,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Caller, Denied> {
        if right == Right::Open {
            return Ok(Caller { known: None });
        }
        let caller = self.recognize(headers, extensions)?;
        match caller.grant() {
            Some(grant) if !caller.may(right) => {
                Err(Denied::Forbidden { roles: grant.roles.clone(), right })
            }
            _ => Ok(caller),
        }
    }

    /// Tells who calls, whatever they may do.
    pub(crate) fn recognize(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
    ) -> Result<Caller, Denied> {
        let known = self.0.as_ref().map(|guard| guard.know(shown(headers, extensions)?));
        Ok(Caller { known: known.transpose()? })
    }

    /// The webhook that a secret opens.
    pub(crate) fn hook(&self, secret: &str) -> Result<Arc<Hook>, Denied> {
        let unknown = Denied::Unauthenticated(Problem::Unknown);
        let guard = self.0.as_ref().ok_or(unknown.clone())?;
        let hook = guard.current().hooks.get(&Hash::of(secret)).cloned().ok_or(unknown)?;
        let has_expired = hook.expires.is_some_and(|end| end <= machine::wall_clock());
        if has_expired { Err(Denied::Unauthenticated(Problem::Expired)) } else { Ok(hook) }
    }

    /// Waits until what let a caller in is no longer good, or good for something else.
    pub(crate) async fn ended(&self, caller: &Caller) -> Denied {
        let (Some(guard), Some(known)) = (&self.0, &caller.known) else {
            return std::future::pending().await;
        };
        let mut changes = guard.changes.subscribe();
        loop {
            match guard.know(known.by.clone()) {
                Ok(now) if now.grant == known.grant => {}
                _ => return Denied::Unauthenticated(Problem::Ended),
            }
            let expired = async {
                match known.grant.expires.map(|end| end.duration_since(machine::wall_clock())) {
                    Some(Ok(left)) => tokio::time::sleep(left).await,
                    Some(Err(_)) => {}
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = changes.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
                () = expired => {}
            }
        }
    }

    /// Reads the access file again when it has changed; a bad one changes nothing.
    pub(crate) fn refresh(&self) {
        let Some(guard) = &self.0 else { return };
        let now = match read(&guard.path) {
            Ok(now) => now,
            Err(error) => return guard.complain(&error),
        };
        let mut last = guard.read.write().unwrap_or_else(PoisonError::into_inner);
        if *last == now {
            return;
        }
        match credentials(&guard.path, &now.0, now.1.as_deref()) {
            Ok(read) => {
                let (tokens, certificates) = (read.tokens.len(), read.certificates.len());
                let webhooks = read.hooks.len();
                *guard.credentials.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
                guard.changes.send_replace(());
                info!(tokens, certificates, webhooks, "read the access file again");
            }
            Err(error) => guard.complain(&error),
        }
        // A bad one is complained of once.
        *last = now;
    }
}

impl Guard {
    fn current(&self) -> Arc<Credentials> {
        Arc::clone(&self.credentials.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn know(&self, by: Credential) -> Result<Known, Denied> {
        let credentials = self.current();
        let unknown = || Denied::Unauthenticated(Problem::Unknown);
        let grant = match &by {
            Credential::Token(hash) => credentials.tokens.get(hash).cloned(),
            Credential::Certificate(name) => credentials.certificates.get(&**name).cloned(),
            Credential::Jwt(token) => {
                credentials.jwt.as_ref().map(|jwt| jwt.grant(token)).transpose()?
            }
        };
        let grant = grant.ok_or_else(unknown)?;
        if grant.expires.is_some_and(|end| end <= machine::wall_clock()) {
            return Err(Denied::Unauthenticated(Problem::Expired));
        }
        Ok(Known { grant, by })
    }

    fn complain(&self, problem: &dyn fmt::Display) {
        error!(path = %self.path.display(), %problem, "the access file is not used; who was let in before still is");
    }
}

impl Caller {
    /// Their name, for logs.
    pub(crate) fn name(&self) -> Option<&str> {
        self.known.as_ref().map(|known| &*known.grant.name)
    }

    /// Whether they may do this.
    pub(crate) fn may(&self, right: Right) -> bool {
        self.grant().is_none_or(|grant| grant.roles.iter().any(|role| role.has(right)))
    }

    /// For what they were let in; `None` for everything.
    pub(crate) fn grant(&self) -> Option<&Grant> {
        self.known.as_ref().map(|known| &*known.grant)
    }
}

/// A bearer token, or else the certificate of the connection.
fn shown(headers: &HeaderMap, extensions: &Extensions) -> Result<Credential, Denied> {
    let denied = Denied::Unauthenticated;
    if let Some(token) = bearer(headers)? {
        return Ok(if jwt::Jwt::looks_like(token) {
            Credential::Jwt(token.into())
        } else {
            Credential::Token(Hash::of(token))
        });
    }
    let names = extensions.get::<Peer>().and_then(|peer| peer.certificate.as_ref());
    // Several names may stand in one certificate; the first is its bearer's.
    let name = names.ok_or(denied(Problem::Missing))?.first().ok_or(denied(Problem::Unknown))?;
    Ok(Credential::Certificate(Arc::clone(name)))
}

/// The token in `authorization: Bearer TOKEN`; `None` without such a header.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let malformed = Denied::Unauthenticated(Problem::Malformed);
    let text = value.to_str().map_err(|_| malformed.clone())?;
    let (scheme, token) = text.split_once(' ').ok_or(malformed.clone())?;
    let is_bearer = scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty();
    if is_bearer { Ok(Some(token.trim())) } else { Err(malformed) }
}

/// The access file and the key set to which it refers.
fn read(path: &Path) -> std::io::Result<(String, Option<String>)> {
    let text = std::fs::read_to_string(path)?;
    // That it cannot be read is said when the file is looked at.
    let keys = file::refers_to(path, &text).and_then(|keys| std::fs::read_to_string(keys).ok());
    Ok((text, keys))
}

fn credentials(
    path: &Path,
    text: &str,
    keys: Option<&str>,
) -> Result<Credentials, AccessFileError> {
    Credentials::read(path, text, |file| match keys {
        Some(keys) => Ok(keys.to_owned()),
        None => std::fs::read_to_string(file),
    })
}
