//! The access file: who gets in, as an operator writes it down.
//!
//! It holds no secret: of tokens only hashes.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use pawl_domain::{PipelineId, TypeCode};
use pawl_engine::Scope;
use serde::Deserialize;
use toml_edit::Datetime;

use super::jwt::Jwt;
use super::rights::Role;
use super::secret::Hash;

/// Why an access file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the access file {}: {problem}", path.display())]
pub struct AccessFileError {
    pub(crate) path: PathBuf,
    pub(crate) problem: String,
}

impl AccessFileError {
    pub(crate) fn new(path: &Path, problem: impl ToString) -> Self {
        // What the TOML reader says ends with a line of its own.
        let problem = problem.to_string().trim_end().to_owned();
        Self { path: path.to_owned(), problem }
    }
}

/// For what somebody was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) name: Arc<str>,
    pub(crate) roles: Vec<Role>,
    pub(crate) limit: Limit,
    pub(crate) expires: Option<SystemTime>,
}

impl Grant {
    /// As an operator writes it down.
    fn read(
        name: &str,
        roles: Vec<Role>,
        pipelines: Option<Vec<String>>,
        expires: Option<Datetime>,
    ) -> Result<Self, String> {
        if roles.is_empty() {
            return Err("needs a role: roles = [\"viewer\"]".to_owned());
        }
        let expires = expires.map(moment).transpose()?;
        Ok(Self { name: named(name)?, roles, limit: Limit::read(pipelines)?, expires })
    }
}

/// The pipelines to which somebody is limited, or none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limit {
    pipelines: Option<BTreeSet<PipelineId>>,
    /// The same as the engine wants it, made once.
    pub(crate) scope: Scope,
}

impl Limit {
    /// No list means no limit; an empty one would mean nothing at all, which nobody wants.
    pub(super) fn read(ids: Option<Vec<String>>) -> Result<Self, String> {
        let Some(ids) = ids else { return Ok(Self::default()) };
        if ids.is_empty() {
            return Err("pipelines is empty; leave it out to allow all".to_owned());
        }
        let parse = |id: &String| PipelineId::parse("pipelines", id).map_err(|e| e.to_string());
        let pipelines = ids.iter().map(parse).collect::<Result<BTreeSet<_>, _>>()?;
        let scope = Scope::of(pipelines.iter().cloned());
        Ok(Self { pipelines: Some(pipelines), scope })
    }
}

impl Limit {
    /// Whether there is a limit.
    pub(crate) fn is_some(&self) -> bool {
        self.pipelines.is_some()
    }
}

impl PartialEq for Limit {
    fn eq(&self, other: &Self) -> bool {
        self.pipelines == other.pipelines
    }
}

impl Eq for Limit {}

/// What one secret of a webhook opens: events of one trigger type, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) name: Arc<str>,
    pub(crate) trigger_type: TypeCode,
    /// The attribute `code` of its events, when the caller may not choose it.
    pub(crate) code: Option<String>,
    pub(crate) limit: Limit,
    pub(crate) expires: Option<SystemTime>,
}

/// Everyone who gets in.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    pub(crate) tokens: HashMap<Hash, Arc<Grant>>,
    pub(crate) certificates: HashMap<String, Arc<Grant>>,
    pub(crate) hooks: HashMap<Hash, Arc<Hook>>,
    pub(crate) jwt: Option<Jwt>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    pub(super) token: Vec<TokenEntry>,
    certificate: Vec<CertificateEntry>,
    pub(super) webhook: Vec<WebhookEntry>,
    jwt: Option<JwtEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenEntry {
    pub(super) name: String,
    pub(super) roles: Vec<Role>,
    pub(super) pipelines: Option<Vec<String>>,
    pub(super) expires: Option<Datetime>,
    pub(super) created: Option<Datetime>,
    pub(super) revoked: Option<Datetime>,
    hash: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateEntry {
    name: String,
    roles: Vec<Role>,
    pipelines: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookEntry {
    pub(super) name: String,
    pub(super) trigger_type: String,
    pub(super) code: Option<String>,
    pub(super) pipelines: Option<Vec<String>>,
    pub(super) expires: Option<Datetime>,
    pub(super) created: Option<Datetime>,
    pub(super) revoked: Option<Datetime>,
    hash: String,
}

/// Whose JSON Web Tokens are believed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JwtEntry {
    /// A JSON Web Key Set; a relative path starts at the access file.
    pub(super) keys_file: PathBuf,
    pub(super) issuer: String,
    pub(super) audience: String,
    #[serde(default = "roles_claim")]
    pub(super) roles_claim: String,
    #[serde(default = "pipelines_claim")]
    pub(super) pipelines_claim: String,
}

fn roles_claim() -> String {
    "pawl_roles".to_owned()
}

fn pipelines_claim() -> String {
    "pawl_pipelines".to_owned()
}

/// Reads what an access file says, and nothing of what it refers to.
pub(super) fn parse(path: &Path, text: &str) -> Result<Written, AccessFileError> {
    toml_edit::de::from_str(text).map_err(|error| AccessFileError::new(path, error))
}

/// The key set to which an access file refers.
pub(super) fn keys_file(path: &Path, jwt: &JwtEntry) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).join(&jwt.keys_file)
}

