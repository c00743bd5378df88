//! Key material of every kind comes in, by every way that is allowed for it, and by no other.

mod common;

use std::sync::OnceLock;

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded as _};
use common::keys;
use palisade_keyring::spec::{EncryptionAlgorithm, KeySpec, WrappingAlgorithm, WrappingKeySpec};
use palisade_keyring::{KeyError, WrappingKey, import};
use proptest::prelude::*;

fn wrapping(spec: WrappingKeySpec) -> &'static WrappingKey {
    static KEYS: OnceLock<Vec<WrappingKey>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let all = WrappingKeySpec::ALL.iter();
        all.map(|spec| WrappingKey::generate(*spec).expect("a key"))
            .collect()
    });
    keys.iter()
        .find(|key| key.spec() == spec)
        .expect("one of each")
}

/// What a client does with the public key.
fn encrypt(
    key: &WrappingKey,
    algorithm: WrappingAlgorithm,
    material: &[u8],
) -> Result<Vec<u8>, KeyError> {
    use EncryptionAlgorithm::{RsaesOaepSha1, RsaesOaepSha256};
    let public = key.public_key();
    let wrapped = |oaep| {
        let mut encrypted = public.encrypt(oaep, &[9; 32])?;
        let kek = AesKek::new(&AES_256, &[9; 32]).expect("a key");
        let mut room = vec![0; material.len() + 15];
        encrypted.extend_from_slice(kek.wrap_with_padding(material, &mut room).expect("room"));
        Ok(encrypted)
    };
    match algorithm {
        WrappingAlgorithm::RsaesOaepSha1 => public.encrypt(RsaesOaepSha1, material),
        WrappingAlgorithm::RsaesOaepSha256 => public.encrypt(RsaesOaepSha256, material),
        WrappingAlgorithm::RsaAesKeyWrapSha1 => wrapped(RsaesOaepSha1),
        WrappingAlgorithm::RsaAesKeyWrapSha256 => wrapped(RsaesOaepSha256),
    }
}

#[test]
fn every_kind_comes_in_by_every_way_allowed_for_it() {
    for key in keys() {
        let plaintext = match key.private_key_pkcs8() {
            Ok(pkcs8) => pkcs8,
            Err(_) => key.to_secret_bytes().expect("bytes"),
        };
        let mut ways = 0;
        for spec in WrappingKeySpec::ALL {
            for algorithm in WrappingAlgorithm::ALL {
                if import::check(key.spec(), *spec, *algorithm).is_err() {
                    continue;
                }
                ways += 1;
                let way = wrapping(*spec);
                let encrypted = encrypt(way, *algorithm, plaintext.expose()).expect("it fits");
                let opened = way.open(*algorithm, &encrypted).expect("it opens");
                assert!(
                    opened.matches(plaintext.expose()),
                    "{} {algorithm}",
                    key.spec()
                );
                let imported = import::read(key.spec(), opened.expose()).expect("material");
                assert_eq!(
                    imported.public_key(),
                    key.public_key(),
                    "{} {algorithm}",
                    key.spec()
                );
                let secret = key.to_secret_bytes().expect("bytes");
                assert!(
                    imported
                        .to_secret_bytes()
                        .expect("bytes")
                        .matches(secret.expose())
                );
            }
        }
        assert!(ways >= 6, "{}", key.spec());
    }
}

#[test]
fn rsa_private_keys_come_key_wrapped_only_and_p521_does_not_fit_rsa_2048() {
    use {KeySpec as K, WrappingAlgorithm as A, WrappingKeySpec as W};
    let refused = Err(KeyError::WrongAlgorithm);
    for way in W::ALL {
        assert_eq!(import::check(K::Rsa2048, *way, A::RsaesOaepSha256), refused);
        assert_eq!(
            import::check(K::Rsa4096, *way, A::RsaAesKeyWrapSha1),
            Ok(())
        );
        assert_eq!(
            import::check(K::Hmac512, *way, A::RsaAesKeyWrapSha256),
            refused
        );
    }
    assert_eq!(
        import::check(K::EccNistP521, W::Rsa2048, A::RsaesOaepSha1),
        refused
    );
    assert_eq!(
        import::check(K::EccNistP521, W::Rsa3072, A::RsaesOaepSha1),
        Ok(())
    );
    assert_eq!(
        import::check(K::EccNistP521, W::Rsa2048, A::RsaAesKeyWrapSha256),
        Ok(())
    );
}

#[test]
fn what_is_altered_or_opened_another_way_does_not_open() {
    let key = wrapping(WrappingKeySpec::Rsa2048);
    for algorithm in WrappingAlgorithm::ALL {
        let encrypted = encrypt(key, *algorithm, &[1; 32]).expect("it fits");
        for at in [0, 255, encrypted.len() - 1] {
            let mut altered = encrypted.clone();
            altered[at] ^= 1;
            assert_eq!(
                key.open(*algorithm, &altered).err(),
                Some(KeyError::InvalidCiphertext),
                "{algorithm} {at}"
            );
        }
        for other in WrappingAlgorithm::ALL
            .iter()
            .filter(|other| *other != algorithm)
        {
            assert_eq!(
                key.open(*other, &encrypted).err(),
                Some(KeyError::InvalidCiphertext),
                "{algorithm} {other}"
            );
        }
        let stranger = wrapping(WrappingKeySpec::Rsa3072).open(*algorithm, &encrypted);
        assert_eq!(stranger.err(), Some(KeyError::InvalidCiphertext));
    }
}

