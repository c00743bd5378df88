//! Key material made elsewhere: how it comes in encrypted, and what it must be.
//!
//! `GetParametersForImport` hands out the public half of a [`WrappingKey`]; what was encrypted to
//! it is opened with [`WrappingKey::open`] and read by [`read`]. Symmetric and HMAC keys come raw,
//! asymmetric ones as the DER PKCS#8 of the private key alone, of which the public half is computed.
//!
//! Two ways of encrypting: `RSAES_OAEP_*` encrypts the material itself. `RSA_AES_KEY_WRAP_*`
//! (PKCS#11's `CKM_RSA_AES_KEY_WRAP`) encrypts a 256-bit AES key, and wraps the material, of any
//! length, with that (RFC 5649); the two follow each other.
//!
//! ```
//! use palisade_keyring::spec::{EncryptionAlgorithm, KeySpec, WrappingAlgorithm, WrappingKeySpec};
//! use palisade_keyring::{WrappingKey, import};
//!
//! let (wrapping, algorithm) = (WrappingKeySpec::Rsa2048, WrappingAlgorithm::RsaesOaepSha256);
//! import::check(KeySpec::SymmetricDefault, wrapping, algorithm)?;
//! let key = WrappingKey::generate(wrapping)?;
//!
//! let encrypted = key.public_key().encrypt(EncryptionAlgorithm::RsaesOaepSha256, &[7; 32])?;
//!
//! let plaintext = key.open(algorithm, &encrypted)?;
//! let material = import::read(KeySpec::SymmetricDefault, plaintext.expose())?;
//! assert_eq!(material.symmetric_key(), Some(&[7; 32]));
//! # Ok::<(), palisade_keyring::KeyError>(())
//! ```

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use zeroize::Zeroize;

use crate::algorithm::rsa::RsaKey;
use crate::spec::{EncryptionAlgorithm, KeySpec, WrappingAlgorithm, WrappingKeySpec};
use crate::{KeyError, Material, PublicKey, Secret};

/// The greatest encrypted material, in bytes (the model's bound of `EncryptedKeyMaterial`).
pub const MAX_ENCRYPTED: usize = 6144;

/// Whether material of `spec` may come encrypted by `algorithm` to a key of `wrapping`: the rules
/// of the model's text on `GetParametersForImport`.
///
/// # Errors
/// [`KeyError::WrongAlgorithm`] if it may not: RSA private keys come by `RSA_AES_KEY_WRAP_*` only;
/// symmetric and HMAC keys by `RSAES_OAEP_*` only; a P-521 private key does not fit `RSA_2048`.
pub fn check(
    spec: KeySpec,
    wrapping: WrappingKeySpec,
    algorithm: WrappingAlgorithm,
) -> Result<(), KeyError> {
    use KeySpec as K;
    let wrapped = Scheme::of(algorithm).wrapped;
    let allowed = match spec {
        K::Rsa2048 | K::Rsa3072 | K::Rsa4096 => wrapped,
        K::EccNistP521 => wrapped || wrapping != WrappingKeySpec::Rsa2048,
        K::SymmetricDefault | K::Hmac224 | K::Hmac256 | K::Hmac384 | K::Hmac512 => !wrapped,
        K::EccNistP256 | K::EccNistP384 | K::EccSecgP256k1 | K::EccNistEdwards25519 => true,
        K::MlDsa44 | K::MlDsa65 | K::MlDsa87 | K::MlKem512 | K::MlKem768 | K::MlKem1024 => true,
    };
    allowed.then_some(()).ok_or(KeyError::WrongAlgorithm)
}

/// Reads opened key material for a key of `spec`.
///
/// # Errors
/// [`KeyError::InvalidMaterial`] if it is none: a symmetric key has 32 bytes, an HMAC key as many
/// as its hash, an asymmetric one is the PKCS#8 of a private key of exactly this kind.
pub fn read(spec: KeySpec, plaintext: &[u8]) -> Result<Material, KeyError> {
    if spec.is_asymmetric() {
        return Material::from_private_key_pkcs8(spec, plaintext);
    }
    Material::from_secret_bytes(spec, plaintext)
}

