//! Elliptic curves: ECDSA with signatures in DER, and ECDH on the NIST curves.

use std::sync::OnceLock;

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521, ParsedPublicKey, PrivateKey};
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, KeyPair as _,
    UnparsedPublicKey,
};

use super::{ToSign, digest_of};
use crate::spec::{KeySpec, SigningAlgorithm};
use crate::{KeyError, Secret, der};

/// A key pair on one of the curves.
pub(crate) struct EcKey {
    curve: Curve,
    pair: EcdsaKeyPair,
    /// The same key as the library wants it for ECDH, read when it is first needed.
    agreeing: OnceLock<PrivateKey>,
}

impl EcKey {
    pub(crate) fn generate(spec: KeySpec) -> Result<Self, KeyError> {
        let curve = Curve::of(spec)?;
        let pair = EcdsaKeyPair::generate(curve.sign).map_err(|_| KeyError::Internal)?;
        Ok(Self::of(curve, pair))
    }

    /// Reads a PKCS#8 of a key on the curve of `spec`; the library checks the scalar's range, and
    /// the public point where there is one.
    pub(crate) fn from_pkcs8(spec: KeySpec, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let curve = Curve::of(spec)?;
        if der::private_key_algorithm(pkcs8) != Some(curve.identifier().as_slice()) {
            return Err(KeyError::InvalidMaterial);
        }
        let pair =
            EcdsaKeyPair::from_pkcs8(curve.sign, pkcs8).map_err(|_| KeyError::InvalidMaterial)?;
        Ok(Self::of(curve, pair))
    }

    fn of(curve: Curve, pair: EcdsaKeyPair) -> Self {
        let agreeing = OnceLock::new();
        Self {
            curve,
            pair,
            agreeing,
        }
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
        self.curve.check(algorithm)?;
        let signature = match message {
            ToSign::Raw(message) => self.pair.sign(&SystemRandom::new(), message),
            ToSign::Digest(digest) => self
                .pair
                .sign_digest(&digest_of(digest, self.curve.digest)?),
            ToSign::ExternalMu(_) => return Err(KeyError::WrongMessageType),
        };
        Ok(signature.map_err(|_| KeyError::Internal)?.as_ref().to_vec())
    }

    /// The raw secret (the shared point's x coordinate) with the holder of `peer`, a DER
    /// SubjectPublicKeyInfo: of the same curve, on the curve, and not the point at infinity.
    pub(crate) fn agree(&self, peer: &[u8]) -> Result<Secret, KeyError> {
        let private = self.agreeing()?;
        let Some(algorithm) = self.curve.agree else {
            return Err(KeyError::WrongAlgorithm);
        };
        self.curve.check_named(peer)?;
        let public = agreement::UnparsedPublicKey::new(algorithm, peer);
        let public = ParsedPublicKey::try_from(public).map_err(|_| KeyError::InvalidPublicKey)?;
        if !matches!(public.format(), agreement::ParsedPublicKeyFormat::X509) {
            return Err(KeyError::InvalidPublicKey);
        }
        agreement::agree(private, public, KeyError::InvalidPublicKey, |secret| {
            Ok(Secret::from(secret.to_vec()))
        })
    }

    fn agreeing(&self) -> Result<&PrivateKey, KeyError> {
        let algorithm = self.curve.agree.ok_or(KeyError::WrongAlgorithm)?;
        if let Some(private) = self.agreeing.get() {
            return Ok(private);
        }
        let pkcs8 = self.pkcs8()?;
        let private = PrivateKey::from_private_key_der(algorithm, pkcs8.expose())
            .map_err(|_| KeyError::Internal)?;
        Ok(self.agreeing.get_or_init(|| private))
    }
}

/// Checks that `der`, a SubjectPublicKeyInfo, is a point on the curve of `spec`.
pub(crate) fn check_public(spec: KeySpec, der: &[u8]) -> Result<(), KeyError> {
    let curve = Curve::of(spec)?;
    curve.check_named(der)?;
    UnparsedPublicKey::new(curve.verify, der)
        .parse()
        .map(|_| ())
        .map_err(|_| KeyError::InvalidPublicKey)
}

