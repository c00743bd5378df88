//! Ciphertexts, tokens and sealed roots of arbitrary bytes: never a panic, and what was not sealed never opens.
#![no_main]

use libfuzzer_sys::fuzz_target;
use palisade_keyring::testing::Counting;
use palisade_keyring::{
    Blob, DerivationKey, Domain, DomainKey, EncryptionContext, FileKey, MaterialToken, Root,
    SealedRoot, WrappedDomainKey,
};

fuzz_target!(|data: &[u8]| {
    let random = &mut Counting::default();
    let root = Root::generate(random);
    if let Ok(blob) = Blob::parse(data) {
        assert!(blob.plain_bytes() < data.len());
        let key = DerivationKey::new([7; 32].into());
        assert!(blob.open(&key, &EncryptionContext::default()).is_err());
    }
    if let Ok(token) = WrappedDomainKey::parse(data) {
        assert!(token.open(&root).is_err());
    }
    if let Ok(token) = MaterialToken::parse(data) {
        let key = DomainKey::generate(token.domain().clone(), token.domain_version(), random);
        assert!(token.open(&key).is_err());
        let account = token.domain().account();
        assert!(Domain::new(&account, token.domain().region()).is_ok());
    }
    if let Ok(sealed) = SealedRoot::parse(data) {
        let key = FileKey::generate(random);
        assert!(
            sealed
                .wraps
                .iter()
                .all(|wrap| wrap.open_with_file_key(&key).is_err())
        );
        assert_eq!(sealed.to_bytes(), data);
    }
});
