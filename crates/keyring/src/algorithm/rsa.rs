//! RSA: OAEP, and PKCS#1 v1.5 and PSS signatures with a salt as long as the hash.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm,
    OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{self, KeyPair as _, RsaEncoding, RsaParameters, UnparsedPublicKey};
use zeroize::Zeroize;

use super::{ToSign, digest_of};
use crate::spec::{EncryptionAlgorithm, KeySpec, SigningAlgorithm};
use crate::{KeyError, Secret, der};

/// An RSA key pair.
pub(crate) struct RsaKey {
    pair: KeyPair,
    /// The same key as the library wants it for OAEP, read when it is first needed.
    oaep: OnceLock<OaepPrivateDecryptingKey>,
}

impl RsaKey {
    pub(crate) fn generate(spec: KeySpec) -> Result<Self, KeyError> {
        let size = match spec {
            KeySpec::Rsa2048 => KeySize::Rsa2048,
            KeySpec::Rsa3072 => KeySize::Rsa3072,
            KeySpec::Rsa4096 => KeySize::Rsa4096,
            _ => return Err(KeyError::WrongAlgorithm),
        };
        let pair = KeyPair::generate(size).map_err(|_| KeyError::Internal)?;
        Ok(Self::of(pair))
    }

    /// Reads a PKCS#8 of a key of exactly the size of `spec`; the library checks that its parts
    /// belong together.
    pub(crate) fn from_pkcs8(spec: KeySpec, pkcs8: &[u8]) -> Result<Self, KeyError> {
        if !der::is_one_sequence(pkcs8) {
            return Err(KeyError::InvalidMaterial);
        }
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError::InvalidMaterial)?;
        let key = Self::of(pair);
        check_public(spec, &key.public_key()?).map_err(|_| KeyError::InvalidMaterial)?;
        Ok(key)
    }

    fn of(pair: KeyPair) -> Self {
        let oaep = OnceLock::new();
        Self { pair, oaep }
    }

    pub(crate) fn pkcs8(&self) -> Result<Secret, KeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| KeyError::Internal)?;
        Ok(Secret::from(der.as_ref().to_vec()))
    }

    /// The length of the modulus in bytes: of each signature and ciphertext.
    pub(crate) fn modulus_len(&self) -> usize {
        self.pair.public_modulus_len()
    }

    pub(crate) fn public_key(&self) -> Result<Vec<u8>, KeyError> {
        super::public_der(self.pair.public_key())
    }

    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        message: ToSign<'_>,
    ) -> Result<Vec<u8>, KeyError> {
        let scheme = Scheme::of(algorithm)?;
        let mut signature = vec![0; self.modulus_len()];
        match message {
            ToSign::Raw(message) => {
                self.pair
                    .sign(scheme.sign, &SystemRandom::new(), message, &mut signature)
            }
            ToSign::Digest(digest) => {
                let digest = digest_of(digest, scheme.digest)?;
                self.pair.sign_digest(scheme.sign, &digest, &mut signature)
            }
            ToSign::ExternalMu(_) => return Err(KeyError::WrongMessageType),
        }
        .map_err(|_| KeyError::Internal)?;
        Ok(signature)
    }

    pub(crate) fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        ciphertext: &[u8],
    ) -> Result<Secret, KeyError> {
        let padding = padding(algorithm)?;
        let private = self.oaep()?;
        let mut plaintext = vec![0; private.min_output_size()];
        let length = match private.decrypt(padding, ciphertext, &mut plaintext, None) {
            Ok(opened) => opened.len(),
            Err(_) => {
                plaintext.zeroize();
                return Err(KeyError::InvalidCiphertext);
            }
        };
        // A shorter copy would leave the bytes in the longer one: cut, never moved.
        plaintext.truncate(length);
        Ok(Secret::from(plaintext))
    }

    fn oaep(&self) -> Result<&OaepPrivateDecryptingKey, KeyError> {
        if let Some(oaep) = self.oaep.get() {
            return Ok(oaep);
        }
        let pkcs8 = self.pkcs8()?;
        let private =
            PrivateDecryptingKey::from_pkcs8(pkcs8.expose()).map_err(|_| KeyError::Internal)?;
        let private = OaepPrivateDecryptingKey::new(private).map_err(|_| KeyError::Internal)?;
        Ok(self.oaep.get_or_init(|| private))
    }
}

/// Checks that `der`, a SubjectPublicKeyInfo, is a key of exactly the size of `spec`.
pub(crate) fn check_public(spec: KeySpec, der: &[u8]) -> Result<(), KeyError> {
    let public = PublicEncryptingKey::from_der(der).map_err(|_| KeyError::InvalidPublicKey)?;
    if public.key_size_bits() != modulus_bits(spec)? {
        return Err(KeyError::InvalidPublicKey);
    }
    Ok(())
}

