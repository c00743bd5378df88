//! Keys of every kind: made, kept, read back; what each can do and what it refuses.

mod common;

use common::{Counting, key, keys};
use palisade_keyring::spec::{
    Algorithms, EncapsulationAlgorithm, EncryptionAlgorithm, KeyAgreementAlgorithm, KeySpec,
    KeyUsage, MacAlgorithm, MessageType, SigningAlgorithm,
};
use palisade_keyring::{KeyError, Material, PublicKey, ToSign};

#[test]
fn every_kind_comes_back_from_its_secret_bytes() {
    for key in keys() {
        let secret = key.to_secret_bytes().expect("bytes");
        let again = Material::from_secret_bytes(key.spec(), secret.expose()).expect("the same key");
        assert!(
            again
                .to_secret_bytes()
                .expect("bytes")
                .matches(secret.expose()),
            "{}",
            key.spec()
        );
        assert_eq!(again.public_key(), key.public_key(), "{}", key.spec());
    }
}

#[test]
fn every_asymmetric_kind_comes_back_from_its_pkcs8_and_has_a_public_key() {
    for key in keys() {
        let spec = key.spec();
        assert_eq!(key.public_key().is_some(), spec.is_asymmetric(), "{spec}");
        match key.private_key_pkcs8() {
            Ok(pkcs8) => {
                let again =
                    Material::from_private_key_pkcs8(spec, pkcs8.expose()).expect("the same key");
                let public = key.public_key().expect("a public half");
                assert_eq!(again.public_key(), Some(public), "{spec}");
                assert_eq!(
                    PublicKey::from_der(spec, public.der()).as_ref(),
                    Ok(public),
                    "{spec}"
                );
            }
            Err(error) => assert!(
                !spec.is_asymmetric() && error == KeyError::WrongAlgorithm,
                "{spec}"
            ),
        }
    }
}

#[test]
fn no_kind_takes_the_private_key_or_the_public_key_of_another() {
    for key in keys().iter().filter(|key| key.spec().is_asymmetric()) {
        let pkcs8 = key.private_key_pkcs8().expect("a private key");
        let public = key.public_key().expect("a public half");
        for other in KeySpec::ALL.iter().filter(|other| **other != key.spec()) {
            assert!(
                Material::from_private_key_pkcs8(*other, pkcs8.expose()).is_err(),
                "{} as {other}",
                key.spec()
            );
            assert!(
                PublicKey::from_der(*other, public.der()).is_err(),
                "{} as {other}",
                key.spec()
            );
        }
    }
}

#[test]
fn bytes_after_the_key_are_refused() {
    for key in keys().iter().filter(|key| key.spec().is_asymmetric()) {
        let mut pkcs8 = key
            .private_key_pkcs8()
            .expect("a private key")
            .expose()
            .to_vec();
        pkcs8.push(0);
        assert!(
            Material::from_private_key_pkcs8(key.spec(), &pkcs8).is_err(),
            "{}",
            key.spec()
        );
        let mut public = key.public_key().expect("a public half").der().to_vec();
        public.push(0);
        assert!(
            PublicKey::from_der(key.spec(), &public).is_err(),
            "{}",
            key.spec()
        );
    }
}

#[test]
fn private_keys_of_ml_kem_are_as_long_for_every_set() {
    // The model's text on GenerateDataKeyPair: the seed form, so the same length for all.
    let sets = [KeySpec::MlKem512, KeySpec::MlKem768, KeySpec::MlKem1024];
    for spec in sets {
        assert_eq!(
            key(spec).private_key_pkcs8().expect("a private key").len(),
            86,
            "{spec}"
        );
    }
}

