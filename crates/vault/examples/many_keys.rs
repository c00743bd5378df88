//! What a vault of many keys costs: how long it takes to open, and how much memory its index takes.
//!
//!     cargo run --release -p palisade-vault --example many_keys -- [KEYS]

use std::sync::Arc;
use std::time::Instant;

use palisade_core::OsRandom;
use palisade_keyring::spec::KeySpec;
use palisade_keyring::{Domain, DomainKey, MaterialId, Random as _, Root};
use palisade_store::SystemClock;
use palisade_vault::slots::Entry;
use palisade_vault::{Keys, files};

fn main() {
    let keys: u32 = std::env::args()
        .nth(1)
        .map_or(100_000, |n| n.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let root = Root::generate(&mut OsRandom);
    fill(folder.path(), keys);
    let before_kib = resident_kib();
    let start = Instant::now();
    let (slots, recovery) = files::open(folder.path()).expect("it opens");
    let keys = Keys::open(slots, vec![root], Arc::new(SystemClock), &mut OsRandom);
    let opened_ms = start.elapsed().as_secs_f64() * 1000.0;
    let grown_mib = resident_kib().saturating_sub(before_kib) as f64 / 1024.0;
    println!(
        "{} entries: opened in {opened_ms:.0} ms, {grown_mib:.1} MiB",
        recovery.entries
    );
    drop(keys);
}

/// Tokens as the hierarchy makes them, put in great batches: one at a time would wait for the disk as often.
fn fill(folder: &std::path::Path, keys: u32) {
    let (slots, _) = files::open(folder).expect("it opens");
    let domain = Domain::new("111122223333", "eu-west-1").expect("a domain");
    let key = DomainKey::generate(domain, 1, &mut OsRandom);
    let numbers: Vec<u32> = (0..keys).collect();
    for batch in numbers.chunks(4096) {
        let tokens: Vec<_> = batch.iter().map(|number| token(&key, *number)).collect();
        let entries = tokens.iter().map(|(id, token)| Entry {
            id: *id.as_bytes(),
            kind: 2,
            content: token,
        });
        slots
            .put(&entries.collect::<Vec<_>>())
            .expect("there is room");
    }
}

fn token(key: &DomainKey, number: u32) -> (MaterialId, Vec<u8>) {
    let mut secret = [0; 32];
    OsRandom.fill(&mut secret);
    let id = MaterialId::of(&number.to_string(), &secret);
    let spec = KeySpec::SymmetricDefault.as_str();
    (id, key.wrap(id, spec, &secret, &mut OsRandom))
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
