//! ML-DSA (FIPS 204): of a message, or of its representative μ made elsewhere.
//!
//! Messages are signed and verified by aws-lc. It has no way in for μ, so that one is done by the
//! crate `ml-dsa` with the same seed: pure Rust, and **not audited** as of this writing. Both are
//! hedged: each signature takes fresh randomness.

use std::convert::Infallible;

use aws_lc_rs::encoding::{AsRawBytes, PqdsaPrivateKeyRaw};
use aws_lc_rs::signature::{
    KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87,
    ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
    UnparsedPublicKey,
};
use ml_dsa::signature::rand_core::{TryCryptoRng, TryRng};
use ml_dsa::{EncodedSignature, EncodedVerifyingKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams};
use zeroize::Zeroizing;

use super::ToSign;
use crate::der;
use crate::secret::kept;
use crate::spec::KeySpec;
use crate::{KeyError, Random, Secret};

/// The length of μ in bytes.
const MU: usize = 64;

/// An ML-DSA key pair.
pub(crate) struct MlDsaKey {
    spec: KeySpec,
    seed: Box<Zeroizing<[u8; 32]>>,
    pair: PqdsaKeyPair,
}

impl MlDsaKey {
    pub(crate) fn from_seed(spec: KeySpec, seed: &[u8]) -> Result<Self, KeyError> {
        let seed = kept(seed).ok_or(KeyError::InvalidMaterial)?;
        let pair = PqdsaKeyPair::from_seed(signing(spec)?, &seed[..])
            .map_err(|_| KeyError::InvalidMaterial)?;
        Ok(Self { spec, seed, pair })
    }

    /// Reads a PKCS#8 (RFC 9881) that holds the seed, alone or with the expanded key, which must
    /// then be that seed's. An expanded key alone is refused: μ is signed from the seed.
    pub(crate) fn from_pkcs8(spec: KeySpec, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let key = der::read_private_key(pkcs8, oid(spec)?).ok_or(KeyError::InvalidMaterial)?;
        let (seed, expanded) = der::read_seed(key).ok_or(KeyError::InvalidMaterial)?;
        let this = Self::from_seed(spec, seed)?;
        match expanded {
            Some(expanded) if !this.expanded()?.matches(expanded) => Err(KeyError::InvalidMaterial),
            _ => Ok(this),
        }
    }

    fn expanded(&self) -> Result<Secret, KeyError> {
        let expanded = self.pair.private_key().as_raw_bytes();
        let expanded: PqdsaPrivateKeyRaw<'_> = expanded.map_err(|_| KeyError::Internal)?;
        Ok(Secret::from(expanded.as_ref().to_vec()))
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
        message: ToSign<'_>,
        random: &mut dyn Random,
    ) -> Result<Vec<u8>, KeyError> {
        match message {
            ToSign::Raw(message) => {
                let mut signature = vec![0; signing(self.spec)?.signature_len()];
                let length = self
                    .pair
                    .sign(message, &mut signature)
                    .map_err(|_| KeyError::Internal)?;
                signature.truncate(length);
                Ok(signature)
            }
            ToSign::ExternalMu(mu) => match self.spec {
                KeySpec::MlDsa44 => sign_mu::<MlDsa44>(&self.seed, mu, random),
                KeySpec::MlDsa65 => sign_mu::<MlDsa65>(&self.seed, mu, random),
                KeySpec::MlDsa87 => sign_mu::<MlDsa87>(&self.seed, mu, random),
                _ => Err(KeyError::WrongAlgorithm),
            },
            ToSign::Digest(_) => Err(KeyError::WrongMessageType),
        }
    }
}

/// Checks that `der`, a SubjectPublicKeyInfo, is a key of `spec`.
pub(crate) fn check_public(spec: KeySpec, der: &[u8]) -> Result<(), KeyError> {
    UnparsedPublicKey::new(verification(spec)?, der)
        .parse()
        .map(|_| ())
        .map_err(|_| KeyError::InvalidPublicKey)
}