/// A message of each type that `algorithm` takes; `None` where it does not take the type.
fn message(algorithm: SigningAlgorithm, kind: MessageType, bytes: &[u8; 64]) -> Option<ToSign<'_>> {
    use SigningAlgorithm as S;
    let digest = match algorithm {
        S::RsassaPssSha256 | S::RsassaPkcs1V15Sha256 | S::EcdsaSha256 => 32,
        S::RsassaPssSha384 | S::RsassaPkcs1V15Sha384 | S::EcdsaSha384 => 48,
        S::RsassaPssSha512 | S::RsassaPkcs1V15Sha512 | S::EcdsaSha512 | S::Ed25519PhSha512 => 64,
        S::MlDsaShake256 | S::Ed25519Sha512 => 0,
    };
    match kind {
        MessageType::Raw => (algorithm != S::Ed25519PhSha512).then_some(ToSign::Raw(bytes)),
        MessageType::Digest => (digest > 0).then(|| ToSign::Digest(&bytes[..digest])),
        MessageType::ExternalMu => {
            (algorithm == S::MlDsaShake256).then_some(ToSign::ExternalMu(bytes))
        }
    }
}

#[test]
fn every_signing_algorithm_signs_what_it_takes_and_refuses_the_rest() {
    for key in keys() {
        let spec = key.spec();
        for algorithm in SigningAlgorithm::ALL {
            for kind in MessageType::ALL {
                let signed = match message(*algorithm, *kind, &[7; 64]) {
                    Some(message) => key.sign(*algorithm, message, &mut Counting(1)),
                    None => {
                        let signed =
                            key.sign(*algorithm, ToSign::new(*kind, &[7; 64]), &mut Counting(1));
                        let refused = match spec.signs_with(*algorithm) {
                            true => KeyError::WrongMessageType,
                            false => KeyError::WrongAlgorithm,
                        };
                        assert_eq!(signed, Err(refused), "{spec} {algorithm} {kind}");
                        continue;
                    }
                };
                if !spec.signs_with(*algorithm) {
                    assert_eq!(
                        signed,
                        Err(KeyError::WrongAlgorithm),
                        "{spec} {algorithm} {kind}"
                    );
                    continue;
                }
                let signature = signed.expect("a signature");
                verifies(key, *algorithm, *kind, &signature);
            }
        }
    }
}

/// The signature of sevens is right for sevens, and for nothing else.
fn verifies(key: &Material, algorithm: SigningAlgorithm, kind: MessageType, signature: &[u8]) {
    let right = message(algorithm, kind, &[7; 64]).expect("taken");
    let wrong = message(algorithm, kind, &[8; 64]).expect("taken");
    assert_eq!(
        key.verify(algorithm, right, signature),
        Ok(()),
        "{} {algorithm} {kind}",
        key.spec()
    );
    assert_eq!(
        key.verify(algorithm, wrong, signature),
        Err(KeyError::InvalidSignature)
    );
    assert_eq!(
        key.verify(algorithm, right, &[]),
        Err(KeyError::InvalidSignature)
    );
    assert_eq!(
        key.verify(algorithm, right, &signature[1..]),
        Err(KeyError::InvalidSignature)
    );
    let mut altered = signature.to_vec();
    altered[signature.len() / 2] ^= 1;
    assert_eq!(
        key.verify(algorithm, right, &altered),
        Err(KeyError::InvalidSignature)
    );
}

#[test]
fn a_digest_or_mu_of_another_length_is_refused() {
    for key in keys() {
        let Some(Algorithms::Signing(all)) = key.spec().algorithms_for(KeyUsage::SignVerify) else {
            continue;
        };
        for algorithm in all {
            for kind in [MessageType::Digest, MessageType::ExternalMu] {
                let Some(ToSign::Digest(right) | ToSign::ExternalMu(right)) =
                    message(*algorithm, kind, &[7; 64])
                else {
                    continue;
                };
                let refused = Err(KeyError::DigestLength {
                    expected: right.len(),
                });
                for bytes in [&[7; 64][..right.len() - 1], &[7; 65][..right.len() + 1]] {
                    let wrong = ToSign::new(kind, bytes);
                    assert_eq!(
                        key.sign(*algorithm, wrong, &mut Counting(1)).map(|_| ()),
                        refused
                    );
                    assert_eq!(key.verify(*algorithm, wrong, &[0; 64]), refused);
                }
            }
        }
    }
}

