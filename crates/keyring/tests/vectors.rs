//! What was sealed once opens for ever.

use palisade_keyring::{
    Blob, DerivationKey, EncryptionContext, FileKey, MaterialId, MaterialToken, Passphrase,
    SealedRoot, Secret, WrappedDomainKey, vectors,
};
use serde_json::Value;

fn file(name: &str) -> Value {
    let (_, text) = vectors::FILES.iter().find(|(n, _)| *n == name).unwrap();
    serde_json::from_str(text).unwrap()
}

fn unhex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn unhex_key(value: &Value) -> [u8; 32] {
    unhex(value).try_into().unwrap()
}

#[test]
fn stored_ciphertexts_open() {
    let file = file("ciphertext-1.json");
    let samples = file["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 5);
    for sample in samples {
        let bytes = unhex(&sample["blob"]);
        let blob = Blob::parse(&bytes).unwrap();
        let header = blob.header();
        assert_eq!(header.key.account(), sample["account"].as_str().unwrap());
        assert_eq!(header.key.region(), sample["region"].as_str());
        assert_eq!(header.key.key_id(), sample["keyId"].as_str().unwrap());
        let material = unhex_key(&sample["material"]);
        let id = MaterialId::of(&header.key.key_id(), &material);
        assert_eq!(header.material, id);
        assert_eq!(id.to_string(), sample["materialId"].as_str().unwrap());
        let pairs = sample["context"].as_object().unwrap().iter();
        let pairs = pairs.map(|(k, v)| (k.clone(), v.as_str().unwrap()));
        let context = EncryptionContext::new(pairs).unwrap();
        let key = DerivationKey::new(material.into());
        let opened = blob.open(&key, &context).unwrap();
        assert_eq!(opened.expose(), unhex(&sample["plain"]));
        assert_eq!(blob.plain_bytes(), opened.len());
    }
}

#[test]
fn the_stored_hierarchy_opens_by_each_of_its_wraps() {
    let file = file("hierarchy-1.json");
    let sealed = SealedRoot::parse(&unhex(&file["sealedRoot"])).unwrap();
    let key = FileKey::new(unhex_key(&file["fileKey"]).into());
    let words = file["passphrase"].as_str().unwrap().as_bytes().to_vec();
    let words = Passphrase::new(Secret::from(words)).unwrap();
    let [by_key, by_words] = &sealed.wraps[..] else {
        panic!("two wraps");
    };
    for root in [
        by_key.open_with_file_key(&key),
        by_words.open_with_passphrase(&words),
    ] {
        let root = root.unwrap();
        assert_eq!(root.id().to_string(), file["rootId"].as_str().unwrap());
        let name = file["ownName"].as_str().unwrap();
        let own = root.open_own(name, sealed.own(name).unwrap()).unwrap();
        assert_eq!(own.expose(), unhex(&file["ownSecret"]));
        let wrapped = unhex(&file["domainKey"]);
        let domain = WrappedDomainKey::parse(&wrapped)
            .unwrap()
            .open(&root)
            .unwrap();
        assert_eq!(domain.version(), 3);
        let token = unhex(&file["materialToken"]);
        let token = MaterialToken::parse(&token).unwrap();
        assert_eq!(
            token.material().to_string(),
            file["materialId"].as_str().unwrap()
        );
        assert_eq!(token.spec(), file["spec"].as_str().unwrap());
        let secret = token.open(&domain).unwrap();
        assert_eq!(secret.expose(), unhex(&file["material"]));
    }
}