/// Verifies with `der`, a SubjectPublicKeyInfo of a key of `spec`.
pub(crate) fn verify(
    spec: KeySpec,
    der: &[u8],
    message: ToSign<'_>,
    signature: &[u8],
) -> Result<(), KeyError> {
    match message {
        ToSign::Raw(message) => UnparsedPublicKey::new(verification(spec)?, der)
            .verify(message, signature)
            .map_err(|_| KeyError::InvalidSignature),
        ToSign::ExternalMu(mu) => {
            let (_, key) = der::read_public_key(der).ok_or(KeyError::InvalidPublicKey)?;
            match spec {
                KeySpec::MlDsa44 => verify_mu::<MlDsa44>(key, mu, signature),
                KeySpec::MlDsa65 => verify_mu::<MlDsa65>(key, mu, signature),
                KeySpec::MlDsa87 => verify_mu::<MlDsa87>(key, mu, signature),
                _ => Err(KeyError::WrongAlgorithm),
            }
        }
        ToSign::Digest(_) => Err(KeyError::WrongMessageType),
    }
}

fn sign_mu<P: MlDsaParams>(
    seed: &[u8; 32],
    mu: &[u8],
    random: &mut dyn Random,
) -> Result<Vec<u8>, KeyError> {
    let mu: &[u8; MU] = mu
        .try_into()
        .map_err(|_| KeyError::DigestLength { expected: MU })?;
    let key = ml_dsa::ExpandedSigningKey::<P>::from_seed(seed.into());
    let signature = key.sign_mu_randomized(mu.into(), &mut Drawn(random));
    Ok(signature.map_err(|_| KeyError::Internal)?.encode().to_vec())
}

fn verify_mu<P: MlDsaParams>(key: &[u8], mu: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    let mu: &[u8; MU] = mu
        .try_into()
        .map_err(|_| KeyError::DigestLength { expected: MU })?;
    let key = EncodedVerifyingKey::<P>::try_from(key).map_err(|_| KeyError::InvalidPublicKey)?;
    let signature =
        EncodedSignature::<P>::try_from(signature).map_err(|_| KeyError::InvalidSignature)?;
    let signature = ml_dsa::Signature::<P>::decode(&signature).ok_or(KeyError::InvalidSignature)?;
    let valid = ml_dsa::VerifyingKey::<P>::decode(&key).verify_mu(mu.into(), &signature);
    valid.then_some(()).ok_or(KeyError::InvalidSignature)
}

/// Our randomness as the crate `ml-dsa` wants it.
struct Drawn<'a>(&'a mut dyn Random);

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}

fn signing(spec: KeySpec) -> Result<&'static PqdsaSigningAlgorithm, KeyError> {
    match spec {
        KeySpec::MlDsa44 => Ok(&ML_DSA_44_SIGNING),
        KeySpec::MlDsa65 => Ok(&ML_DSA_65_SIGNING),
        KeySpec::MlDsa87 => Ok(&ML_DSA_87_SIGNING),
        _ => Err(KeyError::WrongAlgorithm),
    }
}

fn verification(spec: KeySpec) -> Result<&'static PqdsaVerificationAlgorithm, KeyError> {
    match spec {
        KeySpec::MlDsa44 => Ok(&ML_DSA_44),
        KeySpec::MlDsa65 => Ok(&ML_DSA_65),
        KeySpec::MlDsa87 => Ok(&ML_DSA_87),
        _ => Err(KeyError::WrongAlgorithm),
    }
}

/// id-ml-dsa-44, -65 and -87: 2.16.840.1.101.3.4.3.17 to .19 (RFC 9881).
fn oid(spec: KeySpec) -> Result<&'static [u8], KeyError> {
    match spec {
        KeySpec::MlDsa44 => Ok(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 17]),
        KeySpec::MlDsa65 => Ok(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 18]),
        KeySpec::MlDsa87 => Ok(&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03, 19]),
        _ => Err(KeyError::WrongAlgorithm),
    }
}