#[test]
fn a_wrapping_key_comes_back_from_its_secret_bytes() {
    let key = wrapping(WrappingKeySpec::Rsa2048);
    let secret = key.to_secret_bytes().expect("bytes");
    let again =
        WrappingKey::from_secret_bytes(WrappingKeySpec::Rsa2048, secret.expose()).expect("the key");
    assert_eq!(again.public_key(), key.public_key());
    assert!(WrappingKey::from_secret_bytes(WrappingKeySpec::Rsa3072, secret.expose()).is_err());
}

#[test]
fn raw_keys_of_another_length_are_refused() {
    for (spec, length) in [
        (KeySpec::SymmetricDefault, 32),
        (KeySpec::Hmac224, 28),
        (KeySpec::Hmac256, 32),
        (KeySpec::Hmac384, 48),
        (KeySpec::Hmac512, 64),
    ] {
        assert!(import::read(spec, &vec![1; length]).is_ok());
        for wrong in [0, length - 1, length + 1] {
            assert_eq!(
                import::read(spec, &vec![1; wrong]).err(),
                Some(KeyError::InvalidMaterial),
                "{spec} {wrong}"
            );
        }
    }
}

/// The PKCS#8 of a P-256 key by its scalar, with a public point or without.
fn p256(scalar: &[u8; 32], point: &[u8]) -> Vec<u8> {
    let element = |tag: u8, content: &[u8]| {
        [&[tag, u8::try_from(content.len()).expect("short")], content].concat()
    };
    let named: &[u8] = &[
        6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7,
    ];
    let mut key = [element(2, &[1]), element(4, scalar)].concat();
    if !point.is_empty() {
        key.extend(element(0xa1, &element(3, &[&[0], point].concat())));
    }
    let parts = [
        element(2, &[0]),
        element(0x30, named),
        element(4, &element(0x30, &key)),
    ];
    let content = parts.concat();
    match content.len() {
        0..0x80 => element(0x30, &content),
        length => [
            &[0x30, 0x81, u8::try_from(length).expect("short")],
            &content[..],
        ]
        .concat(),
    }
}

#[test]
fn the_public_half_of_a_private_key_is_computed_and_must_be_its_own_where_it_is_given() {
    let spec = KeySpec::EccNistP256;
    let key = import::read(spec, &p256(&[5; 32], &[])).expect("a key");
    let der = key.public_key().expect("a public half").der();
    let point = &der[der.len() - 65..];
    let same = import::read(spec, &p256(&[5; 32], point)).expect("the same key");
    assert_eq!(same.public_key(), key.public_key());
    let foreign = import::read(spec, &p256(&[6; 32], point));
    assert_eq!(foreign.err(), Some(KeyError::InvalidMaterial));
}

#[test]
fn a_scalar_out_of_range_is_no_private_key() {
    // The order of the group of P-256 (SP 800-186), and what it leaves.
    let order: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut below = order;
    below[31] -= 1;
    assert!(import::read(KeySpec::EccNistP256, &p256(&below, &[])).is_ok());
    for scalar in [[0; 32], order, [0xff; 32]] {
        let read = import::read(KeySpec::EccNistP256, &p256(&scalar, &[]));
        assert_eq!(read.err(), Some(KeyError::InvalidMaterial));
    }
}

#[test]
fn material_too_long_to_be_sent_is_not_looked_at() {
    let key = wrapping(WrappingKeySpec::Rsa2048);
    let long = vec![0; import::MAX_ENCRYPTED + 1];
    assert_eq!(
        key.open(WrappingAlgorithm::RsaAesKeyWrapSha256, &long)
            .err(),
        Some(KeyError::InvalidCiphertext)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_altered_private_key_is_refused_or_is_another(which in 0..20_usize, at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let asymmetric: Vec<_> = keys().iter().filter(|key| key.spec().is_asymmetric()).collect();
        let key = asymmetric[which % asymmetric.len()];
        let mut pkcs8 = key.private_key_pkcs8().expect("a private key").expose().to_vec();
        let at = at.index(pkcs8.len());
        pkcs8[at] ^= 1_u8 << bit;
        if let Ok(read) = import::read(key.spec(), &pkcs8) {
            // What is not looked at (attributes) may differ: then it is the same key. Otherwise it
            // is another, down to its public half; but ML-KEM's z is in the private half alone.
            let (new, old) = (read.to_secret_bytes().expect("bytes"), key.to_secret_bytes().expect("bytes"));
            let same_secret = new.matches(old.expose());
            let same_public = read.public_key() == key.public_key();
            let z = key.spec().as_str().starts_with("ML_KEM");
            prop_assert!(same_public == same_secret || (z && same_public));
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(which in 0..20_usize, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let spec = KeySpec::ALL[which % KeySpec::ALL.len()];
        let _ = import::read(spec, &bytes);
        let _ = palisade_keyring::PublicKey::from_der(spec, &bytes);
        let opened = wrapping(WrappingKeySpec::Rsa2048).open(WrappingAlgorithm::RsaAesKeyWrapSha256, &bytes);
        prop_assert!(opened.is_err());
    }
}