/// An RSA key pair to encrypt key material to. Without `Debug`, `Clone` or `Serialize`.
pub struct WrappingKey {
    spec: WrappingKeySpec,
    key: RsaKey,
    public: PublicKey,
}

impl WrappingKey {
    /// Makes a key pair, with aws-lc's own generator. It takes its time: up to seconds.
    ///
    /// # Errors
    /// [`KeyError::Internal`] if the library fails.
    pub fn generate(spec: WrappingKeySpec) -> Result<Self, KeyError> {
        Self::of(spec, RsaKey::generate(spec.key_spec())?)
    }

    /// The secret to keep until the material comes: PKCS#8.
    ///
    /// # Errors
    /// [`KeyError::Internal`] if the library fails.
    pub fn to_secret_bytes(&self) -> Result<Secret, KeyError> {
        self.key.pkcs8()
    }

    /// Reads what [`Self::to_secret_bytes`] wrote.
    ///
    /// # Errors
    /// [`KeyError::InvalidMaterial`] if the bytes are no secret of a key of `spec`.
    pub fn from_secret_bytes(spec: WrappingKeySpec, bytes: &[u8]) -> Result<Self, KeyError> {
        Self::of(spec, RsaKey::from_pkcs8(spec.key_spec(), bytes)?)
    }

    fn of(spec: WrappingKeySpec, key: RsaKey) -> Result<Self, KeyError> {
        let public = PublicKey::trusted(spec.key_spec(), key.public_key()?);
        Ok(Self { spec, key, public })
    }

    /// The kind of key.
    #[must_use]
    pub const fn spec(&self) -> WrappingKeySpec {
        self.spec
    }

    /// What `GetParametersForImport` answers as `PublicKey`, in [`PublicKey::der`].
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Opens key material that was encrypted to this key.
    ///
    /// # Errors
    /// [`KeyError::InvalidCiphertext`] for whatever reason it does not open.
    pub fn open(&self, algorithm: WrappingAlgorithm, encrypted: &[u8]) -> Result<Secret, KeyError> {
        if encrypted.len() > MAX_ENCRYPTED {
            return Err(KeyError::InvalidCiphertext);
        }
        let scheme = Scheme::of(algorithm);
        if !scheme.wrapped {
            return self.key.decrypt(scheme.oaep, encrypted);
        }
        let (kek, wrapped) = encrypted
            .split_at_checked(self.key.modulus_len())
            .ok_or(KeyError::InvalidCiphertext)?;
        unwrap(&self.key.decrypt(scheme.oaep, kek)?, wrapped)
    }
}

/// Undoes AES key wrap with padding (RFC 5649). aws-lc-rs copies the key-encryption key and does
/// not overwrite its copy; the key is of no use but for this one message.
fn unwrap(kek: &Secret, wrapped: &[u8]) -> Result<Secret, KeyError> {
    let kek = AesKek::new(&AES_256, kek.expose()).map_err(|_| KeyError::InvalidCiphertext)?;
    let mut plaintext = vec![0; wrapped.len()];
    match kek
        .unwrap_with_padding(wrapped, &mut plaintext)
        .map(|opened| opened.len())
    {
        Ok(length) => {
            plaintext.truncate(length);
            Ok(Secret::from(plaintext))
        }
        Err(_) => {
            plaintext.zeroize();
            Err(KeyError::InvalidCiphertext)
        }
    }
}

/// What a wrapping algorithm is made of.
struct Scheme {
    oaep: EncryptionAlgorithm,
    /// Whether OAEP encrypts a key that wraps the material, not the material itself.
    wrapped: bool,
}

impl Scheme {
    const fn of(algorithm: WrappingAlgorithm) -> Self {
        use EncryptionAlgorithm::{RsaesOaepSha1, RsaesOaepSha256};
        let (oaep, wrapped) = match algorithm {
            WrappingAlgorithm::RsaesOaepSha1 => (RsaesOaepSha1, false),
            WrappingAlgorithm::RsaesOaepSha256 => (RsaesOaepSha256, false),
            WrappingAlgorithm::RsaAesKeyWrapSha1 => (RsaesOaepSha1, true),
            WrappingAlgorithm::RsaAesKeyWrapSha256 => (RsaesOaepSha256, true),
        };
        Self { oaep, wrapped }
    }
}