#[test]
fn raw_and_digest_give_signatures_of_the_same_message() {
    let digest = |bits: usize, message: &[u8]| {
        use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
        let algorithm = match bits {
            256 => &SHA256,
            384 => &SHA384,
            _ => &SHA512,
        };
        digest(algorithm, message).as_ref().to_vec()
    };
    for key in keys() {
        let Some(Algorithms::Signing(all)) = key.spec().algorithms_for(KeyUsage::SignVerify) else {
            continue;
        };
        for algorithm in all
            .iter()
            .filter(|one| one.as_str().starts_with('R') || one.as_str().starts_with("EC"))
        {
            let bits = algorithm
                .as_str()
                .rsplit('_')
                .next()
                .and_then(|bits| bits.parse().ok());
            let hash = digest(bits.expect("a size"), b"message");
            let signature = key
                .sign(*algorithm, ToSign::Digest(&hash), &mut Counting(1))
                .expect("a signature");
            assert_eq!(
                key.verify(*algorithm, ToSign::Raw(b"message"), &signature),
                Ok(()),
                "{algorithm}"
            );
        }
    }
}

#[test]
fn ed25519ph_hashes_the_digest_again() {
    // RFC 8032's ph of the 64-byte message that the digest is.
    use ed25519_dalek::{Digest as _, Sha512, SigningKey};
    let key = key(KeySpec::EccNistEdwards25519);
    let seed = key.to_secret_bytes().expect("a seed");
    let seed: [u8; 32] = seed.expose().try_into().expect("32 bytes");
    let digest = [3; 64];
    let twice = SigningKey::from_bytes(&seed).sign_prehashed(Sha512::new_with_prefix(digest), None);
    let signature = key.sign(
        SigningAlgorithm::Ed25519PhSha512,
        ToSign::Digest(&digest),
        &mut Counting(1),
    );
    assert_eq!(
        signature.expect("a signature"),
        twice.expect("a signature").to_bytes()
    );
}

#[test]
fn oaep_takes_what_fits_and_no_more() {
    let key = key(KeySpec::Rsa2048);
    for (algorithm, limit) in [
        (EncryptionAlgorithm::RsaesOaepSha1, 214),
        (EncryptionAlgorithm::RsaesOaepSha256, 190),
    ] {
        let ciphertext = key.encrypt(algorithm, &vec![5; limit]).expect("it fits");
        assert_eq!(ciphertext.len(), 256);
        assert!(
            key.decrypt(algorithm, &ciphertext)
                .expect("it opens")
                .matches(&vec![5; limit])
        );
        assert_eq!(
            key.encrypt(algorithm, &vec![5; limit + 1]),
            Err(KeyError::MessageTooLong { limit })
        );
        let mut altered = ciphertext;
        altered[9] ^= 1;
        assert_eq!(
            key.decrypt(algorithm, &altered).err(),
            Some(KeyError::InvalidCiphertext)
        );
    }
    let sha1 = key
        .encrypt(EncryptionAlgorithm::RsaesOaepSha1, b"m")
        .expect("it fits");
    let other = key.decrypt(EncryptionAlgorithm::RsaesOaepSha256, &sha1);
    assert_eq!(other.err(), Some(KeyError::InvalidCiphertext));
    let symmetric = key.encrypt(EncryptionAlgorithm::SymmetricDefault, b"m");
    assert_eq!(symmetric, Err(KeyError::WrongAlgorithm));
}

#[test]
fn a_mac_is_of_one_key_and_one_message() {
    for key in keys() {
        for algorithm in MacAlgorithm::ALL {
            let mac = match key.mac(*algorithm, b"message") {
                Ok(mac) => mac,
                Err(error) => {
                    assert!(
                        !key.spec().authenticates_with(*algorithm)
                            && error == KeyError::WrongAlgorithm
                    );
                    continue;
                }
            };
            assert_eq!(
                mac.len(),
                key.to_secret_bytes().expect("bytes").len(),
                "{algorithm}"
            );
            assert_eq!(key.verify_mac(*algorithm, b"message", &mac), Ok(()));
            assert_eq!(
                key.verify_mac(*algorithm, b"another", &mac),
                Err(KeyError::InvalidMac)
            );
            assert_eq!(
                key.verify_mac(*algorithm, b"message", &mac[1..]),
                Err(KeyError::InvalidMac)
            );
        }
    }
}

