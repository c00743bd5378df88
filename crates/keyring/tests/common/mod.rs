//! What the tests share.
#![allow(dead_code, reason = "each test uses some of it")]

use std::sync::OnceLock;

use palisade_keyring::spec::KeySpec;
use palisade_keyring::{Material, Random};

/// Bytes that differ from draw to draw and are the same in every run.
pub struct Counting(pub u64);

impl Random for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

/// One key of each kind but the two larger sizes of RSA, made once: RSA takes its time.
pub fn keys() -> &'static [Material] {
    static KEYS: OnceLock<Vec<Material>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let slow = [KeySpec::Rsa3072, KeySpec::Rsa4096];
        let specs = KeySpec::ALL.iter().filter(|spec| !slow.contains(spec));
        let made = specs.map(|spec| Material::generate(*spec, &mut Counting(7)).expect("a key"));
        made.collect()
    })
}

/// The key of `spec`.
pub fn key(spec: KeySpec) -> &'static Material {
    let found = keys().iter().find(|key| key.spec() == spec);
    found.expect("not one of the larger sizes of RSA")
}