/// Verifies with `der`, a SubjectPublicKeyInfo of a point on the curve of `spec`.
pub(crate) fn verify(
    spec: KeySpec,
    der: &[u8],
    algorithm: SigningAlgorithm,
    message: ToSign<'_>,
    signature: &[u8],
) -> Result<(), KeyError> {
    let curve = Curve::of(spec)?;
    curve.check(algorithm)?;
    let public = UnparsedPublicKey::new(curve.verify, der);
    match message {
        ToSign::Raw(message) => public.verify(message, signature),
        ToSign::Digest(digest) => {
            public.verify_digest(&digest_of(digest, curve.digest)?, signature)
        }
        ToSign::ExternalMu(_) => return Err(KeyError::WrongMessageType),
    }
    .map_err(|_| KeyError::InvalidSignature)
}

/// A curve with the one hash that goes with it, as the library names them.
struct Curve {
    oid: &'static [u8],
    sign: &'static EcdsaSigningAlgorithm,
    verify: &'static EcdsaVerificationAlgorithm,
    digest: &'static digest::Algorithm,
    algorithm: SigningAlgorithm,
    agree: Option<&'static agreement::Algorithm>,
}

impl Curve {
    fn of(spec: KeySpec) -> Result<Self, KeyError> {
        match spec {
            KeySpec::EccNistP256 => Ok(Self {
                oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
                sign: &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
                verify: &signature::ECDSA_P256_SHA256_ASN1,
                digest: &digest::SHA256,
                algorithm: SigningAlgorithm::EcdsaSha256,
                agree: Some(&ECDH_P256),
            }),
            KeySpec::EccNistP384 => Ok(Self {
                oid: &[0x2b, 0x81, 0x04, 0x00, 0x22],
                sign: &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
                verify: &signature::ECDSA_P384_SHA384_ASN1,
                digest: &digest::SHA384,
                algorithm: SigningAlgorithm::EcdsaSha384,
                agree: Some(&ECDH_P384),
            }),
            KeySpec::EccNistP521 => Ok(Self {
                oid: &[0x2b, 0x81, 0x04, 0x00, 0x23],
                sign: &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
                verify: &signature::ECDSA_P521_SHA512_ASN1,
                digest: &digest::SHA512,
                algorithm: SigningAlgorithm::EcdsaSha512,
                agree: Some(&ECDH_P521),
            }),
            KeySpec::EccSecgP256k1 => Ok(Self {
                oid: &[0x2b, 0x81, 0x04, 0x00, 0x0a],
                sign: &signature::ECDSA_P256K1_SHA256_ASN1_SIGNING,
                verify: &signature::ECDSA_P256K1_SHA256_ASN1,
                digest: &digest::SHA256,
                algorithm: SigningAlgorithm::EcdsaSha256,
                agree: None,
            }),
            _ => Err(KeyError::WrongAlgorithm),
        }
    }

    /// The algorithm identifier of keys on the curve, by its name (RFC 5480).
    fn identifier(&self) -> Vec<u8> {
        const EC_PUBLIC_KEY: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
        let kind = der::write(der::OID, &[&EC_PUBLIC_KEY]);
        [kind, der::write(der::OID, &[self.oid])].concat()
    }

    /// Checks that a SubjectPublicKeyInfo names the curve. The library also takes one that spells
    /// the curve's parameters out, and does not look at all of them.
    fn check_named(&self, der: &[u8]) -> Result<(), KeyError> {
        match der::read_public_key(der) {
            Some((algorithm, _)) if algorithm == self.identifier() => Ok(()),
            _ => Err(KeyError::InvalidPublicKey),
        }
    }

    fn check(&self, algorithm: SigningAlgorithm) -> Result<(), KeyError> {
        if algorithm == self.algorithm {
            return Ok(());
        }
        Err(KeyError::WrongAlgorithm)
    }
}
