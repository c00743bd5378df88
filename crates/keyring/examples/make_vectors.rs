//! Writes samples of the formats as of now into a folder, from foretold randomness. The stored ones were made by it; a new version
//! of a format gets files beside them.
//!
//!     cargo run -p palisade-keyring --example make_vectors -- DIR

use std::path::Path;

use palisade_keyring::testing::Counting;
use palisade_keyring::{
    DerivationKey, Domain, DomainKey, EncryptionContext, FileKey, Header, KeyName, MaterialId,
    Passphrase, Random as _, Root, RootWrap, SealedRoot, Secret, root::Cost,
};
use serde_json::{Value, json};

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).expect("a folder");
    let write = |name: &str, value: Value| {
        let text = serde_json::to_string_pretty(&value).expect("plain values") + "\n";
        std::fs::write(Path::new(&folder).join(name), text)
    };
    write("ciphertext-1.json", ciphertexts())?;
    write("hierarchy-1.json", hierarchy())
}

fn ciphertexts() -> Value {
    let random = &mut Counting::default();
    let single = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let multi = "mrk-1234abcd12ab34cd56ef1234567890ab";
    let long = "x".repeat(4096);
    type Sample<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let samples: [Sample<'_>; 5] = [
        (single, &[], ""),
        (single, &[("app", "web")], "hello"),
        (single, &[("ä", "ö"), ("a", ""), ("", "z")], "hello"),
        (multi, &[("app", "web")], "hello"),
        (multi, &[], &long),
    ];
    let samples = samples.map(|(id, pairs, plain)| {
        let mut material = [0; 32];
        random.fill(&mut material);
        let header = Header {
            key: KeyName::new("111122223333", "eu-west-1", id).expect("a name"),
            material: MaterialId::of(id, &material),
        };
        let context = EncryptionContext::new(pairs.iter().copied()).expect("short pairs");
        let key = DerivationKey::new(material.into());
        let blob = header.seal(&key, &context, plain.as_bytes(), random);
        let context: serde_json::Map<_, _> = pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), json!(v)))
            .collect();
        json!({
            "material": hex(&material),
            "account": header.key.account(),
            "region": header.key.region(),
            "keyId": id,
            "materialId": header.material.to_string(),
            "context": context,
            "plain": hex(plain.as_bytes()),
            "blob": hex(&blob.expect("short enough")),
        })
    });
    json!({ "format": "ciphertext", "version": 1, "samples": samples })
}

fn hierarchy() -> Value {
    let random = &mut Counting::default();
    let root = Root::generate(random);
    let file_key = FileKey::generate(random);
    let words = Passphrase::new(Secret::from(b"correct horse".to_vec())).expect("words");
    let cost = Cost {
        memory_kib: 64,
        passes: 2,
        lanes: 2,
    };
    let sealed_root = SealedRoot {
        wraps: vec![
            RootWrap::by_file_key(&root, &file_key, random),
            RootWrap::by_passphrase(&root, &words, cost, random).expect("a small cost"),
        ],
        own: vec![(
            "sample".to_owned(),
            root.wrap_own("sample", b"own secret", random),
        )],
    };
    let domain = Domain::new("111122223333", "eu-west-1").expect("a domain");
    let key = DomainKey::generate(domain, 3, random);
    let material = MaterialId::of("mrk-1234abcd12ab34cd56ef1234567890ab", b"secret");
    json!({
        "format": "hierarchy",
        "version": 1,
        "fileKey": hex(file_key.expose()),
        "passphrase": "correct horse",
        "rootId": root.id().to_string(),
        "sealedRoot": hex(&sealed_root.to_bytes()),
        "ownName": "sample",
        "ownSecret": hex(b"own secret"),
        "domain": ["111122223333", "eu-west-1"],
        "domainVersion": 3,
        "domainKey": hex(&root.wrap(&key, random)),
        "materialId": material.to_string(),
        "spec": "HMAC_256",
        "material": hex(b"secret"),
        "materialToken": hex(&key.wrap(material, "HMAC_256", b"secret", random)),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