/// Where the key set lies that an access file with this text refers to.
pub(super) fn refers_to(path: &Path, text: &str) -> Option<PathBuf> {
    parse(path, text).ok()?.jwt.map(|jwt| keys_file(path, &jwt))
}

impl Credentials {
    /// Reads an access file; `read` gets the files to which it refers.
    pub(crate) fn read(
        path: &Path,
        text: &str,
        read: impl Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Self, AccessFileError> {
        let written = parse(path, text)?;
        let wrong = |name: &str, problem: String| {
            AccessFileError::new(path, format!("{name:?}: {problem}"))
        };
        let mut credentials = Self::default();
        for entry in written.token {
            // One that was revoked stays in the list, so that its name still means somebody.
            if entry.revoked.is_some() {
                continue;
            }
            let problem = |problem| wrong(&entry.name, problem);
            let grant = Grant::read(&entry.name, entry.roles, entry.pipelines, entry.expires);
            let grant = grant.map_err(problem)?;
            let hash = entry.hash.parse().map_err(problem)?;
            if credentials.tokens.insert(hash, Arc::new(grant)).is_some() {
                return Err(problem("has the hash of another token".to_owned()));
            }
        }
        for entry in written.certificate {
            let problem = |problem| wrong(&entry.name, problem);
            let grant = Grant::read(&entry.name, entry.roles, entry.pipelines, None);
            let grant = grant.map_err(problem)?;
            if credentials.certificates.insert(entry.name.clone(), Arc::new(grant)).is_some() {
                return Err(problem("stands there twice as a certificate".to_owned()));
            }
        }
        for entry in written.webhook {
            if entry.revoked.is_some() {
                continue;
            }
            let problem = |problem| wrong(&entry.name, problem);
            let code = TypeCode::parse("trigger_type", &entry.trigger_type);
            let hook = Hook {
                name: named(&entry.name).map_err(problem)?,
                trigger_type: code.map_err(|refusal| problem(refusal.to_string()))?,
                code: entry.code,
                limit: Limit::read(entry.pipelines).map_err(problem)?,
                expires: entry.expires.map(moment).transpose().map_err(problem)?,
            };
            let hash = entry.hash.parse().map_err(problem)?;
            if credentials.hooks.insert(hash, Arc::new(hook)).is_some() {
                return Err(problem("has the hash of another webhook".to_owned()));
            }
        }
        if let Some(entry) = written.jwt {
            let keys = keys_file(path, &entry);
            let set = read(&keys).map_err(|error| {
                AccessFileError::new(path, format!("cannot read {}: {error}", keys.display()))
            })?;
            let jwt = Jwt::new(&entry, &set).map_err(|problem| {
                AccessFileError::new(path, format!("{}: {problem}", keys.display()))
            })?;
            credentials.jwt = Some(jwt);
        }
        Ok(credentials)
    }
}

fn named(name: &str) -> Result<Arc<str>, String> {
    let is_long = name.chars().count() > 128;
    if name.is_empty() || is_long || name.chars().any(char::is_control) {
        return Err("a name has 1 to 128 printable characters".to_owned());
    }
    Ok(name.into())
}

/// A moment with its offset; without one nobody would know when it is.
pub(super) fn moment(time: Datetime) -> Result<SystemTime, String> {
    let text = time.to_string();
    let malformed = || format!("{text} is no moment; write it like 2027-01-31T00:00:00Z");
    let read: prost_types::Timestamp = text.parse().map_err(|_| malformed())?;
    if time.offset.is_none() {
        return Err(malformed());
    }
    SystemTime::try_from(read).map_err(|_| malformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A public key that stands in RFC 8037.
    const KEYS: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    #[test]
    fn the_file_in_the_docs_can_be_used() {
        let page = include_str!("../../../../docs/access.md");
        let (_, rest) = page.split_once("## The file, in full").expect("it is there");
        let (_, rest) = rest.split_once("```toml\n").expect("it is in TOML");
        let (text, _) = rest.split_once("```").expect("it ends");
        let file = Credentials::read(Path::new("access.toml"), text, |_| Ok(KEYS.to_owned()));
        let file = file.expect("it can be used");
        let counts = (file.tokens.len(), file.certificates.len(), file.hooks.len());
        assert_eq!((counts, file.jwt.is_some()), ((1, 1, 1), true), "and shows each kind");
    }
}
