//! Bearer tokens and webhook secrets: random, shown once, kept as a hash.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// So that scanners for leaked secrets find it.
const PREFIX: &str = "pawl_";
/// Random bytes of a secret: too many to guess, so that one round of a fast hash is enough.
const RANDOM_BYTES: usize = 32;
/// How a hash is written.
const HASHED: &str = "sha256:";

/// A secret that was just made. Shows itself only when asked for.
pub struct Secret(String);

impl Secret {
    /// A new one; fails when the system has no randomness.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random)?;
        Ok(Self(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(random))))
    }

    /// What its owner sends.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> Hash {
        Hash::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// SHA-256 of a secret. Looked up by itself: who does not know the secret cannot steer how far a
/// comparison goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    pub(crate) fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HASHED)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

impl FromStr for Hash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let malformed = || "hash is not `sha256:` and 64 hexadecimal digits".to_owned();
        let digits = text.strip_prefix(HASHED).ok_or_else(malformed)?;
        if digits.len() != 64 || !digits.is_ascii() {
            return Err(malformed());
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| malformed())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| malformed())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_as_it_is_written() {
        let secret = Secret::new().expect("the system has randomness");
        let hash = secret.hash();
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_ne!(Secret::new().expect("again").hash(), hash);
        let known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Hash::of("abc").to_string(), known, "as FIPS 180-2 has it");
        for bad in ["", "abc", "sha256:", "sha256:zz", &known[..70], &known.replace('b', "ü")] {
            assert!(bad.parse::<Hash>().is_err(), "{bad}");
        }
        assert_eq!(secret.reveal().len(), 48);
        assert!(!format!("{secret:?} {hash:?}").contains(&secret.reveal()[5..]));
    }
}
