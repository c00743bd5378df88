//! HMAC with SHA-2, one hash for each size of key.

use aws_lc_rs::hmac;

use crate::spec::{KeySpec, MacAlgorithm};
use crate::{KeyError, Secret};

/// An HMAC key.
pub(crate) struct HmacKey {
    secret: Secret,
    algorithm: MacAlgorithm,
    key: hmac::Key,
}

impl HmacKey {
    /// A key of exactly [`length`] bytes.
    pub(crate) fn new(spec: KeySpec, secret: &[u8]) -> Result<Self, KeyError> {
        let (algorithm, hash) = of(spec)?;
        if secret.len() != length(spec)? {
            return Err(KeyError::InvalidMaterial);
        }
        let key = hmac::Key::new(hash, secret);
        let secret = Secret::from(secret.to_vec());
        Ok(Self {
            secret,
            algorithm,
            key,
        })
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(crate) fn mac(&self, algorithm: MacAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.check(algorithm)?;
        Ok(hmac::sign(&self.key, message).as_ref().to_vec())
    }

    /// Compares in constant time.
    pub(crate) fn verify(
        &self,
        algorithm: MacAlgorithm,
        message: &[u8],
        mac: &[u8],
    ) -> Result<(), KeyError> {
        self.check(algorithm)?;
        hmac::verify(&self.key, message, mac).map_err(|_| KeyError::InvalidMac)
    }

    fn check(&self, algorithm: MacAlgorithm) -> Result<(), KeyError> {
        if algorithm == self.algorithm {
            return Ok(());
        }
        Err(KeyError::WrongAlgorithm)
    }
}

/// The length of a key in bytes: as long as the hash.
pub(crate) fn length(spec: KeySpec) -> Result<usize, KeyError> {
    Ok(of(spec)?.1.tag_len())
}

fn of(spec: KeySpec) -> Result<(MacAlgorithm, hmac::Algorithm), KeyError> {
    match spec {
        KeySpec::Hmac224 => Ok((MacAlgorithm::HmacSha224, hmac::HMAC_SHA224)),
        KeySpec::Hmac256 => Ok((MacAlgorithm::HmacSha256, hmac::HMAC_SHA256)),
        KeySpec::Hmac384 => Ok((MacAlgorithm::HmacSha384, hmac::HMAC_SHA384)),
        KeySpec::Hmac512 => Ok((MacAlgorithm::HmacSha512, hmac::HMAC_SHA512)),
        _ => Err(KeyError::WrongAlgorithm),
    }
}
