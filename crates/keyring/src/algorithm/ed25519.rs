//! Ed25519 (RFC 8032): pure for a message, `ph` for a digest.
//!
//! KMS's `ED25519_PH_SHA_512` takes a SHA-512 digest and hashes it again, as step 1 of FIPS 186-5,
//! section 7.8.1 does with any message: what is signed is the hash of the digest.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use ed25519_dalek::{Digest as _, Sha512, Signature, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use super::ToSign;
use crate::der::{self, Reader};
use crate::secret::kept;
use crate::spec::SigningAlgorithm;
use crate::{KeyError, Secret};

/// The length of the digest that `ph` takes.
const DIGEST: usize = 64;
/// id-Ed25519: 1.3.101.112 (RFC 8410).
const OID: &[u8] = &[0x2b, 0x65, 0x70];

/// An Ed25519 key pair.
pub(crate) struct EdKey {
    seed: Box<Zeroizing<[u8; 32]>>,
    pair: Ed25519KeyPair,
}

impl EdKey {
    pub(crate) fn from_seed(seed: &[u8]) -> Result<Self, KeyError> {
        let seed = kept(seed).ok_or(KeyError::InvalidMaterial)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed[..])
            .map_err(|_| KeyError::InvalidMaterial)?;
        Ok(Self { seed, pair })
    }

    /// Reads a PKCS#8 (RFC 8410); where it holds the public key too, the two must belong together.
    pub(crate) fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, KeyError> {
        if !der::is_one_sequence(pkcs8) {
            return Err(KeyError::InvalidMaterial);
        }
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8)
            .map_err(|_| KeyError::InvalidMaterial)?;
        // As the library writes it, in a buffer that it overwrites.
        let canonical: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Internal)?;
        let key = der::read_private_key(canonical.as_ref(), OID);
        let seed = key.and_then(|key| Reader::new(key)?.read(der::OCTET_STRING));
        Self::from_seed(seed.ok_or(KeyError::Internal)?)
    }

    pub(crate) fn seed(&self) -> Secret {
        Secret::from(self.seed.to_vec())
    }

    pub(crate) fn pkcs8(&self) -> Result<Secret, KeyError> {
        let document = self.pair.to_pkcs8v1().map_err(|_| KeyError::Internal)?;
        Ok(Secret::from(document.as_ref().to_vec()))
    }

    pub(crate) fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        super::public_der(self.pair.public_key())
    }

    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message: ToSign<'_>,
    ) -> Result<Vec<u8>, KeyError> {
        match Form::of(algorithm, message)? {
            Form::Pure(message) => {
                let signature = self
                    .pair
                    .try_sign(message)
                    .map_err(|_| KeyError::Internal)?;
                Ok(signature.as_ref().to_vec())
            }
            Form::Prehashed(hash) => self.sign_prehashed(hash),
        }
    }

    fn sign_prehashed(&self, hash: Sha512) -> Result<Vec<u8>, KeyError> {
        let signature = SigningKey::from_bytes(&self.seed).sign_prehashed(hash, None);
        let signature = signature.map_err(|_| KeyError::Internal)?;
        Ok(signature.to_bytes().to_vec())
    }
}

/// Checks that `der`, a SubjectPublicKeyInfo, is a point on the curve.
pub(crate) fn check_public(der: &[u8]) -> Result<(), KeyError> {
    let well_formed = UnparsedPublicKey::new(&ED25519, der).parse().is_ok();
    if !well_formed {
        return Err(KeyError::InvalidPublicKey);
    }
    verifying_key(der).map(|_| ())
}

/// Verifies with `der`, a SubjectPublicKeyInfo.
pub(crate) fn verify(
    der: &[u8],
    algorithm: SigningAlgorithm,
    message: ToSign<'_>,
    signature: &[u8],
) -> Result<(), KeyError> {
    match Form::of(algorithm, message)? {
        Form::Pure(message) => UnparsedPublicKey::new(&ED25519, der)
            .verify(message, signature)
            .map_err(|_| KeyError::InvalidSignature),
        Form::Prehashed(hash) => verify_prehashed(der, hash, signature),
    }
}

fn verify_prehashed(der: &[u8], hash: Sha512, signature: &[u8]) -> Result<(), KeyError> {
    let signature = Signature::from_slice(signature).map_err(|_| KeyError::InvalidSignature)?;
    verifying_key(der)?
        .verify_prehashed_strict(hash, None, &signature)
        .map_err(|_| KeyError::InvalidSignature)
}

fn verifying_key(der: &[u8]) -> Result<VerifyingKey, KeyError> {
    let key = der::read_public_key(der).and_then(|(_, key)| key.try_into().ok());
    VerifyingKey::from_bytes(key.ok_or(KeyError::InvalidPublicKey)?)
        .map_err(|_| KeyError::InvalidPublicKey)
}

/// What is signed, by algorithm and message type: only two of the six combinations exist.
enum Form<'a> {
    Pure(&'a [u8]),
    Prehashed(Sha512),
}

impl<'a> Form<'a> {
    fn of(algorithm: SigningAlgorithm, message: ToSign<'a>) -> Result<Self, KeyError> {
        match (algorithm, message) {
            (SigningAlgorithm::Ed25519Sha512, ToSign::Raw(message)) => Ok(Self::Pure(message)),
            (SigningAlgorithm::Ed25519PhSha512, ToSign::Digest(digest))
                if digest.len() == DIGEST =>
            {
                Ok(Self::Prehashed(Sha512::new_with_prefix(digest)))
            }
            (SigningAlgorithm::Ed25519PhSha512, ToSign::Digest(_)) => {
                Err(KeyError::DigestLength { expected: DIGEST })
            }
            (SigningAlgorithm::Ed25519Sha512 | SigningAlgorithm::Ed25519PhSha512, _) => {
                Err(KeyError::WrongMessageType)
            }
            _ => Err(KeyError::WrongAlgorithm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unhex<const N: usize>(text: &str) -> [u8; N] {
        let byte = |at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hex");
        std::array::from_fn(byte)
    }

    #[test]
    fn the_vector_of_rfc_8032_for_ph_is_signed_and_verified() {
        // Section 7.3: the message "abc".
        let seed: [u8; 32] =
            unhex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42");
        let expected: [u8; 64] = unhex(
            "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41\
             31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
        );
        let key = EdKey::from_seed(&seed).expect("a key");
        let hash = || Sha512::new_with_prefix(b"abc");
        assert_eq!(key.sign_prehashed(hash()).expect("a signature"), expected);
        let public = key.public_key().expect("a public half");
        assert_eq!(verify_prehashed(&public, hash(), &expected), Ok(()));
        let other = Sha512::new_with_prefix(b"abd");
        assert_eq!(
            verify_prehashed(&public, other, &expected),
            Err(KeyError::InvalidSignature)
        );
    }
}
