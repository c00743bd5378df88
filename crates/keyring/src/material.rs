//! The secret of one key, of any kind.

use zeroize::Zeroizing;

use crate::algorithm::ToSign;
use crate::algorithm::ec::EcKey;
use crate::algorithm::ed25519::EdKey;
use crate::algorithm::hmac::{self, HmacKey};
use crate::algorithm::mldsa::MlDsaKey;
use crate::algorithm::mlkem::{self, MlKemKey};
use crate::algorithm::rsa::RsaKey;
use crate::secret::kept;
use crate::spec::{
    EncapsulationAlgorithm, EncryptionAlgorithm, KeyAgreementAlgorithm, KeySpec, MacAlgorithm,
    SigningAlgorithm,
};
use crate::{KeyError, PublicKey, Random, Secret};

/// The secret of one key, checked and ready to use. Overwritten when dropped, by us or by aws-lc;
/// without `Debug`, `Clone` or `Serialize`.
///
/// ```compile_fail
/// fn debug(_: impl std::fmt::Debug) {}
/// fn leak(material: palisade_keyring::Material) { debug(material) }
/// ```
pub struct Material {
    spec: KeySpec,
    key: Key,
    public: Option<PublicKey>,
}

enum Key {
    Symmetric(Box<Zeroizing<[u8; 32]>>),
    Hmac(Box<HmacKey>),
    Rsa(Box<RsaKey>),
    Ec(Box<EcKey>),
    Ed25519(Box<EdKey>),
    MlDsa(Box<MlDsaKey>),
    MlKem(Box<MlKemKey>),
}

impl Material {
    /// Makes a key. Symmetric, HMAC, Ed25519, ML-DSA and ML-KEM keys are made of `random`; for
    /// RSA and the other curves aws-lc draws from its own generator. RSA takes its time: up to
    /// seconds for `RSA_4096`.
    ///
    /// # Errors
    /// [`KeyError::Internal`] if the library fails.
    pub fn generate(spec: KeySpec, random: &mut dyn Random) -> Result<Self, KeyError> {
        let mut draw = |length| {
            let mut bytes = Zeroizing::new(vec![0; length]);
            random.fill(&mut bytes);
            Self::from_secret_bytes(spec, &bytes)
        };
        match spec {
            KeySpec::SymmetricDefault | KeySpec::EccNistEdwards25519 => draw(32),
            KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => draw(32),
            KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => {
                draw(hmac::length(spec)?)
            }
            KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => draw(mlkem::SEED),
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => {
                Self::of(spec, Key::Rsa(Box::new(RsaKey::generate(spec)?)))
            }
            KeySpec::EccNistP256
            | KeySpec::EccNistP384
            | KeySpec::EccNistP521
            | KeySpec::EccSecgP256k1 => Self::of(spec, Key::Ec(Box::new(EcKey::generate(spec)?))),
        }
    }

    /// The secret as the hierarchy keeps it: raw for symmetric and HMAC keys, the seed for
    /// Ed25519, ML-DSA and ML-KEM, PKCS#8 for RSA and the other curves. [`Self::from_secret_bytes`]
    /// reads it for ever.
    ///
    /// # Errors
    /// [`KeyError::Internal`] if the library fails.
    pub fn to_secret_bytes(&self) -> Result<Secret, KeyError> {
        match &self.key {
            Key::Symmetric(key) => Ok(Secret::from(key.to_vec())),
            Key::Hmac(key) => Ok(Secret::from(key.secret().expose().to_vec())),
            Key::Rsa(key) => key.pkcs8(),
            Key::Ec(key) => key.pkcs8(),
            Key::Ed25519(key) => Ok(key.seed()),
            Key::MlDsa(key) => Ok(key.seed()),
            Key::MlKem(key) => Ok(key.seed()),
        }
    }

    /// Reads what [`Self::to_secret_bytes`] wrote.
    ///
    /// # Errors
    /// [`KeyError::InvalidMaterial`] if the bytes are no secret of a key of `spec`.
    pub fn from_secret_bytes(spec: KeySpec, bytes: &[u8]) -> Result<Self, KeyError> {
        let key = match spec {
            KeySpec::SymmetricDefault => {
                Key::Symmetric(kept(bytes).ok_or(KeyError::InvalidMaterial)?)
            }
            KeySpec::Hmac224 | KeySpec::Hmac256 | KeySpec::Hmac384 | KeySpec::Hmac512 => {
                Key::Hmac(Box::new(HmacKey::new(spec, bytes)?))
            }
            KeySpec::EccNistEdwards25519 => Key::Ed25519(Box::new(EdKey::from_seed(bytes)?)),
            KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => {
                Key::MlDsa(Box::new(MlDsaKey::from_seed(spec, bytes)?))
            }
            KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => {
                Key::MlKem(Box::new(MlKemKey::from_seed(spec, bytes)?))
            }
            _ => return Self::from_private_key_pkcs8(spec, bytes),
        };
        Self::of(spec, key)
    }