#[test]
fn both_sides_agree_on_the_same_secret_on_the_nist_curves_only() {
    for (spec, length) in [
        (KeySpec::EccNistP256, 32),
        (KeySpec::EccNistP384, 48),
        (KeySpec::EccNistP521, 66),
    ] {
        let alice = key(spec);
        let bob = Material::generate(spec, &mut Counting(2)).expect("a key");
        let side = |mine: &Material, theirs: &Material| {
            let peer = theirs.public_key().expect("a public half").der();
            mine.agree(KeyAgreementAlgorithm::Ecdh, peer)
                .expect("a secret")
        };
        let secret = side(alice, &bob);
        assert_eq!(secret.len(), length);
        assert!(side(&bob, alice).matches(secret.expose()));
    }
    let peer = key(KeySpec::EccNistP256)
        .public_key()
        .expect("a public half")
        .der();
    for other in keys()
        .iter()
        .filter(|key| key.spec() != KeySpec::EccNistP256)
    {
        assert!(
            other.agree(KeyAgreementAlgorithm::Ecdh, peer).is_err(),
            "{}",
            other.spec()
        );
    }
}

#[test]
fn a_bare_point_is_no_public_key() {
    let key = key(KeySpec::EccNistP256);
    let der = key.public_key().expect("a public half").der();
    let point = &der[der.len() - 65..];
    let secret = key.agree(KeyAgreementAlgorithm::Ecdh, point);
    assert_eq!(secret.err(), Some(KeyError::InvalidPublicKey));
    assert_eq!(
        PublicKey::from_der(KeySpec::EccNistP256, point).err(),
        Some(KeyError::InvalidPublicKey)
    );
}

#[test]
fn a_point_off_the_curve_is_no_public_key() {
    for spec in [
        KeySpec::EccNistP256,
        KeySpec::EccNistP384,
        KeySpec::EccNistP521,
        KeySpec::EccSecgP256k1,
    ] {
        let mut der = key(spec)
            .public_key()
            .expect("a public half")
            .der()
            .to_vec();
        *der.last_mut().expect("a byte") ^= 1;
        assert_eq!(
            PublicKey::from_der(spec, &der).err(),
            Some(KeyError::InvalidPublicKey),
            "{spec}"
        );
        assert!(
            key(spec).agree(KeyAgreementAlgorithm::Ecdh, &der).is_err(),
            "{spec}"
        );
    }
}

#[test]
fn what_is_encapsulated_is_decapsulated_and_an_altered_ciphertext_gives_another_secret() {
    let algorithm = EncapsulationAlgorithm::MlKem;
    for (spec, length) in [
        (KeySpec::MlKem512, 768),
        (KeySpec::MlKem768, 1088),
        (KeySpec::MlKem1024, 1568),
    ] {
        let key = key(spec);
        let (ciphertext, secret) = key.encapsulate(algorithm).expect("a secret");
        assert_eq!((ciphertext.len(), secret.len()), (length, 32));
        assert!(
            key.decapsulate(algorithm, &ciphertext)
                .expect("the secret")
                .matches(secret.expose())
        );
        let mut altered = ciphertext.clone();
        altered[10] ^= 1;
        let rejected = key.decapsulate(algorithm, &altered).expect("a secret");
        assert!(!rejected.matches(secret.expose()));
        assert!(
            key.decapsulate(algorithm, &altered)
                .expect("a secret")
                .matches(rejected.expose())
        );
        let short = key.decapsulate(algorithm, &ciphertext[1..]);
        assert_eq!(short.err(), Some(KeyError::InvalidCiphertext));
    }
}

#[test]
fn a_key_refuses_what_is_not_its_use() {
    let key = key(KeySpec::SymmetricDefault);
    assert!(key.symmetric_key().is_some());
    assert_eq!(
        key.encapsulate(EncapsulationAlgorithm::MlKem).err(),
        Some(KeyError::WrongAlgorithm)
    );
    assert_eq!(
        key.agree(KeyAgreementAlgorithm::Ecdh, &[]).err(),
        Some(KeyError::WrongAlgorithm)
    );
    let rsa = common::key(KeySpec::Rsa2048);
    assert!(rsa.symmetric_key().is_none());
    assert_eq!(
        rsa.decapsulate(EncapsulationAlgorithm::MlKem, &[]).err(),
        Some(KeyError::WrongAlgorithm)
    );
}
