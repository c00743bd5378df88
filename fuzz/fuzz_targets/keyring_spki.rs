//! Public keys of arbitrary bytes: never a panic, and a secret is agreed on with exactly those
//! that are keys of the same curve.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use palisade_keyring::spec::{
    EncapsulationAlgorithm, KeyAgreementAlgorithm, KeySpec, MessageType, SigningAlgorithm,
};
use palisade_keyring::testing::Counting;
use palisade_keyring::{Material, PublicKey, ToSign};

/// A key of ours on each NIST curve.
static OURS: LazyLock<Vec<Material>> = LazyLock::new(|| {
    let curves = [
        KeySpec::EccNistP256,
        KeySpec::EccNistP384,
        KeySpec::EccNistP521,
    ];
    let make = |spec| Material::generate(spec, &mut Counting::default()).expect("a key");
    curves.into_iter().map(make).collect()
});

fuzz_target!(|data: &[u8]| {
    let Some((which, der)) = data.split_first() else {
        return;
    };
    for ours in OURS.iter() {
        let agreed = ours.agree(KeyAgreementAlgorithm::Ecdh, der).is_ok();
        assert_eq!(agreed, PublicKey::from_der(ours.spec(), der).is_ok());
    }
    let spec = KeySpec::ALL[usize::from(*which) % KeySpec::ALL.len()];
    let Ok(key) = PublicKey::from_der(spec, der) else {
        return;
    };
    assert_eq!((key.spec(), key.der()), (spec, der));
    for algorithm in SigningAlgorithm::ALL {
        for kind in MessageType::ALL {
            // Nothing is asserted: a key made for it (an RSA exponent of 1, a point of small order)
            // verifies what nobody signed.
            let message = ToSign::new(*kind, &[7; 64]);
            let _ = key.verify(*algorithm, message, der);
        }
    }
    if spec.as_str().starts_with("ML_KEM") {
        let (_, secret) = key
            .encapsulate(EncapsulationAlgorithm::MlKem)
            .expect("a checked key");
        assert_eq!(secret.len(), 32);
    }
});