    /// Reads a private key in DER PKCS#8 (RFC 5958): what is imported for an asymmetric key. One
    /// of ML-DSA or ML-KEM must hold the seed, alone or with the expanded key.
    ///
    /// # Errors
    /// [`KeyError::InvalidMaterial`] if it is none of a key of `spec`;
    /// [`KeyError::WrongAlgorithm`] if keys of `spec` have no public half.
    pub fn from_private_key_pkcs8(spec: KeySpec, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let key = match spec {
            KeySpec::Rsa2048 | KeySpec::Rsa3072 | KeySpec::Rsa4096 => {
                Key::Rsa(Box::new(RsaKey::from_pkcs8(spec, pkcs8)?))
            }
            KeySpec::EccNistP256
            | KeySpec::EccNistP384
            | KeySpec::EccNistP521
            | KeySpec::EccSecgP256k1 => Key::Ec(Box::new(EcKey::from_pkcs8(spec, pkcs8)?)),
            KeySpec::EccNistEdwards25519 => Key::Ed25519(Box::new(EdKey::from_pkcs8(pkcs8)?)),
            KeySpec::MlDsa44 | KeySpec::MlDsa65 | KeySpec::MlDsa87 => {
                Key::MlDsa(Box::new(MlDsaKey::from_pkcs8(spec, pkcs8)?))
            }
            KeySpec::MlKem512 | KeySpec::MlKem768 | KeySpec::MlKem1024 => {
                Key::MlKem(Box::new(MlKemKey::from_pkcs8(spec, pkcs8)?))
            }
            KeySpec::SymmetricDefault
            | KeySpec::Hmac224
            | KeySpec::Hmac256
            | KeySpec::Hmac384
            | KeySpec::Hmac512 => return Err(KeyError::WrongAlgorithm),
        };
        Self::of(spec, key)
    }

    fn of(spec: KeySpec, key: Key) -> Result<Self, KeyError> {
        let der = match &key {
            Key::Symmetric(_) | Key::Hmac(_) => None,
            Key::Rsa(key) => Some(key.public_key()?),
            Key::Ec(key) => Some(key.public_key()?),
            Key::Ed25519(key) => Some(key.public_key()?),
            Key::MlDsa(key) => Some(key.public_key()?),
            Key::MlKem(key) => Some(key.public_key()),
        };
        let public = der.map(|der| PublicKey::trusted(spec, der));
        Ok(Self { spec, key, public })
    }

