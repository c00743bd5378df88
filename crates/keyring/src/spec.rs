//! What kinds of keys there are, what each may be used for, with which algorithms: one table.
//!
//! The names are those of the KMS API. Every value of its model is here but those of SM2, which
//! exist in AWS's China regions only: they are refused as [`NameError::ChinaOnly`].

use std::fmt;
use std::str::FromStr;

/// Why a name is none of the API's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no such value.
    #[error("no such value")]
    Unknown,
    /// The value belongs to SM2, which is for AWS's China regions only.
    #[error("SM2 is available in China regions only")]
    ChinaOnly,
    /// The value was one once: AWS takes it no longer, and neither do we.
    #[error("the value is no longer supported")]
    Withdrawn,
}

/// Names of the model that belong to SM2.
const CHINA_ONLY: [&str; 3] = ["SM2", "SM2DSA", "SM2PKE"];
/// PKCS#1 v1.5 encryption of key material: withdrawn on 10 October 2023 (the model's text).
const WITHDRAWN: [&str; 1] = ["RSAES_PKCS1_V1_5"];

fn named<T: Copy>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
    wanted: &str,
) -> Result<T, NameError> {
    let found = all.iter().copied().find(|value| name(*value) == wanted);
    found.ok_or(match wanted {
        _ if CHINA_ONLY.contains(&wanted) => NameError::ChinaOnly,
        _ if WITHDRAWN.contains(&wanted) => NameError::Withdrawn,
        _ => NameError::Unknown,
    })
}

/// An enum whose values have the API's names.
macro_rules! names {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* #[doc = concat!("`", $text, "`")] $value,)+
        }

        impl $name {
            /// Every value, in the model's order.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The API's name of the value.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(name: &str) -> Result<Self, NameError> {
                named(Self::ALL, Self::as_str, name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

names! {
    /// What a key is made of (`KeySpec`).
    KeySpec {
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
        EccNistP256 = "ECC_NIST_P256",
        EccNistP384 = "ECC_NIST_P384",
        EccNistP521 = "ECC_NIST_P521",
        EccSecgP256k1 = "ECC_SECG_P256K1",
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        Hmac224 = "HMAC_224",
        Hmac256 = "HMAC_256",
        Hmac384 = "HMAC_384",
        Hmac512 = "HMAC_512",
        MlDsa44 = "ML_DSA_44",
        MlDsa65 = "ML_DSA_65",
        MlDsa87 = "ML_DSA_87",
        EccNistEdwards25519 = "ECC_NIST_EDWARDS25519",
        MlKem512 = "ML_KEM_512",
        MlKem768 = "ML_KEM_768",
        MlKem1024 = "ML_KEM_1024",
    }
}

names! {
    /// What a key may be used for (`KeyUsageType`); one use for the whole life of a key.
    KeyUsage {
        SignVerify = "SIGN_VERIFY",
        EncryptDecrypt = "ENCRYPT_DECRYPT",
        GenerateVerifyMac = "GENERATE_VERIFY_MAC",
        KeyAgreement = "KEY_AGREEMENT",
        EncapsulateDecapsulate = "ENCAPSULATE_DECAPSULATE",
    }
}

names! {
    /// How to encrypt (`EncryptionAlgorithmSpec`).
    EncryptionAlgorithm {
        SymmetricDefault = "SYMMETRIC_DEFAULT",
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
    }
}

names! {
    /// How to sign (`SigningAlgorithmSpec`).
    SigningAlgorithm {
        RsassaPssSha256 = "RSASSA_PSS_SHA_256",
        RsassaPssSha384 = "RSASSA_PSS_SHA_384",
        RsassaPssSha512 = "RSASSA_PSS_SHA_512",
        RsassaPkcs1V15Sha256 = "RSASSA_PKCS1_V1_5_SHA_256",
        RsassaPkcs1V15Sha384 = "RSASSA_PKCS1_V1_5_SHA_384",
        RsassaPkcs1V15Sha512 = "RSASSA_PKCS1_V1_5_SHA_512",
        EcdsaSha256 = "ECDSA_SHA_256",
        EcdsaSha384 = "ECDSA_SHA_384",
        EcdsaSha512 = "ECDSA_SHA_512",
        MlDsaShake256 = "ML_DSA_SHAKE_256",
        Ed25519Sha512 = "ED25519_SHA_512",
        Ed25519PhSha512 = "ED25519_PH_SHA_512",
    }
}

names! {
    /// How to authenticate a message (`MacAlgorithmSpec`).
    MacAlgorithm {
        HmacSha224 = "HMAC_SHA_224",
        HmacSha256 = "HMAC_SHA_256",
        HmacSha384 = "HMAC_SHA_384",
        HmacSha512 = "HMAC_SHA_512",
    }
}

names! {
    /// How to agree on a secret (`KeyAgreementAlgorithmSpec`).
    KeyAgreementAlgorithm {
        Ecdh = "ECDH",
    }
}

names! {
    /// How to encapsulate a secret (`EncapsulationAlgorithmSpec`).
    EncapsulationAlgorithm {
        MlKem = "ML_KEM",
    }
}

names! {
    /// What a message to be signed is (`MessageType`).
    MessageType {
        /// The message itself, to be hashed:
        Raw = "RAW",
        /// Its hash:
        Digest = "DIGEST",
        /// ML-DSA's representative μ, 64 bytes (FIPS 204, section 6.2):
        ExternalMu = "EXTERNAL_MU",
    }
}

names! {
    /// The key that key material to be imported is encrypted to (`WrappingKeySpec`).
    WrappingKeySpec {
        Rsa2048 = "RSA_2048",
        Rsa3072 = "RSA_3072",
        Rsa4096 = "RSA_4096",
    }
}

impl WrappingKeySpec {
    /// The same as the spec of a key.
    #[must_use]
    pub const fn key_spec(self) -> KeySpec {
        match self {
            Self::Rsa2048 => KeySpec::Rsa2048,
            Self::Rsa3072 => KeySpec::Rsa3072,
            Self::Rsa4096 => KeySpec::Rsa4096,
        }
    }
}

names! {
    /// How key material to be imported is encrypted (`AlgorithmSpec`).
    WrappingAlgorithm {
        RsaesOaepSha1 = "RSAES_OAEP_SHA_1",
        RsaesOaepSha256 = "RSAES_OAEP_SHA_256",
        RsaAesKeyWrapSha1 = "RSA_AES_KEY_WRAP_SHA_1",
        RsaAesKeyWrapSha256 = "RSA_AES_KEY_WRAP_SHA_256",
    }
}

names! {
    /// How long a data key is (`DataKeySpec`).
    DataKeySpec {
        Aes256 = "AES_256",
        Aes128 = "AES_128",
    }
}

impl DataKeySpec {
    /// The length in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "no key is empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Aes256 => 32,
            Self::Aes128 => 16,
        }
    }
}

