//! ML-KEM (FIPS 203), with implicit rejection.
//!
//! A key is its 64-byte seed: the form that KMS gives data key pairs out in, and the only one that
//! holds both halves (aws-lc, given an expanded private key, does not know the public one). aws-lc
//! has no way in for a seed, so the crate `ml-kem` expands it: pure Rust, and **not audited** as
//! of this writing. Secrets are encapsulated and decapsulated by aws-lc, and each expansion is tried
//! there before the key is used.

use aws_lc_rs::kem::{self, Ciphertext, DecapsulationKey, EncapsulationKey};
use ml_kem::{DecapsulationKey512, DecapsulationKey768, DecapsulationKey1024};
use zeroize::{Zeroize, Zeroizing};

use crate::der;
use crate::secret::kept;
use crate::spec::KeySpec;
use crate::{KeyError, Secret};

/// The length of a seed in bytes: d and z.
pub(crate) const SEED: usize = 64;

/// An ML-KEM key pair.
pub(crate) struct MlKemKey {
    set: Set,
    seed: Box<Zeroizing<[u8; SEED]>>,
    private: DecapsulationKey,
    public: Vec<u8>,
}

impl MlKemKey {
    pub(crate) fn from_seed(spec: KeySpec, seed: &[u8]) -> Result<Self, KeyError> {
        let set = Set::of(spec)?;
        let seed = kept(seed).ok_or(KeyError::InvalidMaterial)?;
        let expanded = expand(spec, &seed)?;
        let public = set
            .public_of(expanded.expose())
            .ok_or(KeyError::Internal)?
            .to_vec();
        let private = DecapsulationKey::new(set.algorithm, expanded.expose())
            .map_err(|_| KeyError::Internal)?;
        let key = Self {
            set,
            seed,
            private,
            public,
        };
        key.check_halves()?;
        Ok(key)
    }

    /// Reads a PKCS#8 (RFC 9935) that holds the seed, alone or with the expanded key, which must
    /// then be that seed's. An expanded key alone is refused.
    pub(crate) fn from_pkcs8(spec: KeySpec, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let set = Set::of(spec)?;
        let key = der::read_private_key(pkcs8, set.oid).ok_or(KeyError::InvalidMaterial)?;
        let (seed, expanded) = der::read_seed(key).ok_or(KeyError::InvalidMaterial)?;
        let this = Self::from_seed(spec, seed)?;
        match expanded {
            Some(expanded) if !expand(spec, &this.seed)?.matches(expanded) => {
                Err(KeyError::InvalidMaterial)
            }
            _ => Ok(this),
        }
    }

    /// What goes in by the public half comes out by the private one.
    fn check_halves(&self) -> Result<(), KeyError> {
        let (ciphertext, secret) = encapsulate_to(&self.set, &self.public)?;
        if self.decapsulate(&ciphertext)?.matches(secret.expose()) {
            return Ok(());
        }
        Err(KeyError::Internal)
    }

    pub(crate) fn seed(&self) -> Secret {
        Secret::from(self.seed.to_vec())
    }

    pub(crate) fn pkcs8(&self) -> Secret {
        let seed = Zeroizing::new(der::write(der::SEED, &[&self.seed[..]]));
        Secret::from(der::write_private_key(self.set.oid, &seed))
    }

    pub(crate) fn public_key(&self) -> Vec<u8> {
        der::write_public_key(self.set.oid, &self.public)
    }

    /// The secret in `ciphertext`. One made for another key, or altered, gives a secret that nobody
    /// else has: only another length is an error.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Secret, KeyError> {
        if ciphertext.len() != self.set.ciphertext {
            return Err(KeyError::InvalidCiphertext);
        }
        let secret = self
            .private
            .decapsulate(Ciphertext::from(ciphertext))
            .map_err(|_| KeyError::Internal)?;
        Ok(Secret::from(secret.as_ref().to_vec()))
    }
}