    /// The kind of key.
    #[must_use]
    pub const fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The public half, if keys of this kind have one.
    #[must_use]
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.public.as_ref()
    }

    /// The private key in DER PKCS#8 (RFC 5958): what `GenerateDataKeyPair` answers. ML-DSA and
    /// ML-KEM keys are in their seed form.
    ///
    /// # Errors
    /// [`KeyError::WrongAlgorithm`] if the key has no public half.
    pub fn private_key_pkcs8(&self) -> Result<Secret, KeyError> {
        match &self.key {
            Key::Symmetric(_) | Key::Hmac(_) => Err(KeyError::WrongAlgorithm),
            Key::Rsa(key) => key.pkcs8(),
            Key::Ec(key) => key.pkcs8(),
            Key::Ed25519(key) => key.pkcs8(),
            Key::MlDsa(key) => key.pkcs8(),
            Key::MlKem(key) => Ok(key.pkcs8()),
        }
    }

    /// The key of `SYMMETRIC_DEFAULT`, to derive the key of each message from.
    #[must_use]
    pub fn symmetric_key(&self) -> Option<&[u8; 32]> {
        match &self.key {
            Key::Symmetric(key) => Some(key),
            _ => None,
        }
    }

    /// Signs. ECDSA signatures are in DER; a PSS salt is as long as the hash; ML-DSA is hedged.
    ///
    /// # Errors
    /// [`KeyError::WrongAlgorithm`] if the key does not sign with `algorithm`,
    /// [`KeyError::WrongMessageType`] if the algorithm does not take such a message,
    /// [`KeyError::DigestLength`] if a digest or μ has another length than its own.
    pub fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message: ToSign<'_>,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, KeyError> {
        if !self.spec.signs_with(algorithm) {
            return Err(KeyError::WrongAlgorithm);
        }
        match &self.key {
            Key::Rsa(key) => key.sign(algorithm, message),
            Key::Ec(key) => key.sign(algorithm, message),
            Key::Ed25519(key) => key.sign(algorithm, message),
            Key::MlDsa(key) => key.sign(message, random),
            Key::Symmetric(_) | Key::Hmac(_) | Key::MlKem(_) => Err(KeyError::WrongAlgorithm),
        }
    }

    /// Verifies a signature, with the public half.
    ///
    /// # Errors
    /// Those of [`PublicKey::verify`].
    pub fn verify(
        &self,
        algorithm: SigningAlgorithm,
        message: ToSign<'_>,
        signature: &[u8],
    ) -> Result<(), KeyError> {
        let public = self.public.as_ref().ok_or(KeyError::WrongAlgorithm)?;
        public.verify(algorithm, message, signature)
    }

    /// Encrypts with RSA OAEP. (What `SYMMETRIC_DEFAULT` does is in the module of ciphertexts.)
    ///
    /// # Errors
    /// Those of [`PublicKey::encrypt`].
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let public = self.public.as_ref().ok_or(KeyError::WrongAlgorithm)?;
        public.encrypt(algorithm, plaintext)
    }

    /// Decrypts what was encrypted with RSA OAEP.
    ///
    /// # Errors
    /// [`KeyError::InvalidCiphertext`] for whatever reason it does not open;
    /// [`KeyError::WrongAlgorithm`] if the key or the algorithm is another.
    pub fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Secret, KeyError> {
        match &self.key {
            Key::Rsa(key) => key.decrypt(algorithm, ciphertext),
            _ => Err(KeyError::WrongAlgorithm),
        }
    }

    /// The HMAC of a message.
    ///
    /// # Errors
    /// [`KeyError::WrongAlgorithm`] if the key does not go with `algorithm`.
    pub fn mac(&self, algorithm: MacAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        match &self.key {
            Key::Hmac(key) => key.mac(algorithm, message),
            _ => Err(KeyError::WrongAlgorithm),
        }
    }

    /// Verifies the HMAC of a message, in constant time.
    ///
    /// # Errors
    /// [`KeyError::InvalidMac`] if it is not this key's of this message;
    /// [`KeyError::WrongAlgorithm`] if the key does not go with `algorithm`.
    pub fn verify_mac(
        &self,
        algorithm: MacAlgorithm,
        message: &[u8],
        mac: &[u8],
    ) -> Result<(), KeyError> {
        match &self.key {
            Key::Hmac(key) => key.verify(algorithm, message, mac),
            _ => Err(KeyError::WrongAlgorithm),
        }
    }

    /// The raw secret shared with the holder of `peer`, a DER SubjectPublicKeyInfo: the x
    /// coordinate, as long as the curve's field. Without key derivation, as the API gives it.
    ///
    /// # Errors
    /// [`KeyError::InvalidPublicKey`] if `peer` is not a point on this key's curve;
    /// [`KeyError::WrongAlgorithm`] if the key is not on a NIST curve.
    pub fn agree(&self, algorithm: KeyAgreementAlgorithm, peer: &[u8]) -> Result<Secret, KeyError> {
        match (&self.key, algorithm) {
            (Key::Ec(key), KeyAgreementAlgorithm::Ecdh) => key.agree(peer),
            _ => Err(KeyError::WrongAlgorithm),
        }
    }

    /// A fresh shared secret after its ciphertext, with the public half.
    ///
    /// # Errors
    /// Those of [`PublicKey::encapsulate`].
    pub fn encapsulate(
        &self,
        algorithm: EncapsulationAlgorithm,
    ) -> Result<(Vec<u8>, Secret), KeyError> {
        let public = self.public.as_ref().ok_or(KeyError::WrongAlgorithm)?;
        public.encapsulate(algorithm)
    }

    /// The shared secret in a ciphertext. A ciphertext of the right length that was not made for
    /// this key gives another secret, not an error (implicit rejection).
    ///
    /// # Errors
    /// [`KeyError::InvalidCiphertext`] if its length is another;
    /// [`KeyError::WrongAlgorithm`] if the key is not one of ML-KEM.
    pub fn decapsulate(
        &self,
        algorithm: EncapsulationAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Secret, KeyError> {
        match (&self.key, algorithm) {
            (Key::MlKem(key), EncapsulationAlgorithm::MlKem) => key.decapsulate(ciphertext),
            _ => Err(KeyError::WrongAlgorithm),
        }
    }
}