/// Verifies with `der`, a SubjectPublicKeyInfo.
pub(crate) fn verify(
    der: &[u8],
    algorithm: SigningAlgorithm,
    message: ToSign<'_>,
    signature: &[u8],
) -> Result<(), KeyError> {
    let scheme = Scheme::of(algorithm)?;
    let public = UnparsedPublicKey::new(scheme.verify, der);
    match message {
        ToSign::Raw(message) => public.verify(message, signature),
        ToSign::Digest(digest) => {
            public.verify_digest(&digest_of(digest, scheme.digest)?, signature)
        }
        ToSign::ExternalMu(_) => return Err(KeyError::WrongMessageType),
    }
    .map_err(|_| KeyError::InvalidSignature)
}

/// Encrypts with `der`, a SubjectPublicKeyInfo.
pub(crate) fn encrypt(
    der: &[u8],
    algorithm: EncryptionAlgorithm,
    plaintext: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let padding = padding(algorithm)?;
    let public = PublicEncryptingKey::from_der(der).map_err(|_| KeyError::InvalidPublicKey)?;
    let public = OaepPublicEncryptingKey::new(public).map_err(|_| KeyError::InvalidPublicKey)?;
    let limit = public.max_plaintext_size(padding);
    if plaintext.len() > limit {
        return Err(KeyError::MessageTooLong { limit });
    }
    let mut ciphertext = vec![0; public.ciphertext_size()];
    let written = public.encrypt(padding, plaintext, &mut ciphertext, None);
    let length = written.map_err(|_| KeyError::Internal)?.len();
    ciphertext.truncate(length);
    Ok(ciphertext)
}

/// The size of the modulus of a key of `spec`, in bits.
fn modulus_bits(spec: KeySpec) -> Result<usize, KeyError> {
    match spec {
        KeySpec::Rsa2048 => Ok(2048),
        KeySpec::Rsa3072 => Ok(3072),
        KeySpec::Rsa4096 => Ok(4096),
        _ => Err(KeyError::WrongAlgorithm),
    }
}

/// How the library names a signing algorithm.
struct Scheme {
    sign: &'static dyn RsaEncoding,
    verify: &'static RsaParameters,
    digest: &'static aws_lc_rs::digest::Algorithm,
}

impl Scheme {
    fn of(algorithm: SigningAlgorithm) -> Result<Self, KeyError> {
        use SigningAlgorithm as S;
        use aws_lc_rs::digest::{SHA256, SHA384, SHA512};
        let (sign, verify, digest): (&'static dyn RsaEncoding, _, _) = match algorithm {
            S::RsassaPssSha256 => (
                &signature::RSA_PSS_SHA256,
                &signature::RSA_PSS_2048_8192_SHA256,
                &SHA256,
            ),
            S::RsassaPssSha384 => (
                &signature::RSA_PSS_SHA384,
                &signature::RSA_PSS_2048_8192_SHA384,
                &SHA384,
            ),
            S::RsassaPssSha512 => (
                &signature::RSA_PSS_SHA512,
                &signature::RSA_PSS_2048_8192_SHA512,
                &SHA512,
            ),
            S::RsassaPkcs1V15Sha256 => (
                &signature::RSA_PKCS1_SHA256,
                &signature::RSA_PKCS1_2048_8192_SHA256,
                &SHA256,
            ),
            S::RsassaPkcs1V15Sha384 => (
                &signature::RSA_PKCS1_SHA384,
                &signature::RSA_PKCS1_2048_8192_SHA384,
                &SHA384,
            ),
            S::RsassaPkcs1V15Sha512 => (
                &signature::RSA_PKCS1_SHA512,
                &signature::RSA_PKCS1_2048_8192_SHA512,
                &SHA512,
            ),
            _ => return Err(KeyError::WrongAlgorithm),
        };
        Ok(Self {
            sign,
            verify,
            digest,
        })
    }
}

fn padding(algorithm: EncryptionAlgorithm) -> Result<&'static OaepAlgorithm, KeyError> {
    match algorithm {
        EncryptionAlgorithm::RsaesOaepSha1 => Ok(&OAEP_SHA1_MGF1SHA1),
        EncryptionAlgorithm::RsaesOaepSha256 => Ok(&OAEP_SHA256_MGF1SHA256),
        EncryptionAlgorithm::SymmetricDefault => Err(KeyError::WrongAlgorithm),
    }
}