/// The algorithms of a key for one use of it. The use is the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithms {
    /// Of a key to encrypt with.
    Encryption(&'static [EncryptionAlgorithm]),
    /// Of a key to sign with.
    Signing(&'static [SigningAlgorithm]),
    /// Of a key to make MACs with.
    Mac(&'static [MacAlgorithm]),
    /// Of a key to agree on secrets with.
    KeyAgreement(&'static [KeyAgreementAlgorithm]),
    /// Of a key to encapsulate secrets with.
    Encapsulation(&'static [EncapsulationAlgorithm]),
}

impl Algorithms {
    /// The use these algorithms are of.
    #[must_use]
    pub const fn usage(self) -> KeyUsage {
        match self {
            Self::Encryption(_) => KeyUsage::EncryptDecrypt,
            Self::Signing(_) => KeyUsage::SignVerify,
            Self::Mac(_) => KeyUsage::GenerateVerifyMac,
            Self::KeyAgreement(_) => KeyUsage::KeyAgreement,
            Self::Encapsulation(_) => KeyUsage::EncapsulateDecapsulate,
        }
    }

    /// Their names, as `DescribeKey` and `GetPublicKey` list them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Encryption(all) => all.iter().map(|one| one.as_str()).collect(),
            Self::Signing(all) => all.iter().map(|one| one.as_str()).collect(),
            Self::Mac(all) => all.iter().map(|one| one.as_str()).collect(),
            Self::KeyAgreement(all) => all.iter().map(|one| one.as_str()).collect(),
            Self::Encapsulation(all) => all.iter().map(|one| one.as_str()).collect(),
        }
    }
}

const RSA: &[Algorithms] = {
    use {EncryptionAlgorithm as E, SigningAlgorithm as S};
    &[
        Algorithms::Encryption(&[E::RsaesOaepSha1, E::RsaesOaepSha256]),
        Algorithms::Signing(&[
            S::RsassaPkcs1V15Sha256,
            S::RsassaPkcs1V15Sha384,
            S::RsassaPkcs1V15Sha512,
            S::RsassaPssSha256,
            S::RsassaPssSha384,
            S::RsassaPssSha512,
        ]),
    ]
};
const ECDH: Algorithms = Algorithms::KeyAgreement(&[KeyAgreementAlgorithm::Ecdh]);

impl KeySpec {
    /// The table: what a key of this kind may be used for, and with what. The sources are the
    /// model's text on `CreateKey` and the developer guide's key spec reference.
    #[must_use]
    pub const fn algorithms(self) -> &'static [Algorithms] {
        use {Algorithms as A, MacAlgorithm as M, SigningAlgorithm as S};
        match self {
            Self::SymmetricDefault => &[A::Encryption(&[EncryptionAlgorithm::SymmetricDefault])],
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => RSA,
            Self::EccNistP256 => &[A::Signing(&[S::EcdsaSha256]), ECDH],
            Self::EccNistP384 => &[A::Signing(&[S::EcdsaSha384]), ECDH],
            Self::EccNistP521 => &[A::Signing(&[S::EcdsaSha512]), ECDH],
            Self::EccSecgP256k1 => &[A::Signing(&[S::EcdsaSha256])],
            Self::EccNistEdwards25519 => &[A::Signing(&[S::Ed25519Sha512, S::Ed25519PhSha512])],
            Self::Hmac224 => &[A::Mac(&[M::HmacSha224])],
            Self::Hmac256 => &[A::Mac(&[M::HmacSha256])],
            Self::Hmac384 => &[A::Mac(&[M::HmacSha384])],
            Self::Hmac512 => &[A::Mac(&[M::HmacSha512])],
            Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => &[A::Signing(&[S::MlDsaShake256])],
            Self::MlKem512 | Self::MlKem768 | Self::MlKem1024 => {
                &[A::Encapsulation(&[EncapsulationAlgorithm::MlKem])]
            }
        }
    }

    /// The uses a key of this kind may be made for.
    pub fn usages(self) -> impl Iterator<Item = KeyUsage> {
        self.algorithms().iter().map(|one| one.usage())
    }

    /// The algorithms of a key of this kind made for `usage`; none if it cannot be made for that.
    #[must_use]
    pub fn algorithms_for(self, usage: KeyUsage) -> Option<Algorithms> {
        let mut all = self.algorithms().iter().copied();
        all.find(|one| one.usage() == usage)
    }

    /// Whether a key of this kind has a public half.
    #[must_use]
    pub const fn is_asymmetric(self) -> bool {
        !matches!(
            self,
            Self::SymmetricDefault | Self::Hmac224 | Self::Hmac256 | Self::Hmac384 | Self::Hmac512
        )
    }

    /// Whether `GenerateDataKeyPair` makes pairs of this kind (the model's `DataKeyPairSpec`).
    #[must_use]
    pub const fn is_data_key_pair(self) -> bool {
        self.is_asymmetric() && !matches!(self, Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87)
    }

    /// Whether a key of this kind signs with `algorithm`.
    #[must_use]
    pub fn signs_with(self, algorithm: SigningAlgorithm) -> bool {
        matches!(self.algorithms_for(KeyUsage::SignVerify), Some(Algorithms::Signing(all)) if all.contains(&algorithm))
    }

    /// Whether a key of this kind encrypts with `algorithm`.
    #[must_use]
    pub fn encrypts_with(self, algorithm: EncryptionAlgorithm) -> bool {
        matches!(self.algorithms_for(KeyUsage::EncryptDecrypt), Some(Algorithms::Encryption(all)) if all.contains(&algorithm))
    }

    /// Whether a key of this kind makes MACs with `algorithm`.
    #[must_use]
    pub fn authenticates_with(self, algorithm: MacAlgorithm) -> bool {
        matches!(self.algorithms_for(KeyUsage::GenerateVerifyMac), Some(Algorithms::Mac(all)) if all.contains(&algorithm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spec_has_a_use_and_every_use_algorithms() {
        for spec in KeySpec::ALL {
            assert!(spec.usages().next().is_some(), "{spec}");
            for one in spec.algorithms() {
                assert!(!one.names().is_empty(), "{spec}");
                assert_eq!(spec.algorithms_for(one.usage()), Some(*one));
            }
        }
    }

    #[test]
    fn names_lead_back_to_their_values() {
        for spec in KeySpec::ALL {
            assert_eq!(spec.as_str().parse(), Ok(*spec));
        }
        for algorithm in SigningAlgorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(*algorithm));
        }
    }

    #[test]
    fn pkcs1_encryption_is_refused_by_name() {
        assert_eq!(
            "RSAES_PKCS1_V1_5".parse::<WrappingAlgorithm>(),
            Err(NameError::Withdrawn)
        );
    }

    #[test]
    fn sm2_is_refused_by_name() {
        assert_eq!("SM2".parse::<KeySpec>(), Err(NameError::ChinaOnly));
        assert_eq!(
            "SM2DSA".parse::<SigningAlgorithm>(),
            Err(NameError::ChinaOnly)
        );
        assert_eq!(
            "SM2PKE".parse::<EncryptionAlgorithm>(),
            Err(NameError::ChinaOnly)
        );
        assert_eq!("SM2".parse::<WrappingKeySpec>(), Err(NameError::ChinaOnly));
        assert_eq!("sm2".parse::<KeySpec>(), Err(NameError::Unknown));
    }
}
