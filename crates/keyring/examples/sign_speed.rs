//! How fast keys are: made, read, used. `cargo run --release --package palisade-keyring --example sign_speed`
//!
//! One thread; the median of batches, in microseconds an operation. The last columns are aws-lc-rs
//! alone with a ready key, where it has the operation: what the keyring adds is the difference.

use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, ML_DSA_65_SIGNING, PqdsaKeyPair, RSA_PKCS1_SHA256,
};
use palisade_keyring::spec::{KeySpec, SigningAlgorithm};
use palisade_keyring::{Material, Random, ToSign};

const MESSAGE: [u8; 1024] = [7; 1024];

fn main() {
    let slow = |spec: &KeySpec| spec.as_str().starts_with("RSA");
    println!("{:<24}{:>12}{:>12}", "key", "generate µs", "read µs");
    for spec in KeySpec::ALL {
        let rounds = if slow(spec) { 3 } else { 200 };
        let made = median(rounds, || {
            Material::generate(*spec, &mut System).expect("a key")
        });
        let secret = Material::generate(*spec, &mut System).and_then(|key| key.to_secret_bytes());
        let secret = secret.expect("bytes");
        let read = median(200, || {
            Material::from_secret_bytes(*spec, secret.expose()).expect("a key")
        });
        println!("{:<24}{made:>12.1}{read:>12.1}", spec.as_str());
    }
    println!(
        "\n{:<24}{:>12}{:>12}{:>12}",
        "sign 1 KiB", "sign µs", "verify µs", "bare µs"
    );
    for (spec, algorithm) in [
        (KeySpec::Rsa2048, SigningAlgorithm::RsassaPkcs1V15Sha256),
        (KeySpec::EccNistP256, SigningAlgorithm::EcdsaSha256),
        (KeySpec::MlDsa65, SigningAlgorithm::MlDsaShake256),
    ] {
        let key = Material::generate(spec, &mut System).expect("a key");
        let message = ToSign::Raw(&MESSAGE);
        let sign = || {
            key.sign(algorithm, message, &mut System)
                .expect("a signature")
        };
        let signature = sign();
        let signed = median(1000, sign);
        let verified = median(1000, || {
            key.verify(algorithm, message, &signature).expect("our own")
        });
        println!(
            "{:<24}{signed:>12.1}{verified:>12.1}{:>12.1}",
            spec.as_str(),
            bare(&key)
        );
    }
}

/// The same signature by aws-lc-rs alone.
fn bare(key: &Material) -> f64 {
    let pkcs8 = key.private_key_pkcs8().expect("a private key");
    match key.spec() {
        KeySpec::Rsa2048 => {
            let key = RsaKeyPair::from_pkcs8(pkcs8.expose()).expect("a key");
            let mut signature = vec![0; key.public_modulus_len()];
            median(1000, || {
                let signed = key.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    &MESSAGE,
                    &mut signature,
                );
                signed.expect("a signature");
            })
        }
        KeySpec::EccNistP256 => {
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.expose())
                .expect("a key");
            median(1000, || {
                key.sign(&SystemRandom::new(), &MESSAGE)
                    .expect("a signature")
            })
        }
        _ => {
            let key = PqdsaKeyPair::from_pkcs8(&ML_DSA_65_SIGNING, pkcs8.expose()).expect("a key");
            let mut signature = vec![0; ML_DSA_65_SIGNING.signature_len()];
            median(1000, || {
                key.sign(&MESSAGE, &mut signature).expect("a signature")
            })
        }
    }
}

/// Microseconds that `work` takes, in the middle of `rounds`.
fn median<T>(rounds: usize, mut work: impl FnMut() -> T) -> f64 {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 2]
}

/// The operating system's randomness, by way of aws-lc.
struct System;

impl Random for System {
    fn fill(&mut self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
    }
}
