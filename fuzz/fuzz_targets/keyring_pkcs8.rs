//! Private keys of arbitrary bytes: never a panic, and what is read is a key that works and comes
//! back from what is kept of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_keyring::spec::{Algorithms, EncapsulationAlgorithm, KeySpec, KeyUsage};
use palisade_keyring::testing::Counting;
use palisade_keyring::{Material, ToSign, import};

fuzz_target!(|data: &[u8]| {
    let Some((which, pkcs8)) = data.split_first() else {
        return;
    };
    let spec = KeySpec::ALL[usize::from(*which) % KeySpec::ALL.len()];
    let Ok(key) = import::read(spec, pkcs8) else {
        return;
    };
    let secret = key.to_secret_bytes().expect("the secret of a key");
    let again = Material::from_secret_bytes(spec, secret.expose()).expect("the same key");
    assert!(again.public_key() == key.public_key());
    if let Ok(private) = key.private_key_pkcs8() {
        let again = import::read(spec, private.expose()).expect("the same key");
        assert!(again.public_key() == key.public_key());
    }
    works(&key);
});

/// What the private half makes, the public half knows.
fn works(key: &Material) {
    if let Some(Algorithms::Signing(all)) = key.spec().algorithms_for(KeyUsage::SignVerify) {
        let message = ToSign::Raw(b"message");
        let signature = key
            .sign(all[0], message, &mut Counting::default())
            .expect("a signature");
        key.verify(all[0], message, &signature).expect("our own");
    }
    if let Ok((ciphertext, secret)) = key.encapsulate(EncapsulationAlgorithm::MlKem) {
        let found = key
            .decapsulate(EncapsulationAlgorithm::MlKem, &ciphertext)
            .expect("a secret");
        assert!(found.matches(secret.expose()));
    }
}
