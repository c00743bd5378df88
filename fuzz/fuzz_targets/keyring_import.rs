//! Encrypted key material of arbitrary bytes: never a panic, and nothing opens that was not
//! encrypted to the key; what is opened is read without a panic.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use palisade_keyring::spec::{EncryptionAlgorithm, KeySpec, WrappingAlgorithm, WrappingKeySpec};
use palisade_keyring::{WrappingKey, import};

static KEY: LazyLock<WrappingKey> =
    LazyLock::new(|| WrappingKey::generate(WrappingKeySpec::Rsa2048).expect("a key"));

fuzz_target!(|data: &[u8]| {
    for algorithm in WrappingAlgorithm::ALL {
        assert!(KEY.open(*algorithm, data).is_err());
    }
    let Some((which, material)) = data.split_first() else {
        return;
    };
    let spec = KeySpec::ALL[usize::from(*which) % KeySpec::ALL.len()];
    let oaep = EncryptionAlgorithm::RsaesOaepSha256;
    // The client's half of the key wrap is right, what it wraps is not.
    if let Ok(mut encrypted) = KEY.public_key().encrypt(oaep, &[*which; 32]) {
        encrypted.extend_from_slice(material);
        assert!(
            KEY.open(WrappingAlgorithm::RsaAesKeyWrapSha256, &encrypted)
                .is_err()
        );
    }
    if let Ok(encrypted) = KEY.public_key().encrypt(oaep, material) {
        let opened = KEY.open(WrappingAlgorithm::RsaesOaepSha256, &encrypted);
        let opened = opened.expect("encrypted to the key");
        assert!(opened.matches(material));
        let _ = import::read(spec, opened.expose());
    }
});