/// Checks that `der`, a SubjectPublicKeyInfo, is a key of `spec`.
pub(crate) fn check_public(spec: KeySpec, der: &[u8]) -> Result<(), KeyError> {
    let set = Set::of(spec)?;
    encapsulate_to(&set, set.read_public(der)?).map(|_| ())
}

/// A fresh secret and its ciphertext for the holder of `der`, a SubjectPublicKeyInfo. The
/// randomness is aws-lc's own.
pub(crate) fn encapsulate(spec: KeySpec, der: &[u8]) -> Result<(Vec<u8>, Secret), KeyError> {
    let set = Set::of(spec)?;
    encapsulate_to(&set, set.read_public(der)?)
}

fn encapsulate_to(set: &Set, public: &[u8]) -> Result<(Vec<u8>, Secret), KeyError> {
    let key =
        EncapsulationKey::new(set.algorithm, public).map_err(|_| KeyError::InvalidPublicKey)?;
    // The library checks the key's coefficients here (FIPS 203, section 7.2).
    let (ciphertext, secret) = key.encapsulate().map_err(|_| KeyError::InvalidPublicKey)?;
    Ok((
        ciphertext.as_ref().to_vec(),
        Secret::from(secret.as_ref().to_vec()),
    ))
}

/// The expanded private key of a seed (FIPS 203, algorithm 16).
#[expect(deprecated, reason = "aws-lc takes the expanded form only")]
fn expand(spec: KeySpec, seed: &[u8; SEED]) -> Result<Secret, KeyError> {
    use ml_kem::ExpandedKeyEncoding as _;
    let mut seed = ml_kem::Seed::from(*seed);
    let expanded = match spec {
        KeySpec::MlKem512 => taken(DecapsulationKey512::from_seed(seed).to_expanded_bytes()),
        KeySpec::MlKem768 => taken(DecapsulationKey768::from_seed(seed).to_expanded_bytes()),
        KeySpec::MlKem1024 => taken(DecapsulationKey1024::from_seed(seed).to_expanded_bytes()),
        _ => return Err(KeyError::WrongAlgorithm),
    };
    seed.as_mut_slice().zeroize();
    Ok(expanded)
}

/// The bytes of an array that does not overwrite itself.
fn taken(mut array: impl AsMut<[u8]>) -> Secret {
    let bytes = array.as_mut();
    let secret = Secret::from(bytes.to_vec());
    bytes.zeroize();
    secret
}

/// A parameter set.
struct Set {
    algorithm: &'static kem::Algorithm,
    /// The rank of the module: how many polynomials a vector has.
    rank: usize,
    ciphertext: usize,
    oid: &'static [u8],
}

impl Set {
    /// The identifiers are 2.16.840.1.101.3.4.4.1 to .3 (RFC 9935).
    fn of(spec: KeySpec) -> Result<Self, KeyError> {
        match spec {
            KeySpec::MlKem512 => Ok(Self {
                algorithm: &kem::ML_KEM_512,
                rank: 2,
                ciphertext: 768,
                oid: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 1],
            }),
            KeySpec::MlKem768 => Ok(Self {
                algorithm: &kem::ML_KEM_768,
                rank: 3,
                ciphertext: 1088,
                oid: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 2],
            }),
            KeySpec::MlKem1024 => Ok(Self {
                algorithm: &kem::ML_KEM_1024,
                rank: 4,
                ciphertext: 1568,
                oid: &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 3],
            }),
            _ => Err(KeyError::WrongAlgorithm),
        }
    }

    /// The public key within an expanded private one: it follows the vector s (FIPS 203,
    /// algorithm 16, line 3).
    fn public_of<'a>(&self, expanded: &'a [u8]) -> Option<&'a [u8]> {
        expanded.get(384 * self.rank..768 * self.rank + 32)
    }

    fn read_public<'a>(&self, der: &'a [u8]) -> Result<&'a [u8], KeyError> {
        match der::read_public_key(der) {
            Some((algorithm, key)) if algorithm == der::write(der::OID, &[self.oid]) => Ok(key),
            _ => Err(KeyError::InvalidPublicKey),
        }
    }
}
