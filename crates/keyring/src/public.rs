//! Public keys, and what can be done with nothing but one.

use crate::algorithm::{ToSign, ec, ed25519, mldsa, mlkem, rsa};
use crate::spec::{EncapsulationAlgorithm, EncryptionAlgorithm, KeySpec, SigningAlgorithm};
use crate::{KeyError, Secret, der};

/// The public half of a key, checked: of the kind it says, on its curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spec: KeySpec,
    der: Vec<u8>,
}

impl PublicKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5280) of a key of `spec`.
    ///
    /// # Errors
    /// [`KeyError::InvalidPublicKey`] if it is none, [`KeyError::WrongAlgorithm`] if keys of `spec`
    /// have no public half.
    pub fn from_der(spec: KeySpec, der: &[u8]) -> Result<Self, KeyError> {
        if der::read_public_key(der).is_none() {
            return Err(KeyError::InvalidPublicKey);
        }
        match spec {
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => rsa::check_public(spec, der)?,
            KeySpec::EccNistP256
            | KeySpec::EccNistP384
            | KeySpec::EccNistP521
            | KeySpec::EccSecgP256k1 => {
                ec::check_public(spec, der)?;
            }
            KeySpec::EccNistEdwards25519 => ed25519::check_public(der)?,
            KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => {
                mldsa::check_public(spec, der)?
            }
            KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => {
                mlkem::check_public(spec, der)?
            }
            KeySpec::SymmetricDefault
            | KeySpec::Hmac224
            | KeySpec::Hmac256
            | KeySpec::Hmac384
            | KeySpec::Hmac512 => return Err(KeyError::WrongAlgorithm),
        }
        Ok(Self::trusted(spec, der.to_vec()))
    }

    /// A key that the library wrote itself.
    pub(crate) fn trusted(spec: KeySpec, der: Vec<u8>) -> Self {
        Self { spec, der }
    }

    /// The kind of key.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The key as a DER SubjectPublicKeyInfo (RFC 5280): what `GetPublicKey` answers.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Verifies a signature.
    ///
    /// # Errors
    /// [`KeyError::InvalidSignature`] if it is not this key's of this message; those of
    /// [`crate::Material::sign`] if the algorithm does not fit.
    pub fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message: ToSign<'_>,
        signature: &[u8],
    ) -> Result<(), KeyError> {
        if !self.spec.signs_with(algorithm) {
            return Err(KeyError::WrongAlgorithm);
        }
        match self.spec {
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => {
                rsa::verify(&self.der, algorithm, message, signature)
            }
            KeySpec::EccNistEdwards25519 => {
                ed25519::verify(&self.der, algorithm, message, signature)
            }
            KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => {
                mldsa::verify(self.spec, &self.der, message, signature)
            }
            _ => ec::verify(self.spec, &self.der, algorithm, message, signature),
        }
    }

    /// Encrypts with RSA OAEP.
    ///
    /// # Errors
    /// [`KeyError::MessageTooLong`] over the modulus less twice the hash and two bytes;
    /// [`KeyError::WrongAlgorithm`] if the key or the algorithm is another.
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        if !self.spec.encrypts_with(algorithm) {
            return Err(KeyError::WrongAlgorithm);
        }
        rsa::encrypt(&self.der, algorithm, plaintext)
    }

    /// A fresh shared secret of 32 bytes, after the ciphertext that gives it to the key's holder.
    /// The randomness is aws-lc's own.
    ///
    /// # Errors
    /// [`KeyError::WrongAlgorithm`] if the key is not one of ML-KEM.
    pub fn encapsulate(
        &self,
        algorithm: EncapsulationAlgorithm,
    ) -> Result<(Vec<u8>, Secret), KeyError> {
        match algorithm {
            EncapsulationAlgorithm::MlKem => mlkem::encapsulate(self.spec, &self.der),
        }
    }
}
