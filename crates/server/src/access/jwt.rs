//! JSON Web Tokens that somebody else gave out and signed with a key of a configured set.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::Value;

use super::file::{Grant, JwtEntry, Limit};
use super::rights::Role;
use super::secret::Hash;
use super::{Denied, Problem};

/// By how much clocks may differ.
const LEEWAY_S: u64 = 30;
/// How many tokens are remembered that were verified.
const VERIFIED_MAX: usize = 10_000;

/// Whose tokens are believed, and how they say what their bearer may.
pub(crate) struct Jwt {
    keys: Vec<Key>,
    validation: Validation,
    roles_claim: String,
    pipelines_claim: String,
    /// Those that were verified, which takes much longer than everything else that a call does. Gone
    /// with the keys.
    verified: Cache<Hash, Arc<Grant>>,
}

struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    verifies: DecodingKey,
}

impl std::fmt::Debug for Jwt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwt").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

impl Jwt {
    pub(super) fn new(entry: &JwtEntry, set: &str) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_str(set)
            .map_err(|error| format!("is no JSON Web Key Set: {error}"))?;
        let mut keys = Vec::new();
        for jwk in &set.keys {
            if jwk.common.public_key_use == Some(PublicKeyUse::Encryption) {
                continue;
            }
            let id = jwk.common.key_id.clone();
            let name = id.as_deref().unwrap_or("without a kid");
            let algorithm = jwk.common.key_algorithm.and_then(signing).ok_or_else(|| {
                format!(
                    "the key {name} names no algorithm (`alg`) that Pawl takes: RS256 to RS512, \
                     PS256 to PS512, ES256, ES384 or EdDSA"
                )
            })?;
            let verifies = DecodingKey::from_jwk(jwk)
                .map_err(|error| format!("the key {name} cannot be used: {error}"))?;
            keys.push(Key { id, algorithm, verifies });
        }
        if keys.is_empty() {
            return Err("has no key for signatures".to_owned());
        }
        let mut validation = Validation::new(keys[0].algorithm);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[&entry.issuer]);
        validation.set_audience(&[&entry.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let (roles_claim, pipelines_claim) =
            (entry.roles_claim.clone(), entry.pipelines_claim.clone());
        let verified = Cache::new(VERIFIED_MAX);
        Ok(Self { keys, validation, roles_claim, pipelines_claim, verified })
    }

    /// Whether a bearer token is meant to be one of these: Pawl's own have no dots.
    pub(super) fn looks_like(token: &str) -> bool {
        token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// For what the bearer of a token is let in; whether it has expired since is for the caller to see.
    pub(super) fn grant(&self, token: &str) -> Result<Arc<Grant>, Denied> {
        let hash = Hash::of(token);
        if let Some(known) = self.verified.get(&hash) {
            return Ok(known);
        }
        let grant = Arc::new(self.verify(token)?);
        self.verified.insert(hash, Arc::clone(&grant));
        Ok(grant)
    }

    fn verify(&self, token: &str) -> Result<Grant, Denied> {
        let denied = Denied::Unauthenticated;
        let header = decode_header(token).map_err(|_| denied(Problem::Malformed))?;
        // The key says which algorithm it is for; what the token claims must only agree.
        let key = self.keys.iter().find(|key| {
            key.algorithm == header.alg && (header.kid.is_none() || key.id == header.kid)
        });
        let key = key.ok_or(denied(Problem::Unknown))?;
        let mut validation = self.validation.clone();
        validation.algorithms = vec![key.algorithm];
        let token = decode::<Claims>(token, &key.verifies, &validation).map_err(|error| {
            denied(match error.kind() {
                ErrorKind::ExpiredSignature | ErrorKind::ImmatureSignature => Problem::Expired,
                ErrorKind::Base64(_) | ErrorKind::Json(_) | ErrorKind::Utf8(_) => {
                    Problem::Malformed
                }
                _ => Problem::Unknown,
            })
        })?;
        let Claims { sub, exp, mut others } = token.claims;
        let roles = texts(others.remove(&self.roles_claim)).unwrap_or_default();
        let ids = others.remove(&self.pipelines_claim);
        let ids = ids.filter(|claim| !claim.is_null());
        let limit = match ids {
            None => Limit::default(),
            // A limit that cannot be read must not become no limit.
            Some(claim) => {
                let ids = texts(Some(claim)).ok_or(denied(Problem::Malformed))?;
                Limit::read(Some(ids)).map_err(|_| denied(Problem::Malformed))?
            }
        };
        Ok(Grant {
            name: Arc::from(sub),
            // Others may mean something to somebody else.
            roles: roles.iter().filter_map(|role| role.parse::<Role>().ok()).collect(),
            limit,
            expires: SystemTime::UNIX_EPOCH
                .checked_add(Duration::from_secs(exp.saturating_add(LEEWAY_S))),
        })
    }
}

/// Only what proves who signed: with a shared secret everyone who verifies could sign as well.
fn signing(algorithm: KeyAlgorithm) -> Option<Algorithm> {
    Some(match algorithm {
        KeyAlgorithm::RS256 => Algorithm::RS256,
        KeyAlgorithm::RS384 => Algorithm::RS384,
        KeyAlgorithm::RS512 => Algorithm::RS512,
        KeyAlgorithm::PS256 => Algorithm::PS256,
        KeyAlgorithm::PS384 => Algorithm::PS384,
        KeyAlgorithm::PS512 => Algorithm::PS512,
        KeyAlgorithm::ES256 => Algorithm::ES256,
        KeyAlgorithm::ES384 => Algorithm::ES384,
        KeyAlgorithm::EdDSA => Algorithm::EdDSA,
        _ => return None,
    })
}

/// A claim that is a text, texts separated by spaces, or a list of texts.
fn texts(claim: Option<Value>) -> Option<Vec<String>> {
    match claim? {
        Value::String(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
        Value::Array(list) => list.into_iter().map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}
